import type { MemberSettings } from '../../src/node/settings.ts';
import type { WatchLimits } from '../../src/node/watch-hub.ts';
import type { NetworkSettings } from './network.ts';
import { SimulatedRandom } from './random.ts';

/** Everything that can be done to a cluster. */
export const faultKinds = [
  'loss',
  'slow-links',
  'duplicates',
  'partition',
  'one-way-cut',
  'partial-partition',
  'isolated-leader',
  'flapping-link',
  'broken-connections',
  'crash',
  'crash-in-a-step',
  'crash-all',
  'pause',
  'pause-all',
  'pause-behind-cut',
  'stop',
  'slow-disk',
  'hanging-disk',
  'failing-disk',
  'full-disk',
  'flipped-bit',
  'emptied-directory',
  'wall-clock-jump',
] as const;

export type FaultKind = (typeof faultKinds)[number];

const usual: readonly FaultKind[] = ['crash', 'partition', 'pause'];

/** What a run leaves out of what its seed says: for shrinking, and for experiments. */
export interface Overrides {
  readonly without?: readonly FaultKind[];
  readonly clients?: number;
  /** Of the phase with faults. */
  readonly durationMs?: number;
  readonly duplicatesEverything?: boolean;
}

/** One seed's world: how many, how fast, how much goes wrong. */
export interface Scenario {
  readonly ids: readonly string[];
  readonly settings: Omit<MemberSettings, 'nodeId' | 'initialVoters'>;
  readonly network: NetworkSettings;
  /** Speed of each machine's clock, in its milliseconds for one of the world's. */
  readonly rates: Readonly<Record<string, number>>;
  readonly maxRate: number;
  readonly minRate: number;
  /** What a turn of a member's event loop takes. */
  readonly turnMs: number;
  /** Mean lateness of a timer. */
  readonly latenessMs: number;
  readonly faults: readonly FaultKind[];
  /** Mean time between two faults. */
  readonly faultEveryMs: number;
  /** Mean length of a fault that lasts. */
  readonly faultForMs: number;
  readonly durationMs: number;
  readonly services: number;
  readonly rivals: number;
  readonly readers: number;
  readonly watchers: number;
  /** Clients with held queries. */
  readonly holders: number;
  /** Clients that report for several instances at once. */
  readonly fleets: number;
  readonly watchLimits: WatchLimits;
  /** Mean length of a watch before its connection breaks. */
  readonly watchForMs: number;
  /** Mean time that a client thinks between two calls. */
  readonly thinkMs: number;
  readonly callTimeoutMs: number;
  readonly lostAnswers: number;
}

/**
 * Kinds of clients that joined later are in worlds from this seed on: a world below stays what it was when somebody
 * wrote down what its seed shows.
 */
export const laterClientsFrom = 100_000;

export function scenarioOf(seed: number, overrides: Overrides = {}): Scenario {
  const random = new SimulatedRandom(`scenario ${seed}`);
  const later = new SimulatedRandom(`later clients ${seed}`);
  const count = random.pick([3, 3, 3, 3, 5, 5, 5, 7]);
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].slice(0, count);
  const tickMs = random.pick([10, 10, 25, 50]);
  const electionTicks = random.pick([5, 8, 10]);
  const electionTimeoutMs = tickMs * electionTicks;
  const spread = random.pick([0, 0.002, 0.05, 0.3]);
  const rates = Object.fromEntries(ids.map((id) => [id, 1 + random.between(-spread, spread)]));
  // Each seed leaves some kinds of fault out, so that those that are left get further (swarm testing).
  const share = random.between(0.15, 0.7);
  const chosen = faultKinds.filter(() => random.chance(share));
  // Some kinds can be done only now and then; a run in which nothing went wrong would show nothing.
  const faults =
    chosen.length > 2 ? chosen : faultKinds.filter((kind) => chosen.includes(kind) || usual.includes(kind));
  const watchLimits = {
    historyEvents: random.pick([3, 30, 50_000]),
    watchers: random.pick([2, 10_000, 10_000]),
    queuedEvents: random.pick([2, 20, 1_000]),
  };
  // In proportion to everything else, but longer than what one late tick may count for.
  const unhealthyAfterSeconds = Math.max(300, electionTimeoutMs * random.pick([2, 4, 8])) / 1_000;
  return {
    ids,
    settings: {
      clusterId: 'simulated',
      tickMs,
      electionTimeoutMs,
      raftHeartbeatMs: tickMs * random.pick([1, 2, 2, 3]),
      snapshotEveryEntries: random.pick([5, 20, 20, 60, 1_000]),
      snapshotEveryBytes: 1e9,
      keepEntries: random.pick([0, 1, 5, 20]),
      ttlPolicy: {
        heartbeatIntervalSeconds: unhealthyAfterSeconds / 4,
        unhealthyAfterSeconds,
        removeAfterSeconds: unhealthyAfterSeconds * 2,
        minimumSeconds: 0.01,
        maximumSeconds: 86_400,
      },
      validateDependencies: false,
      requestTimeoutMs: random.pick([1_000, 3_000, 5_000]),
      leaderWaitMs: random.pick([300, 1_500, 3_000]),
      watchLimits,
      maxPendingWrites: random.pick([3, 20, 1_000]),
      version: '0.0.0',
      restAddress: '',
      grpcAddress: '',
    },
    network: {
      reorders: random.chance(0.5),
      duplicatesEverything: overrides.duplicatesEverything ?? false,
    },
    rates,
    maxRate: 1 + spread,
    minRate: 1 - spread,
    turnMs: random.pick([0.02, 0.2, 1]),
    latenessMs: random.pick([0.1, 1, tickMs / 4]),
    faults: faults.filter((kind) => !overrides.without?.includes(kind)),
    faultEveryMs: electionTimeoutMs * random.pick([0.3, 1, 3]),
    faultForMs: electionTimeoutMs * random.pick([0.5, 2, 5]),
    durationMs: overrides.durationMs ?? electionTimeoutMs * random.pick([20, 40, 80]),
    services: Math.min(overrides.clients ?? 99, 1 + random.integer(4)),
    rivals: Math.min(overrides.clients ?? 99, random.integer(4)),
    readers: Math.min(overrides.clients ?? 99, 1 + random.integer(4)),
    watchers: Math.min(overrides.clients ?? 99, random.integer(4)),
    holders: Math.min(overrides.clients ?? 99, seed < laterClientsFrom ? 0 : later.integer(3)),
    fleets: Math.min(overrides.clients ?? 99, seed < laterClientsFrom ? 0 : later.integer(3)),
    watchLimits,
    watchForMs: electionTimeoutMs * random.pick([2, 10, 50]),
    thinkMs: electionTimeoutMs * random.pick([0.05, 0.1, 0.3]),
    // Whoever waits in vain for longer than a run lasts shows nothing in it.
    callTimeoutMs: electionTimeoutMs * random.pick([3, 8, 20]),
    lostAnswers: random.pick([0, 0, 0.02, 0.2]),
  };
}
