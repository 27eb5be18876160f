import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ManifestGrpcClient } from '../../src/client/index.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { projectDirectory } from './python.ts';
import { waitFor } from './wait-for.ts';

const run = promisify(execFile);

/** The programs of the document, by their file names. */
function programs(): ReadonlyMap<string, string> {
  const text = readFileSync(join(projectDirectory, 'docs/clients.md'), 'utf8');
  const blocks = [...text.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)].map(([, file, code]) => [file, code] as const);
  if (blocks.length !== text.match(/^```ts$/gm)?.length) throw new Error('A program of the document has no file name.');
  return new Map(blocks.map(([file = '', code = '']) => [file, code]));
}

const orchestratorServer = createServer((request, response) => {
  response.end(`${request.method} ${request.url} was taken`);
});
let directory = '';
let cluster: Cluster | undefined;
let client: ManifestGrpcClient | undefined;
let orchestratorUrl = '';

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'manifest-document-'));
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(projectDirectory, join(directory, 'node_modules/chora-manifest'));
  writeFileSync(join(directory, 'package.json'), '{"type": "module"}');
  for (const [file, code] of programs()) writeFileSync(join(directory, file), code);
  orchestratorServer.listen(0, '127.0.0.1');
  await once(orchestratorServer, 'listening');
  orchestratorUrl = `http://127.0.0.1:${(orchestratorServer.address() as AddressInfo).port}`;
  cluster = await startCluster();
  client = new ManifestGrpcClient({ endpoints: cluster.grpcAddresses });
  const metadata = { tags: ['core'] };
  const ttl = { heartbeat_interval: 100, unhealthy_after: 300, remove_after: 600 };
  await client.register({
    name: 'orchestrator',
    version: '1.2.0',
    interfaces: { REST: orchestratorUrl },
    metadata,
    ttl,
  });
  await client.register({
    name: 'gateway',
    version: '1.0.0',
    interfaces: { CLI: 'gateway' },
    metadata: { ...metadata, dependencies: ['orchestrator'] },
    ttl,
  });
});

afterAll(async () => {
  client?.close();
  orchestratorServer.close();
  await cluster?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const environment = () => ({ ...process.env, MANIFEST_ENDPOINTS: cluster?.grpcAddresses.join(',') ?? '' });

async function output(program: string, ...parameters: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [program, ...parameters], {
    cwd: directory,
    env: environment(),
    timeout: 60_000,
  });
  return stdout;
}

test('the programs of the document are compiled against the built package', async () => {
  const compiler = join(projectDirectory, 'node_modules/typescript/bin/tsc');
  const settings = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext'];
  const types = ['--types', 'node', '--typeRoots', join(projectDirectory, 'node_modules/@types'), '--lib', 'es2023'];
  const files = [...programs().keys()];
  const compiled = run(process.execPath, [compiler, ...settings, ...types, ...files], { cwd: directory });
  await compiled.catch((failed: { stdout: string }) => expect(failed.stdout).toBe(''));
  expect(files).toEqual([
    'registry.ts',
    'service.ts',
    'by-hand.ts',
    'discover.ts',
    'view.ts',
    'watch.ts',
    'dependencies.ts',
    'proxy.ts',
    'interfaces.ts',
    'diagnose.ts',
    'complete.ts',
  ]);
});

test('a service registers, is found, and is gone when it is told to end', async () => {
  const service: ChildProcess = spawn(process.execPath, ['service.js'], { cwd: directory, env: environment() });
  const said: string[] = [];
  service.stdout?.setEncoding('utf8').on('data', (text: string) => said.push(text));
  const ended = once(service, 'exit');
  try {
    const found = await waitFor(() => client?.getService('my-service'), { timeoutMs: 20_000, what: 'the service' });
    expect(found).toMatchObject({ status: 'up', metadata: { environment: 'development' } });
    expect(await (await fetch(found.interfaces.REST ?? '')).text()).toBe('hello');
    await waitFor(() => (said.join('').includes(found.id) ? true : undefined), { timeoutMs: 5_000, what: 'its id' });
    service.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(said.join('')).toBe(`registered ${found.id}\nderegistered\n`);
    expect((await client?.getInstances('my-service', {}))?.value).toEqual([]);
  } finally {
    service.kill('SIGKILL');
  }
});

test('the single calls', async () => {
  expect(await output('by-hand.js')).toMatch(/^up for (15|14\.\d+) s\n$/);
});

test('discovery', async () => {
  const said = await output('discover.js');
  expect(said).toContain(`orchestrator is at ${orchestratorUrl}\n`);
  expect(said).toMatch(/core: gateway gateway-[0-9a-f]{8}\ncore: orchestrator orchestrator-[0-9a-f]{8}\n/);
  expect(said).toContain('depends on it: gateway\n');
  expect(said).toMatch(/start in this order: .*"orchestrator".*"gateway"/);
  expect(said).toContain("No instance of the service 'nobody' is registered.\n");
});

test('the view', async () => {
  const said = await output('view.js');
  expect(said).toMatch(/^gateway,(manifest,)?orchestrator at revision \d+, live, 0 ms old\n/);
  expect(said).toMatch(/\nadded orchestrator up\n$/);
});

test('the watch', async () => {
  expect(await output('watch.js')).toMatch(/^there is orchestrator-[0-9a-f]{8}\nthat was all, at revision \d+\n$/);
});

test('the dependency resolver', async () => {
  expect(await output('dependencies.js')).toMatch(/^ready: http\S+ and http\S+\nmissing: billing,search; not up: \n$/);
});

test('the proxy', async () => {
  expect(await output('proxy.js')).toBe('POST /deploy was taken\n');
});

test('the choice of an interface', async () => {
  expect(await output('interfaces.js')).toBe(
    'CLI: composer-cli\nMCP: tcp://10.0.0.1:7000\nREST: http://10.0.0.1:8600\nfor agents: composer\n',
  );
});

test('the diagnosis of an instance, and of one that is not there', async () => {
  const [gateway] = (await client?.getInstances('gateway', {}))?.value ?? [];
  const said = await output('diagnose.js', 'gateway', gateway?.id ?? '');
  expect(said).toMatch(
    /^registry healthy, led by node-\d; \d+ instances\nregistered: gateway,(manifest,)?orchestrator/,
  );
  expect(said).toMatch(/\ngateway-[0-9a-f]{8} is up, last heard of at \S+Z\nheartbeat succeeded: 300 s until /);
  const missing = await output('diagnose.js', 'gateway', 'no-such-one');
  expect(missing).toMatch(/\nno-such-one is not listed\nheartbeat failed: service_not_found: /);
});

test('the complete service works with its dependency, and deregisters when it is told to end', async () => {
  const service = spawn(process.execPath, ['complete.js'], { cwd: directory, env: environment() });
  const said: string[] = [];
  for (const stream of [service.stdout, service.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text));
  }
  const ended = once(service, 'exit');
  try {
    const found = await waitFor(() => client?.getService('example-service'), {
      timeoutMs: 60_000,
      what: 'the service',
    });
    expect(found.metadata).toMatchObject({ dependencies: ['manifest', 'orchestrator'], tags: ['example', 'demo'] });
    expect(await (await fetch(`${found.interfaces.REST}/work`)).text()).toBe('GET /work was taken');
    service.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(said.join('')).toMatch(
      /^\[Init\] Waiting for dependencies\n\[Init\] Found Manifest at http\S+\n\[Init\] Registered with instance ID: \S+\n\[Shutdown\] Received SIGTERM\n\[Shutdown\] deregistered\n$/,
    );
    expect((await client?.getInstances('example-service', {}))?.value).toEqual([]);
  } finally {
    service.kill('SIGKILL');
  }
});

test('every program of the document is said to do a job of the quick reference', () => {
  const text = readFileSync(join(projectDirectory, 'docs/clients.md'), 'utf8');
  const table = text.slice(text.indexOf('| quick reference |'), text.indexOf('## One client'));
  const named = [...table.matchAll(/`(\w[\w-]*\.ts)`/g)].map(([, file]) => file);
  expect(new Set([...named, 'watch.ts'])).toEqual(new Set(programs().keys()));
});
