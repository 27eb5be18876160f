import { pino } from 'pino';
import type { Clock } from '../../src/node/environment.ts';
import { Member } from '../../src/node/member.ts';
import { silentMetrics } from '../../src/node/member-metrics.ts';
import type { MemberSettings } from '../../src/node/settings.ts';
import { systemClock, systemRandom } from '../../src/node/system-environment.ts';
import { defaultTtlPolicy } from '../../src/registry/validation.ts';
import { DurableStorage } from '../../src/storage/durable-storage.ts';
import { MemoryDisk, MemoryStore } from '../../src/storage/memory-store.ts';
import { MemoryNetwork } from '../../src/transport/memory-transport.ts';
import { waitFor } from '../process/wait-for.ts';

export const ids = ['a', 'b', 'c'];

/** Members of the production class in one process: real clocks unless another is given, memory for network and disk. */
export class MemoryCluster {
  readonly network = new MemoryNetwork((delayMs, deliver) => this.#clock.after(delayMs, deliver));
  readonly disks = new Map(ids.map((id) => [id, new MemoryDisk()]));
  readonly members = new Map<string, Member>();
  readonly #settings: Partial<MemberSettings>;
  readonly #clock: Clock;

  constructor(settings: Partial<MemberSettings> = {}, clock: Clock = systemClock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  async start(...which: readonly string[]): Promise<void> {
    for (const id of which.length > 0 ? which : ids) {
      const member = await Member.start(
        {
          nodeId: id,
          clusterId: 'test',
          initialVoters: ids,
          tickMs: 10,
          electionTimeoutMs: 100,
          raftHeartbeatMs: 20,
          snapshotEveryEntries: 10_000,
          snapshotEveryBytes: 1e9,
          keepEntries: 100,
          ttlPolicy: { ...defaultTtlPolicy, minimumSeconds: 0.01 },
          validateDependencies: false,
          requestTimeoutMs: 2_000,
          leaderWaitMs: 1_000,
          maxPendingWrites: 1_000,
          version: '0.0.0',
          restAddress: '',
          grpcAddress: '',
          ...this.#settings,
        },
        {
          clock: this.#clock,
          random: systemRandom,
          storage: new DurableStorage(new MemoryStore(this.disks.get(id))),
          transport: this.network.transport(id),
          logger: pino({ level: process.env.TEST_LOG ?? 'silent', base: { id } }),
          metrics: silentMetrics,
        },
      );
      this.members.set(id, member);
    }
  }

  member(id: string): Member {
    const member = this.members.get(id);
    if (!member) throw new Error(`${id} is not running`);
    return member;
  }

  /** Who leads now, as far as anybody can tell. */
  get leading(): string | undefined {
    return [...this.members].find(([, member]) => {
      const { role, termOpened } = member.status();
      return role === 'leader' && termOpened;
    })?.[0];
  }

  async leader(): Promise<string> {
    return waitFor(() => this.leading, { timeoutMs: 5_000, what: 'a leader', everyMs: 5 });
  }

  async stop(...which: readonly string[]): Promise<void> {
    for (const id of which.length > 0 ? which : [...this.members.keys()]) {
      const member = this.member(id);
      this.members.delete(id);
      await member.stop();
    }
  }
}
