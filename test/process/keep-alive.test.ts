import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { ManifestGrpcClient, type ViewChange } from '../../src/client/index.ts';
import { Cluster } from './cluster.ts';
import { call } from './rest.ts';
import { waitFor } from './wait-for.ts';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** What a machine that does other things may be late. */
const busyMs = 10_000;

let cluster: Cluster | undefined;
const processes: ChildProcess[] = [];
afterEach(async () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL');
  await cluster?.stop();
  cluster = undefined;
});

interface Kept {
  readonly wrapper: ChildProcess;
  readonly exited: Promise<number | null>;
  /** The command runs, and listens to signals: its process id. */
  readonly ready: Promise<number>;
}

/** Runs a service under the command line, with a lease of so many seconds until unhealthy and removed. */
function keepAlive(urls: readonly string[], lease: readonly [number, number], script: string): Kept {
  const [unhealthyAfter, removeAfter] = lease;
  const wrapper = spawn(
    process.execPath,
    [
      ...[program, 'register', 'kept', '--id', 'one', '--version', '1.0.0', '--interface', 'CLI=kept'],
      ...['--heartbeat-interval', '1', '--unhealthy-after', String(unhealthyAfter)],
      ...['--remove-after', String(removeAfter), '--keep-alive', '--', process.execPath, '-e', script],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH ?? '', MANIFEST_URL: urls.join(',') } },
  );
  processes.push(wrapper);
  const exited = new Promise<number | null>((resolve) => wrapper.once('exit', resolve));
  const ready = new Promise<number>((resolve) => wrapper.stdout?.once('data', (said) => resolve(Number(said))));
  return { wrapper, exited, ready };
}

/** What a reader of one member sees: a status, or `gone`; `null` where the member does not answer. */
async function look(url: string): Promise<string | null> {
  const answer = await call(url, 'GET', '/v1/services/kept/one', undefined, { timeoutMs: 2_000 }).catch(() => null);
  if (answer?.status === 200) return answer.body.status;
  return answer?.status === 404 ? 'gone' : null;
}

async function see(url: string, status: string): Promise<void> {
  const what = `the service to be ${status}`;
  await waitFor(async () => (await look(url)) === status || undefined, { timeoutMs: 20_000, what });
}

/** Ends by itself when its parent is gone, so that the test leaves nothing behind. */
const orphanEnds = 'setInterval(() => process.ppid === 1 && process.exit(), 100)';
const staysUntilTold = `${orphanEnds}; process.on('SIGTERM', () => process.exit(7)); console.log(process.pid)`;

test('a service that is killed with its wrapper turns unhealthy and is removed on time; one that ends is gone at once', async () => {
  cluster = await Cluster.start();
  const [url = ''] = cluster.urls;
  const first = keepAlive(cluster.urls, [3, 6], staysUntilTold);
  await see(url, 'up');
  // Past its lease, it is there for its heartbeats alone.
  const registeredAt = Date.parse((await call(url, 'GET', '/v1/services/kept/one')).body.registered_at);
  await waitFor(
    async () => {
      const { status, last_heartbeat } = (await call(url, 'GET', '/v1/services/kept/one')).body;
      expect(status).toBe('up');
      return Date.parse(last_heartbeat) - registeredAt > 4_000 || undefined;
    },
    { timeoutMs: 20_000, what: 'heartbeats past the first lease' },
  );

  first.wrapper.kill('SIGKILL');
  await first.exited;
  const { last_heartbeat } = (await call(url, 'GET', '/v1/services/kept/one')).body;
  await see(url, 'unhealthy');
  const unhealthyMs = Date.now() - Date.parse(last_heartbeat);
  await see(url, 'gone');
  const goneMs = Date.now() - Date.parse(last_heartbeat);
  // Never early; and by its own lease, not the 30 and 60 s of others. To the second is for tests with a clock of their own.
  expect(unhealthyMs).toBeGreaterThanOrEqual(2_900);
  expect(unhealthyMs).toBeLessThan(3_000 + busyMs);
  expect(goneMs).toBeGreaterThanOrEqual(5_900);
  expect(goneMs).toBeLessThan(6_000 + busyMs);

  // A lease of a minute: what is gone when the wrapper has ended was deregistered.
  const second = keepAlive(cluster.urls, [30, 60], staysUntilTold);
  await see(url, 'up');
  await second.ready;
  second.wrapper.kill('SIGTERM');
  expect(await second.exited).toBe(7);
  expect(await look(url)).toBe('gone');

  // And so it was for a service that was killed while its wrapper lives.
  const third = keepAlive(cluster.urls, [30, 60], staysUntilTold);
  await see(url, 'up');
  process.kill(await third.ready, 'SIGKILL');
  expect(await third.exited).toBe(128 + 9);
  expect(await look(url)).toBe('gone');
});

test('the registry restarting under it, member by member and as a whole, never makes it vanish for its readers', async () => {
  cluster = await Cluster.start();
  const { urls } = cluster;
  const { wrapper, exited } = keepAlive(urls, [5, 8], staysUntilTold);
  await see(urls[0] ?? '', 'up');

  const seen = new Map<string, number>();
  let reading = true;
  const readers = urls.map(async (url) => {
    while (reading) {
      const status = (await look(url)) ?? 'no answer';
      seen.set(status, (seen.get(status) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  const client = new ManifestGrpcClient({ endpoints: cluster.grpcAddresses, timeoutMs: 30_000 });
  const changes: ViewChange[] = [];
  const view = await client.follow({ service: 'kept' }).ready();
  const following = (async () => {
    for await (const change of view) changes.push(change);
  })();
  for (const i of [0, 1, 2]) {
    await cluster.kill(i, i === 0 ? 'SIGTERM' : 'SIGKILL');
    cluster.startMember(i);
    await cluster.ready();
  }
  for (const i of [0, 1, 2]) await cluster.kill(i);
  for (const i of [0, 1, 2]) cluster.startMember(i);
  await cluster.ready();
  const afterRestart = Date.now();
  // Longer than its lease: without heartbeats that found the new members, it would be gone by now.
  await waitFor(
    async () => {
      const { status, last_heartbeat } = (await call(urls[1] ?? '', 'GET', '/v1/services/kept/one')).body;
      return (status === 'up' && Date.parse(last_heartbeat) - afterRestart > 9_000) || undefined;
    },
    { timeoutMs: 40_000, what: 'heartbeats past the lease after the restart' },
  );
  reading = false;
  await Promise.all(readers);
  await waitFor(() => (view.state === 'live' && view.pick('kept')?.status === 'up') || undefined, {
    timeoutMs: 30_000,
    what: 'the follower to be level',
  });
  client.close();
  await following;
  console.log(`readers saw ${JSON.stringify(Object.fromEntries(seen))}`);
  expect(seen.get('up')).toBeGreaterThan(100);
  expect(seen.get('no answer')).toBeGreaterThan(0);
  expect([...seen.keys()].filter((status) => !['up', 'unknown', 'no answer'].includes(status))).toEqual([]);
  // Nor for who follows it: it was there, and changed its health.
  expect(changes.map(({ type }) => type)).toEqual(['added', ...changes.slice(1).map(() => 'changed')]);
  expect(changes.length).toBeGreaterThan(1);
  wrapper.kill('SIGTERM');
  expect(await exited).toBe(7);
  expect(await look(urls[0] ?? '')).toBe('gone');
});
