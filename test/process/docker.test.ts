import { afterAll, expect, type TestContext, test } from 'vitest';
import { ComposeCluster } from './docker.ts';
import { run } from './docker-commands.ts';
import { findDockerHost } from './docker-host.ts';
import { call, registration } from './rest.ts';
import { waitFor } from './wait-for.ts';

let cluster: ComposeCluster | undefined;
afterAll(() => cluster?.down());

/** The cluster, built and started by the first test that asks. Where there can be none, the test is skipped and says why. */
async function startedCluster(context: TestContext): Promise<ComposeCluster> {
  if (!cluster) {
    const host = await findDockerHost();
    if (host.kind === 'none') {
      console.log(`The containers were not tried: ${host.reason}.`);
      context.skip(host.reason);
    }
    cluster = await ComposeCluster.create(host);
    await cluster.compose('build');
    await cluster.compose('up', '-d', '--no-build');
  }
  const started = cluster;
  context.onTestFailed(async () => {
    console.log(await started.compose('logs', '--no-color', '--tail', '40'));
  });
  return started;
}

/** Every instance of `contained` by id and status, as `url` answers once it can. */
const contained = (url: string, count: number) =>
  waitFor(
    async () => {
      const answer = await call(url, 'GET', '/v1/services/contained/instances', undefined, { timeoutMs: 3_000 });
      if (answer.status !== 200 || answer.body.length !== count) return undefined;
      return Object.fromEntries(answer.body.map(({ id, status }: { id: string; status: string }) => [id, status]));
    },
    { timeoutMs: 60_000, what: `${url} to answer with ${count} instances`, everyMs: 100 },
  );

const allReady = (urls: readonly string[]) =>
  Promise.all(
    urls.map((url) =>
      waitFor(
        async () => (await call(url, 'GET', '/readyz', undefined, { timeoutMs: 3_000 })).status === 200 || undefined,
        {
          timeoutMs: 60_000,
          what: `${url} to be ready`,
          everyMs: 100,
        },
      ),
    ),
  );

test('a cluster of containers survives its leader, and its containers', async (context) => {
  const running = await startedCluster(context);
  const { urls } = running;
  const [first = '', second = '', third = ''] = urls;
  const headers = { authorization: `Bearer ${running.token}` };
  const register = (url: string, id: string) =>
    call(url, 'POST', '/v1/services', registration('contained', id), { headers });
  await allReady(urls);

  expect((await call(first, 'POST', '/v1/services', registration('contained', 'stranger'))).status).toBe(401);
  expect((await register(first, 'one')).status).toBe(201);
  for (const url of [second, third]) expect(await contained(url, 1)).toEqual({ one: 'up' });

  const leader: string = (await call(first, 'GET', '/v1/cluster')).body.leader;
  const ofLeader = urls[Number(leader.slice(-1)) - 1] ?? '';
  const survivors = urls.filter((url) => url !== ofLeader);
  expect(survivors).toHaveLength(2);
  await run('docker', ['kill', await running.containerOf(leader)]);
  for (const url of survivors) expect(await contained(url, 1)).toEqual({ one: 'up' });
  expect((await register(survivors[0] ?? '', 'two')).status).toBe(201);

  await running.compose('start', leader);
  expect(await contained(ofLeader, 2)).toEqual({ one: 'up', two: 'up' });

  // A stop is a farewell: each process hears SIGTERM and ends by itself, with success.
  await running.compose('stop');
  for (const service of ['node-1', 'node-2', 'node-3']) {
    expect(await running.inspect(service, '{{.State.Status}} {{.State.ExitCode}}'), service).toBe('exited 0');
  }

  // New containers on the old volumes, as after an upgrade. Nobody was there to see the instances: they are unknown.
  await running.compose('down');
  expect(await running.containerOf('node-1')).toBe('');
  await running.compose('up', '-d', '--no-build');
  for (const url of urls) expect(await contained(url, 2)).toEqual({ one: 'unknown', two: 'unknown' });
}, 900_000);

test('a container is healthy, belongs to nobody special, and holds only what a member needs', async (context) => {
  const running = await startedCluster(context);
  await waitFor(async () => (await running.inspect('node-2', '{{.State.Health.Status}}')) === 'healthy' || undefined, {
    timeoutMs: 60_000,
    what: 'the health check to pass',
    everyMs: 500,
  });
  const container = await running.containerOf('node-2');
  const user = await run('docker', ['exec', container, 'node', '-p', 'process.getuid()']);
  expect(user.trim()).toBe('1000');

  const image = await running.inspect('node-2', '{{.Image}}');
  const look = `
    const { existsSync, readdirSync } = require('node:fs');
    const tools = ['typescript', 'vitest', '@biomejs/biome'].filter((name) => existsSync('/app/node_modules/' + name));
    const tests = readdirSync('/app/dist', { recursive: true }).filter((name) => /\\.test\\./.test(name));
    console.log(JSON.stringify({ app: readdirSync('/app').sort(), tools, tests, npmrc: existsSync('/root/.npmrc') }));`;
  const found = await run('docker', ['run', '--rm', '--user', 'root', '--entrypoint', 'node', image, '-e', look]);
  expect(JSON.parse(found)).toEqual({
    app: ['LICENSE', 'dist', 'node_modules', 'package.json', 'proto'],
    tools: [],
    tests: [],
    npmrc: false,
  });
  // What a build was told about registries may be secret; an image's history shows each argument of its own stage.
  expect(await run('docker', ['history', '--no-trunc', image])).not.toContain('NPMRC');
}, 900_000);
