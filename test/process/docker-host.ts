import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectDirectory, run, succeeds } from './docker-commands.ts';

/** What this machine offers for trying containers. */
export type DockerHost =
  | { readonly kind: 'none'; readonly reason: string }
  | { readonly kind: 'docker'; readonly compose: readonly [string, ...string[]]; readonly baseImage: string };

const officialImage = 'node:24-bookworm-slim';
const standInImage = 'manifest-test-base:stand-in';
const trustingImage = 'manifest-test-base:trusting';

/** Looks for an engine, compose and a base image, which is made where it cannot be pulled. */
export async function findDockerHost(): Promise<DockerHost> {
  if (!(await succeeds('docker', 'info'))) return { kind: 'none', reason: 'no Docker Engine answers "docker info"' };
  const compose = await findCompose();
  if (!compose) return { kind: 'none', reason: 'neither "docker compose" nor "docker-compose" is installed' };
  const baseImage = await findBaseImage();
  if (!baseImage) {
    const reason = `${officialImage} cannot be pulled, and making a stand-in takes root, apt-get and debootstrap`;
    return { kind: 'none', reason };
  }
  return { kind: 'docker', compose, baseImage: await withTrustOfThisMachine(baseImage) };
}

async function findCompose(): Promise<readonly [string, ...string[]] | null> {
  if (await succeeds('docker', 'compose', 'version')) return ['docker', 'compose'];
  return (await succeeds('docker-compose', 'version')) ? ['docker-compose'] : null;
}

async function findBaseImage(): Promise<string | null> {
  for (const image of [officialImage, standInImage]) {
    if (await succeeds('docker', 'image', 'inspect', image)) return image;
  }
  if (await succeeds('docker', 'pull', officialImage)) return officialImage;
  const canMakeOne =
    process.getuid?.() === 0 &&
    (await succeeds('debootstrap', '--version')) &&
    (await succeeds('apt-get', '--version'));
  if (!canMakeOne) return null;
  await run(join(projectDirectory, 'scripts/stand-in-base-image.sh'), [standInImage]);
  return standInImage;
}

/** Where packages reach this machine through a proxy with certificates of its own, a build has to trust them too. */
async function withTrustOfThisMachine(baseImage: string): Promise<string> {
  const certificates = process.env.NODE_EXTRA_CA_CERTS || (await npmSetting('cafile'));
  if (!certificates || !existsSync(certificates)) return baseImage;
  const directory = mkdtempSync(join(tmpdir(), 'manifest-base-'));
  try {
    copyFileSync(certificates, join(directory, 'trusted.crt'));
    const lines = ['ARG BASE', 'FROM $BASE', 'COPY trusted.crt /etc/', 'ENV NODE_EXTRA_CA_CERTS=/etc/trusted.crt'];
    writeFileSync(join(directory, 'Dockerfile'), `${lines.join('\n')}\n`);
    await run('docker', ['build', '-t', trustingImage, '--build-arg', `BASE=${baseImage}`, directory]);
    return trustingImage;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A setting of this machine's npm; empty when there is none. */
async function npmSetting(name: string): Promise<string> {
  const value = (await run('npm', ['config', 'get', name])).trim();
  return value === 'null' || value === 'undefined' ? '' : value;
}

/** Names of registries, credentials for them, and proxies. Anything else, such as a path, means nothing elsewhere. */
const saysWherePackagesAre = /^\s*(@[^:=]+:registry|registry|\/\/|_auth|https?-proxy|proxy|noproxy|strict-ssl)/;

/** The part of this machine's npm configuration that says where packages come from, in the form of an `.npmrc` file. */
export async function packageSources(): Promise<string> {
  const files = [await npmSetting('globalconfig'), await npmSetting('userconfig')];
  const lines = files
    .filter((file) => file && existsSync(file))
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((line) => saysWherePackagesAre.test(line))
    .map((line) => line.replace(/\$\{(\w+)\}/g, (reference, name: string) => process.env[name] ?? reference));
  return [...lines, `registry=${await npmSetting('registry')}`].join('\n');
}

/** Variables that docker hands to each step of a build and stores in none. */
export function proxyVariables(): readonly string[] {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
  return names.filter((name) => process.env[name]);
}
