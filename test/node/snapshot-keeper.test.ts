import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { checksum } from '../../src/codec/checksum.ts';
import { silentMetrics } from '../../src/node/member-metrics.ts';
import type { MemberSettings } from '../../src/node/settings.ts';
import { SnapshotKeeper } from '../../src/node/snapshot-keeper.ts';
import { systemClock, systemRandom } from '../../src/node/system-environment.ts';
import { initialMembership } from '../../src/raft/membership.ts';
import { Raft } from '../../src/raft/raft.ts';
import { RegistryState } from '../../src/registry/registry-state.ts';
import { defaultTtlPolicy } from '../../src/registry/validation.ts';
import { DurableStorage } from '../../src/storage/durable-storage.ts';
import { MemoryStore } from '../../src/storage/memory-store.ts';
import { MemoryNetwork } from '../../src/transport/memory-transport.ts';
import type { PeerMessage, SnapshotChunk } from '../../src/transport/transport.ts';
import { testConfig } from '../raft/harness/fixtures.ts';

const voters = initialMembership(['a', 'b', 'c']);
const data = Uint8Array.of(1, 2, 3);

const settings: MemberSettings = {
  nodeId: 'a',
  clusterId: 'test',
  initialVoters: voters.voters,
  tickMs: 1,
  electionTimeoutMs: 10,
  raftHeartbeatMs: 2,
  snapshotEveryEntries: 10_000,
  snapshotEveryBytes: 1e9,
  keepEntries: 100,
  ttlPolicy: defaultTtlPolicy,
  validateDependencies: false,
  requestTimeoutMs: 1_000,
  leaderWaitMs: 1_000,
  maxPendingWrites: 100,
  version: '0.0.0',
  restAddress: '',
  grpcAddress: '',
};

/** A whole snapshot in one chunk. */
function chunkOf(index: number, term: number): SnapshotChunk {
  const sums = { checksum: checksum(data), chunkChecksum: checksum(data) };
  const snapshot = { index, term: 1, membership: voters };
  return { type: 'snapshot-chunk', term, snapshot, chunkCount: 1, sizeBytes: 3, chunkIndex: 0, ...sums, data };
}

test('a received snapshot that the core has no use for does not stand in the way of the next', async () => {
  const storage = new DurableStorage(new MemoryStore());
  await storage.open();
  const identity = { clusterId: 'test', nodeId: 'a', incarnation: '1' };
  const { restored } = await storage.initialise(identity, voters);
  const raft = new Raft({ ...testConfig, id: 'a' }, restored);
  const sent: PeerMessage[] = [];
  const failures: unknown[] = [];
  const keeper = new SnapshotKeeper({
    settings,
    environment: {
      clock: systemClock,
      random: systemRandom,
      storage,
      transport: new MemoryNetwork((delayMs, deliver) => systemClock.after(delayMs, deliver)).transport('a'),
      logger: pino({ level: 'silent' }),
      metrics: silentMetrics,
    },
    raft,
    state: () => new RegistryState(),
    term: () => raft.status().term,
    send: (_, message) => sent.push(message),
    wake: () => {},
    failed: (error) => failures.push(error),
  });
  const acks = (index: number) =>
    sent.filter((message) => message.type === 'snapshot-ack' && message.snapshotIndex === index);
  // This member is in term 5 by now, so what the leader of term 4 sends is of no use.
  raft.step({ type: 'heartbeat-request', from: 'c', to: 'a', term: 5, commitIndex: 0, readRound: 0 });
  keeper.receiveChunk('b', chunkOf(20, 4));
  await vi.waitFor(() => expect(acks(20)).toHaveLength(1), { timeout: 10_000 });
  expect(raft.status().commitIndex).toBe(0);
  keeper.receiveChunk('c', chunkOf(30, 5));
  await vi.waitFor(() => expect(acks(30)).toHaveLength(1), { timeout: 10_000 });
  await vi.waitFor(() => expect(raft.status().commitIndex).toBe(30), { timeout: 10_000 });
  expect(failures).toEqual([]);
  await keeper.close();
});
