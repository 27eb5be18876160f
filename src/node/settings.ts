import type { NodeId } from '../raft/types.ts';
import type { TtlPolicy } from '../registry/validation.ts';
import type { WatchLimits } from './watch-hub.ts';

/** All that one member needs to know before it starts. Validated by whoever makes it (`src/config/`). */
export interface MemberSettings {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  /** The voters of a new cluster, this member included. Read once, when the data directory is made (trap 23). */
  readonly initialVoters: readonly NodeId[];

  readonly tickMs: number;
  /** Election timeout, randomised to one to two times this. */
  readonly electionTimeoutMs: number;
  readonly raftHeartbeatMs: number;

  /** A snapshot is taken after this many applied entries, or this many bytes of them, whichever comes first. */
  readonly snapshotEveryEntries: number;
  readonly snapshotEveryBytes: number;
  /** Entries kept before a snapshot, for followers that lag a little. */
  readonly keepEntries: number;

  readonly ttlPolicy: TtlPolicy;
  readonly validateDependencies: boolean;

  /** A call that names no timeout of its own fails after this. */
  readonly requestTimeoutMs: number;
  /** How long a call waits for a leader to appear before it fails as `service_unavailable`. */
  readonly leaderWaitMs: number;
  /** Writes that wait for their entry; beyond it, new ones are refused at once. */
  readonly maxPendingWrites: number;

  /** The production limits where absent. */
  readonly watchLimits?: Partial<WatchLimits> | undefined;

  readonly version: string;
  /** Shown to other members and to clients; empty when not served. */
  readonly restAddress: string;
  readonly grpcAddress: string;
}

/** How long a member vouches for what it witnessed: shorter than any restart of a whole cluster should matter. */
export const vouchMs = 60_000;

/** An idle leader writes its lease clock to the log this often, so that a change of leader prolongs no lease by more. */
export const clockEntryMs = 1_000;

/** The most serving time that one tick may credit: a longer gap is a pause, in which no heartbeat could be taken. */
export const maxTickCreditMs = 250;
