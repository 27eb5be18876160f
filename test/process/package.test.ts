import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from './cluster.ts';
import { projectDirectory } from './python.ts';
import { call } from './rest.ts';
import { waitFor } from './wait-for.ts';

const run = promisify(execFile);
const from = (path: string) => join(projectDirectory, path);
const copied = (path: string) => join(directory, 'copy', path);

let directory = '';
/** Where somebody installed the package. */
let home = '';
let packed: readonly string[] = [];
/** What the compiler says to the programs below. */
let complaints: readonly string[] = [];

/** Packs a copy, so that what other tests run is not built anew under them. */
async function pack(): Promise<string> {
  mkdirSync(copied(''));
  const { files } = JSON.parse(readFileSync(from('package.json'), 'utf8')) as { files: string[] };
  const built = ['dist'];
  for (const path of ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'src', ...files]) {
    if (!built.includes(path)) cpSync(from(path), copied(path), { recursive: true });
  }
  symlinkSync(from('node_modules'), copied('node_modules'));
  mkdirSync(copied('dist'));
  writeFileSync(copied('dist/left-from-before.js'), '');
  await run('npm', ['pack', '--pack-destination', directory], { cwd: copied(''), timeout: 240_000 });
  const [tarball = ''] = readdirSync(directory).filter((name) => name.endsWith('.tgz'));
  return join(directory, tarball);
}

/** As `npm install` without a network: the package, what it needs to run and nothing else, and a link to its program. */
async function install(tarball: string): Promise<void> {
  const { packages } = JSON.parse(readFileSync(from('package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  for (const [path, { dev }] of Object.entries(packages)) {
    const isNeeded = /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && !dev && existsSync(from(path));
    if (!isNeeded) continue;
    mkdirSync(dirname(join(home, path)), { recursive: true });
    symlinkSync(from(path), join(home, path));
  }
  const place = join(home, 'node_modules/chora-manifest');
  mkdirSync(place);
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', place]);
  writeFileSync(
    join(home, 'package.json'),
    JSON.stringify({ type: 'module', private: true, dependencies: { 'chora-manifest': `file:${tarball}` } }),
  );
  await run('npm', ['rebuild', '--ignore-scripts', 'chora-manifest'], { cwd: home, timeout: 120_000 });
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'manifest-package-'));
  home = join(directory, 'home');
  mkdirSync(home);
  const tarball = await pack();
  packed = (await run('tar', ['-tzf', tarball])).stdout
    .trimEnd()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
  await install(tarball);
  complaints = await compile({ 'program.ts': program, 'mistaken.ts': mistaken });
}, 600_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const manifest = () => join(home, 'node_modules/.bin/chora-manifest');
const cli = (...parameters: readonly string[]) =>
  run(manifest(), parameters, { cwd: home, env: { PATH: process.env.PATH ?? '' }, timeout: 60_000 });

/** The files in one of the checkout's folders and in all folders below it, relative to it. */
function filesBelow(folder: string): string[] {
  return readdirSync(copied(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(copied(folder), join(entry.parentPath, entry.name)));
}

test('the package has the built sources, what they say of themselves, and nothing else', () => {
  const sources = filesBelow('src').filter((path) => path.endsWith('.ts'));
  const built = sources.flatMap((path) => ['.js', '.js.map', '.d.ts'].map((end) => `dist/${path.slice(0, -3)}${end}`));
  const documents = filesBelow('docs').map((path) => `docs/${path}`);
  const contracts = filesBelow('proto').map((path) => `proto/${path}`);
  const others = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];
  expect([...packed].sort()).toEqual([...built, ...documents, ...contracts, ...others].sort());
});

test('a build can be called at once, also where npx linked an earlier one that is gone', () => {
  expect(statSync(copied('dist/cli/main.js')).mode & 0o111).toBe(0o111);
});

test('every source map brings the source that it points to', () => {
  const maps = packed.filter((path) => path.endsWith('.map'));
  expect(maps.length).toBeGreaterThan(100);
  for (const path of maps) {
    const map = JSON.parse(readFileSync(join(home, 'node_modules/chora-manifest', path), 'utf8'));
    expect([path, map.sources.length, map.sourcesContent?.length]).toEqual([path, 1, 1]);
    const source = copied(`src/${path.slice('dist/'.length, -'.js.map'.length)}.ts`);
    expect(map.sourcesContent[0]).toBe(readFileSync(source, 'utf8'));
  }
});

test('the links of its README lead somewhere, but for the Python client, which is another package', () => {
  const readme = readFileSync(join(home, 'node_modules/chora-manifest/README.md'), 'utf8');
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path ?? '');
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((path) => !packed.includes(path))).toEqual(['clients/python/README.md']);
});

test('its program runs a member, registers with it, and finds what it registered', async () => {
  const { version } = JSON.parse(readFileSync(from('package.json'), 'utf8'));
  expect((await cli('--version')).stdout).toBe(`${version}\n`);
  expect((await cli('--help')).stdout).toContain('chora-manifest dev');
  const [rest = 0, grpc = 0, peer = 0] = await freePorts(3);
  const url = `http://127.0.0.1:${rest}`;
  const ports = ['--rest-port', rest, '--grpc-port', grpc, '--peer-port', peer].map(String);
  const member = spawn(manifest(), ['serve', ...ports, '--data-dir', join(directory, 'data')], {
    cwd: home,
    stdio: 'ignore',
    env: { PATH: process.env.PATH ?? '' },
  });
  const ended = once(member, 'exit');
  try {
    await waitFor(async () => (await call(url, 'GET', '/v1/services')).status === 200 || undefined, {
      timeoutMs: 60_000,
      what: 'the member to serve',
    });
    const registration = ['register', 'billing', '--id', 'b-1', '--version', '1.0.0', '--interface', 'CLI=billing'];
    expect((await cli(...registration, '--url', url)).stdout).toBe('b-1\n');
    expect((await cli('list', '-o', 'name', '--url', url)).stdout).toContain('billing/b-1\n');
    const { stdout } = await run(process.execPath, ['program.js', `127.0.0.1:${grpc}`], { cwd: home, timeout: 60_000 });
    expect(stdout).toBe('billing b-1 is up; nobody is not: service_not_found\n');
    member.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  } finally {
    member.kill('SIGKILL');
  }
});

test('its types take a program that is right, and refuse what the client would', () => {
  expect(complaints.map((line) => line.split(',', 1)[0])).toEqual(['mistaken.ts(3', 'mistaken.ts(4', 'mistaken.ts(5']);
});

const program = `
import { ManifestGrpcClient, RegistryError, type InstanceRecord } from 'chora-manifest';

using client = new ManifestGrpcClient({ endpoints: [process.argv[2] ?? ''] });
const billing: InstanceRecord = await client.getService('billing');
const failure: unknown = await client.getService('nobody').catch((error: unknown) => error);
if (!(failure instanceof RegistryError)) throw new Error('It did not fail as it should.');
console.log(\`billing \${billing.id} is \${billing.status}; nobody is not: \${failure.code}\`);
`;

const mistaken = `import { ManifestGrpcClient } from 'chora-manifest';
const client = new ManifestGrpcClient({ endpoints: ['127.0.0.1:1'] });
await client.list({ status: 'dead' });
await client.keepRegistered({ name: 'a', version: '1.0.0' });
new ManifestGrpcClient({ endpoints: '127.0.0.1:1' });
`;

/** With every check on, also of what the package declares. @returns the errors, a line each */
async function compile(files: Readonly<Record<string, string>>): Promise<string[]> {
  for (const [file, text] of Object.entries(files)) writeFileSync(join(home, file), text);
  const settings = ['--strict', '--target', 'es2022', '--lib', 'es2023,esnext.disposable', '--types', 'node'];
  const modules = ['--module', 'nodenext', '--moduleResolution', 'nodenext', '--skipLibCheck', 'false'];
  const parameters = [from('node_modules/typescript/bin/tsc'), ...settings, ...modules, ...Object.keys(files)];
  const { stdout } = await run(process.execPath, parameters, { cwd: home, timeout: 240_000 }).catch(
    (failed: { readonly stdout: string }) => failed,
  );
  return stdout.split('\n').filter((line) => line.includes('error TS'));
}
