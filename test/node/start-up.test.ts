import { pino } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { silentMetrics } from '../../src/node/member-metrics.ts';
import type { MemberSettings } from '../../src/node/settings.ts';
import { openOrInitialise } from '../../src/node/start-up.ts';
import { systemRandom } from '../../src/node/system-environment.ts';
import { defaultTtlPolicy } from '../../src/registry/validation.ts';
import { DurableStorage } from '../../src/storage/durable-storage.ts';
import { MemoryDisk, MemoryStore } from '../../src/storage/memory-store.ts';
import { MemoryNetwork } from '../../src/transport/memory-transport.ts';
import { HandClock } from './hand-clock.ts';

const settings: MemberSettings = {
  nodeId: 'a',
  clusterId: 'test',
  initialVoters: ['a', 'b', 'c'],
  tickMs: 10,
  electionTimeoutMs: 100,
  raftHeartbeatMs: 20,
  snapshotEveryEntries: 100,
  snapshotEveryBytes: 1e6,
  keepEntries: 10,
  ttlPolicy: defaultTtlPolicy,
  validateDependencies: false,
  requestTimeoutMs: 1_000,
  leaderWaitMs: 500,
  maxPendingWrites: 100,
  version: '0.0.0',
  restAddress: '',
  grpcAddress: '',
};

let disk: MemoryDisk;
let lines: string[];

beforeEach(() => {
  disk = new MemoryDisk();
  lines = [];
});

/** Opens the disk as a member with these settings would. */
async function open(change: Partial<MemberSettings> = {}) {
  const storage = new DurableStorage(new MemoryStore(disk));
  const opened = await openOrInitialise(
    { ...settings, ...change },
    {
      clock: new HandClock(),
      random: systemRandom,
      storage,
      transport: new MemoryNetwork(() => {}).transport('a'),
      logger: pino({ level: 'info' }, { write: (line: string) => lines.push(line) }),
      metrics: silentMetrics,
    },
  );
  return { storage, opened };
}

test('trap 9: an empty disk begins a new life with a name that no other life has', async () => {
  const first = await open();
  expect(first.opened.identity).toMatchObject({ clusterId: 'test', nodeId: 'a' });
  expect(first.opened.identity.incarnation).toMatch(/^[0-9a-f]{32}$/);
  await first.storage.close();
  const again = await open();
  expect(again.opened.identity).toEqual(first.opened.identity);
  await again.storage.close();
  disk = new MemoryDisk();
  const second = await open();
  expect(second.opened.identity.incarnation).not.toBe(first.opened.identity.incarnation);
});

test.each([
  ['member', { nodeId: 'b' }, /belongs to member 'a' of cluster 'test', not to member 'b' of cluster 'test'/],
  ['cluster', { clusterId: 'other' }, /not to member 'a' of cluster 'other'.*data directory of its own/],
])("another %s's data is refused by name, and left closed for its owner", async (_, change, message) => {
  const { storage } = await open();
  await storage.close();
  await expect(open(change)).rejects.toThrow(message);
  const own = await open();
  expect(own.opened.identity.nodeId).toBe('a');
});

test('trap 23: members come from the configuration once; later the stored ones count, and the difference is told', async () => {
  const { storage } = await open();
  await storage.close();
  const { opened } = await open({ initialVoters: ['a', 'x'] });
  expect(opened.restored.snapshot.membership.voters).toEqual(['a', 'b', 'c']);
  expect(lines.join()).toContain('the stored ones count');
});

test('the same members in another order are no difference', async () => {
  const { storage } = await open();
  await storage.close();
  lines = [];
  await open({ initialVoters: ['c', 'a', 'b'] });
  expect(lines).toEqual([]);
});
