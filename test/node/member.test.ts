import { afterEach, expect, test } from 'vitest';
import type { RegistryService } from '../../src/registry/service.ts';
import { waitFor } from '../process/wait-for.ts';
import { ids, MemoryCluster } from './memory-cluster.ts';

let cluster: MemoryCluster;
afterEach(() => cluster.stop());

const record = (name: string, id: string) => ({ name, id, version: '1.0.0', interfaces: { CLI: name } });

async function statusesAt(registry: RegistryService): Promise<string[]> {
  const { value } = await registry.list({});
  return value.instances.map(({ id, status }) => `${id} ${status}`);
}

test('a write through any member is read from every other at once', async () => {
  cluster = new MemoryCluster();
  await cluster.start();
  for (const writer of ids) {
    const { lease_id, created } = await cluster.member(writer).registry.register(record('svc', `from-${writer}`));
    expect(created).toBe(true);
    for (const reader of ids) {
      const { value } = await cluster.member(reader).registry.getInstances('svc', { instance_id: `from-${writer}` });
      expect(value.map((found) => found.lease_id)).toEqual([lease_id]);
    }
  }
});

test('heartbeats renew, and those for a lease that is not there say why', async () => {
  cluster = new MemoryCluster();
  await cluster.start();
  const { registry } = cluster.member('b');
  await registry.register(record('svc', 'one'));
  const { lease_id } = await registry.register(record('svc', 'one'));
  const target = { name: 'svc', id: 'one' };
  expect(await cluster.member('c').registry.heartbeat({ ...target, lease_id })).toMatchObject({ status: 'up' });
  await expect(registry.heartbeat({ ...target, lease_id: lease_id - 1 })).rejects.toMatchObject({
    code: 'lease_mismatch',
  });
  await expect(registry.heartbeat({ ...target, lease_id: lease_id + 1 })).rejects.toMatchObject({
    code: 'lease_mismatch',
  });
  await expect(registry.heartbeat({ name: 'svc', id: 'two' })).rejects.toMatchObject({ code: 'service_not_found' });
  await registry.deregister(target);
  await expect(cluster.member('a').registry.heartbeat(target)).rejects.toMatchObject({ code: 'service_gone' });
  const { renewed, failed } = await registry.heartbeats([target, { name: 'svc', id: 'two' }]);
  expect([renewed, failed.map(({ error }) => error)]).toEqual([0, ['service_gone', 'service_not_found']]);
});

test('a hundred concurrent heartbeats through a follower become a handful of entries', async () => {
  cluster = new MemoryCluster();
  await cluster.start();
  const leader = await cluster.leader();
  const follower = cluster.member(ids.find((id) => id !== leader) ?? '');
  for (let i = 0; i < 100; i++) await follower.registry.register(record('svc', `i${i}`));
  const before = follower.status().commitIndex;
  await Promise.all(Array.from({ length: 100 }, (_, i) => follower.registry.heartbeat({ name: 'svc', id: `i${i}` })));
  // A clock entry or two may have come in between.
  expect(follower.status().commitIndex - before).toBeLessThan(10);
});

test('a stopped leader hands over first, and nobody turns unknown', async () => {
  cluster = new MemoryCluster();
  await cluster.start();
  const leader = await cluster.leader();
  await cluster.member(leader).registry.register(record('svc', 'one'));
  const term = cluster.member(leader).status().term;
  await cluster.stop(leader);
  const next = await cluster.leader();
  expect(cluster.member(next).status().term).toBe(term + 1);
  expect(await statusesAt(cluster.member(next).registry)).toEqual(['one up']);
});

test('after all members were down every instance is unknown until it reports', async () => {
  cluster = new MemoryCluster();
  await cluster.start();
  await cluster.member('a').registry.register(record('svc', 'one'));
  await cluster.member('a').registry.register(record('svc', 'two'));
  await cluster.stop();
  await cluster.start();
  for (const id of ids) expect(await statusesAt(cluster.member(id).registry)).toEqual(['one unknown', 'two unknown']);
  await cluster.member('c').registry.heartbeat({ name: 'svc', id: 'two' });
  expect(await statusesAt(cluster.member('a').registry)).toEqual(['one unknown', 'two up']);
});

test('a member that was down while the log was compacted is brought level by a snapshot', async () => {
  cluster = new MemoryCluster({ snapshotEveryEntries: 50, keepEntries: 5 });
  await cluster.start();
  const leader = await cluster.leader();
  const down = ids.find((id) => id !== leader) ?? '';
  await cluster.stop(down);
  const { registry } = cluster.member(leader);
  const metadata = { description: 'x'.repeat(400) };
  for (let i = 0; i < 300; i++) await registry.register({ ...record('svc', `i${i}`), metadata });
  await cluster.start(down);
  const { value } = await cluster.member(down).registry.list({ limit: 1 });
  expect(value.total).toBe(300);
  expect(cluster.member(down).status().logStart.index).toBeGreaterThan(100);
  const hashes = await waitFor(
    async () => {
      const states = await Promise.all(
        [...cluster.members.values()].map(async (member) => (await member.cluster.status({ stateHash: true })).state),
      );
      const [first] = states;
      return states.every(({ applied_index }) => applied_index === first?.applied_index) ? states : undefined;
    },
    { timeoutMs: 5_000, what: 'all members at one index', everyMs: 3 },
  );
  expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1);
});

test('trap 9: a member that lost its disk ends instead of taking part under its old name', async () => {
  cluster = new MemoryCluster();
  await cluster.start();
  await cluster.member('a').registry.register(record('svc', 'one'));
  const leader = await cluster.leader();
  const lost = ids.find((id) => id !== leader) ?? '';
  await cluster.stop(lost);
  cluster.disks.get(lost)?.values.clear();
  await cluster.start(lost);
  const failure = await cluster.member(lost).failed;
  expect(failure.message).toMatch(/another data directory/);
  expect(await statusesAt(cluster.member(leader).registry)).toEqual(['one up']);
});

test('a member whose disk fails ends, and the others go on', async () => {
  cluster = new MemoryCluster();
  await cluster.start();
  const leader = await cluster.leader();
  const disk = cluster.disks.get(leader);
  if (disk) disk.failNextWrite = new Error('ENOSPC: no space left on device');
  const survivor = ids.find((id) => id !== leader) ?? '';
  await cluster.member(survivor).registry.register(record('svc', 'one'));
  expect((await cluster.member(leader).failed).message).toMatch(/is full/);
  expect(await statusesAt(cluster.member(survivor).registry)).toEqual(['one up']);
});

test('with a majority gone, writes and reads end with service_unavailable or outcome_unknown and never hang', async () => {
  cluster = new MemoryCluster();
  await cluster.start();
  const leader = await cluster.leader();
  const [first = '', second = ''] = ids.filter((id) => id !== leader);
  await cluster.stop(first, second);
  const { registry } = cluster.member(leader);
  const write = await registry.register(record('svc', 'one')).catch((error) => error.code);
  const read = await registry.list({}).catch((error) => error.code);
  expect(['service_unavailable', 'outcome_unknown']).toContain(write);
  expect(read).toBe('service_unavailable');
});
