import { afterEach, beforeEach, expect, test } from 'vitest';
import { HandClock } from './hand-clock.ts';
import { ids, MemoryCluster } from './memory-cluster.ts';

const ttl = { heartbeat_interval: 1, unhealthy_after: 4, remove_after: 8 };

let clock: HandClock;
let cluster: MemoryCluster;
let leader: string;
let others: [string, string];

beforeEach(async () => {
  clock = new HandClock();
  cluster = new MemoryCluster({}, clock);
  await clock.during(cluster.start(), 'the start');
  leader = await elected();
  const [first = '', second = ''] = ids.filter((id) => id !== leader);
  others = [first, second];
  const record = { name: 'svc', id: 'one', version: '1.0.0', interfaces: { CLI: 'svc' }, ttl };
  await clock.during(cluster.member(leader).registry.register(record), 'the registration');
});

afterEach(() => clock.during(cluster.stop(), 'the stop'));

async function elected(): Promise<string> {
  await clock.until(() => cluster.leading !== undefined, 'a leader');
  return cluster.leading ?? '';
}

/** As a linearizable read on `id` shows it. */
async function statusAt(id: string): Promise<string> {
  const { value } = await clock.during(cluster.member(id).registry.list({}), 'a read');
  return value.instances[0]?.status ?? 'gone';
}

/** Milliseconds until a read on `id` shows `status`. */
async function untilStatus(id: string, status: string): Promise<number> {
  const sinceMs = clock.monotonicMs();
  while ((await statusAt(id)) !== status) {
    if (clock.monotonicMs() - sinceMs > 20_000) throw new Error(`Waited in vain for '${status}'.`);
    await clock.pass(20);
  }
  return clock.monotonicMs() - sinceMs;
}

test('an instance without heartbeats turns unhealthy after its time and goes after the whole of it', async () => {
  const unhealthyMs = await untilStatus(others[0], 'unhealthy');
  expect(unhealthyMs).toBeGreaterThanOrEqual(3_800);
  expect(unhealthyMs).toBeLessThan(5_000);
  const goneMs = unhealthyMs + (await untilStatus(others[1], 'gone'));
  expect(goneMs).toBeGreaterThanOrEqual(7_800);
  expect(goneMs).toBeLessThan(9_000);
});

test('time without a majority does not count, and the instance is up when there is one again', async () => {
  await clock.pass(2_000);
  await clock.during(cluster.stop(...others), 'the stop of two members');
  await clock.pass(20_000);
  // One comes back and forms a majority with the member that was there all the time and so can vouch.
  await clock.during(cluster.start(others[0]), 'the start of one');
  await elected();
  expect(await statusAt(others[0])).toBe('up');
  await clock.during(cluster.start(others[1]), 'the start of the other');
  expect(await statusAt(others[1])).toBe('up');
  const unhealthyMs = await untilStatus(others[0], 'unhealthy');
  expect(unhealthyMs).toBeGreaterThan(1_000);
  expect(unhealthyMs).toBeLessThan(3_500);
});

test('two members that came back and elected one another have witnessed nothing, and say unknown', async () => {
  await clock.during(cluster.stop(...others), 'the stop of two members');
  for (const other of others) {
    cluster.network.cut(leader, other);
    cluster.network.cut(other, leader);
  }
  await clock.during(cluster.start(...others), 'the start of two members');
  await clock.until(() => others.includes(cluster.leading ?? ''), 'one of the two to lead');
  expect(await statusAt(others[0])).toBe('unknown');
  cluster.network.heal();
  // Whoever was cut off reads what the others decided.
  expect(await statusAt(leader)).toBe('unknown');
  const heartbeat = cluster.member(leader).registry.heartbeat({ name: 'svc', id: 'one' });
  expect(await clock.during(heartbeat, 'the heartbeat')).toMatchObject({ status: 'up' });
});

test('trap 29: a change of leader neither expires the instance nor gives it a lease anew', async () => {
  await clock.pass(2_000);
  await clock.during(cluster.stop(leader), 'the stop of the leader');
  await elected();
  expect(await statusAt(others[0])).toBe('up');
  const unhealthyMs = await untilStatus(others[0], 'unhealthy');
  expect(unhealthyMs).toBeGreaterThan(1_000);
  expect(unhealthyMs).toBeLessThan(3_500);
});

test('trap 28: a whole cluster that was suspended wakes up and expires nobody', async () => {
  // One step of the clock: no member's timer runs in between, as when the machine is suspended.
  await clock.pass(3_600_000, 3_600_000);
  expect(await statusAt(leader)).toBe('up');
  expect(await untilStatus(leader, 'unhealthy')).toBeGreaterThan(3_000);
});
