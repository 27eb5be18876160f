#!/bin/sh
# Makes an image that can stand in for the Dockerfile's base image where no image can be pulled: a minimal Debian with
# this machine's own Node.js and npm and a user named node. For tests only.
#
#   scripts/stand-in-base-image.sh NAME:TAG
#
# Needs root, debootstrap and a Docker Engine. Packages come from the mirror that this machine's apt uses.
set -eu
image=${1:?give the name of the image to make}
root=$(mktemp -d)
# One file system: what debootstrap mounted and failed to unmount is not ours to delete.
trap 'rm -rf --one-file-system "$root"' EXIT

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# Of all sources only the distribution's own: others may carry the same suite name.
mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
  awk -v suite="$suite" '$1 == suite && $2 == "main" && ($3 == "Debian" || $3 == "Ubuntu") { print $4; exit }')
# Without a mirror debootstrap falls back to its own.
debootstrap --variant=minbase --include=libstdc++6 "$suite" "$root" ${mirror:+"$mirror"}

node=$(readlink -f "$(command -v node)")
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
mkdir -p "$root/usr/local/bin" "$root/usr/local/lib/node_modules"
cp "$node" "$root/usr/local/bin/node"
cp -R "$npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
echo 'node:x:1000:1000::/home/node:/bin/sh' >>"$root/etc/passwd"
echo 'node:x:1000:' >>"$root/etc/group"
mkdir -p "$root/home/node"
chown 1000:1000 "$root/home/node"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*

tar -C "$root" -c . | docker import \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$image"
