#!/bin/sh
# Makes an image that can stand in for the Dockerfile's base image where no image can be pulled: a minimal Debian with
# this machine's own Node.js, npm, trusted certificates and a user named node. For tests only.
#
#   scripts/stand-in-base-image.sh NAME:TAG
#
# Needs root, debootstrap and a Docker Engine. Packages come from the mirror that this machine's apt uses.
set -eu
image=${1:?give the name of the image to make}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
debootstrap --variant=minbase --include=libstdc++6,ca-certificates "$suite" "$root" "${mirror:-http://deb.debian.org/debian}"

node=$(readlink -f "$(command -v node)")
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
mkdir -p "$root/usr/local/bin" "$root/usr/local/lib/node_modules"
cp "$node" "$root/usr/local/bin/node"
cp -R "$npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
# What this machine trusts, so that packages can be fetched through its proxy, if it has one.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo 'node:x:1000:1000::/home/node:/bin/sh' >>"$root/etc/passwd"
echo 'node:x:1000:' >>"$root/etc/group"
mkdir -p "$root/home/node"
chown 1000:1000 "$root/home/node"

tar -C "$root" -c . | docker import \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' \
  - "$image"
