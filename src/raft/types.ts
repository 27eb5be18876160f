/**
 * The vocabulary of the consensus core: plain data only. Nothing here knows of sockets, disks, clocks or the registry.
 * Terms follow Ongaro's dissertation, "Consensus: Bridging Theory and Practice" (2014).
 */

/** A member's name, unique in its cluster for ever; never empty. */
export type NodeId = string;

/**
 * - `command`: opaque bytes for the state machine
 * - `term-opening`: the first entry of a leader's term; its payload comes from `RaftConfig.openTerm`
 * - `membership`: a `Membership`, encoded by `membership.ts`
 */
export type EntryKind = 'command' | 'term-opening' | 'membership';

/** One slot of the replicated log. Immutable: the same object is shared by log, storage and transport. */
export interface Entry {
  /** Position, from 1, without gaps. */
  readonly index: number;
  /** Term of the leader that created it; never falls along the log. */
  readonly term: number;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** What a member must remember across a restart before it may say anything that rests on it (paper, figure 2). */
export interface HardState {
  /** Latest term seen; never falls. */
  readonly term: number;
  /** Candidate that got this member's vote in `term`; `null` while none did. Kept when stepping down within a term. */
  readonly votedFor: NodeId | null;
  /** Highest index known to be committed when this was written: a lower bound, persisted lazily; never falls. */
  readonly commitIndex: number;
}

/**
 * Who takes part. `votersOutgoing` is not empty only while a joint change is under way (dissertation, section 4.3): then
 * every decision needs a majority of both halves. `learners` receive the log and never vote; `learnersNext` are
 * outgoing voters that become learners when the joint phase ends.
 */
export interface Membership {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
}

/** Names the prefix of the log that a snapshot stands for. */
export interface SnapshotMeta {
  /** Last index that the snapshot includes; 0 for the empty snapshot of a new cluster. */
  readonly index: number;
  /** Term of the entry at `index`. */
  readonly term: number;
  /** The membership as of `index`; wins over anything older (raft trap 20). */
  readonly membership: Membership;
}

/** Where the log begins: the position just before its first kept entry. */
export interface LogStart {
  readonly index: number;
  readonly term: number;
}

/** What storage recovered, verified dense and intact. `logStart.index <= snapshot.index <= last entry's index`. */
export interface RestoredState {
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
  /** At or before the snapshot: a tail of older entries is kept for followers that lag a little. */
  readonly logStart: LogStart;
  /** Dense from `logStart.index + 1`. */
  readonly entries: readonly Entry[];
}

interface Addressed {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; for a pre-vote request, the term it would campaign in. */
  readonly term: number;
}

export interface VoteRequest extends Addressed {
  readonly type: 'pre-vote-request' | 'vote-request';
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
  /** True when a leader asked for this campaign (`timeout-now`): voters then do not defend the current leader. */
  readonly transfer: boolean;
}

export interface VoteResponse extends Addressed {
  readonly type: 'pre-vote-response' | 'vote-response';
  readonly granted: boolean;
  /** The voter witnessed a serving leader recently (`RaftStatus.vouches`): what a new leader knows of a cold start. */
  readonly vouches: boolean;
}

export interface AppendRequest extends Addressed {
  readonly type: 'append-request';
  readonly prevLogIndex: number;
  readonly prevLogTerm: number;
  readonly commitIndex: number;
  readonly entries: readonly Entry[];
}

export interface AppendResponse extends Addressed {
  readonly type: 'append-response';
  /** Whether the entry at `prevLogIndex` matched. */
  readonly accepted: boolean;
  /** Accepted: last index now known to equal the leader's, durable at the sender. Rejected: the refused `prevLogIndex`. */
  readonly index: number;
  /** Rejected only: the largest index at or before `index` where the logs may still agree, with the sender's term there. */
  readonly hintIndex: number;
  readonly hintTerm: number;
}

export interface HeartbeatRequest extends Addressed {
  readonly type: 'heartbeat-request';
  /** Never above what this follower is known to match. */
  readonly commitIndex: number;
  /** The leader's read round, growing within a term: an answer confirms every read that began at or before it. */
  readonly readRound: number;
}

export interface HeartbeatResponse extends Addressed {
  readonly type: 'heartbeat-response';
  readonly readRound: number;
}

/** The leader asks its successor to campaign at once (dissertation, section 3.10). */
export interface TimeoutNow extends Addressed {
  readonly type: 'timeout-now';
}

/** A follower asks its leader for a read index. `context` is never used twice by one process (raft trap 25). */
export interface ReadIndexRequest extends Addressed {
  readonly type: 'read-index-request';
  readonly context: number;
}

/** `index` is `null` when the receiver does not lead, or stopped leading before it could confirm the read. */
export interface ReadIndexResponse extends Addressed {
  readonly type: 'read-index-response';
  readonly context: number;
  readonly index: number | null;
}

/** Stepped by a member's own node, never sent: every chunk of this snapshot from `from` is verified and staged. */
export interface SnapshotReceived extends Addressed {
  readonly type: 'snapshot-received';
  readonly snapshot: SnapshotMeta;
}

/** What goes from peer to peer. */
export type RaftMessage =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | HeartbeatRequest
  | HeartbeatResponse
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse;

/** The circumstances in which a new leader opens its term. */
export interface TermOpening {
  readonly term: number;
  /** False after a cold start: neither the leader nor any voter that elected it witnessed a serving leader recently. */
  readonly vouched: boolean;
}

/** All durations in ticks; the node decides how long a tick is. */
export interface RaftConfig {
  readonly id: NodeId;
  /** Election timeout, randomised to `[electionTicks, 2 * electionTicks)`. Also the CheckQuorum period. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Payload bytes in one append request; one larger entry still goes, alone. */
  readonly maxBytesPerAppend: number;
  /** Append requests under way to one follower. */
  readonly maxInflightAppends: number;
  readonly maxInflightBytes: number;
  /** Payload bytes proposed and not committed; past it, proposals are refused. */
  readonly maxUncommittedBytes: number;
  /** Payload bytes of committed entries handed out in one `Ready`; at least one entry goes. */
  readonly maxBytesPerApply: number;
  /** A leader whose write has been under way for this long steps down (raft trap 31). */
  readonly writeStallTicks: number;
  /** For how long a member vouches after it last witnessed a serving leader. */
  readonly vouchTicks: number;
  /** Returns an integer in `[0, bound)`. The core's only source of randomness. */
  readonly randomInteger: (bound: number) => number;
  /** Makes the payload of the `term-opening` entry. Must not call back into the core. */
  readonly openTerm: (opening: TermOpening) => Uint8Array;
}

export type ProposeResult =
  | { readonly ok: true; readonly firstIndex: number; readonly term: number }
  | { readonly ok: false; readonly reason: 'not-leader' | 'transferring' | 'too-much-uncommitted' };

/** Must be durable, as one synced batch, before `writeCompleted(id)`. At most one is under way at a time. */
export interface LogWrite {
  readonly id: number;
  readonly hardState: HardState | null;
  /**
   * Dense and ascending. Whatever is stored from `entries[0].index` on is replaced by them. May be empty: then nothing
   * but the hard state, or nothing at all, is written, and the write completes in its place in the order.
   */
  readonly entries: readonly Entry[];
  /** Set when a received snapshot replaces the whole log and state; `entries` is then empty. */
  readonly snapshot: SnapshotMeta | null;
}

/** A read whose index is confirmed. Serve it once the state machine has applied `index`. */
export interface ReadState {
  readonly context: number;
  /** `null`: the read could not be confirmed (leader lost); ask again with a new context. */
  readonly index: number | null;
}

/** What the node has to do now, in this order: send, begin the write, apply, answer reads. */
export interface Ready {
  /** Safe to send at once: what rests on an unfinished write is withheld until `writeCompleted`. */
  readonly messages: readonly RaftMessage[];
  readonly write: LogWrite | null;
  /** Committed and durable here, in order, each exactly once. Confirm with `applied(index)`. */
  readonly committedEntries: readonly Entry[];
  /** A snapshot that is now durable and has to be restored into the state machine before anything is applied. */
  readonly restoreSnapshot: SnapshotMeta | null;
  readonly readStates: readonly ReadState[];
  /** Followers that need a snapshot; the node sends its latest and reports with `snapshotFinished`. */
  readonly snapshotsWanted: readonly NodeId[];
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export interface PeerProgress {
  readonly id: NodeId;
  readonly mode: 'probe' | 'replicate' | 'snapshot';
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly inflightAppends: number;
  /** Answered within the current election timeout. */
  readonly recentlyActive: boolean;
  readonly learner: boolean;
}

/** Who leads, and who takes part: said at no cost, as it is asked for after every step. */
export interface RaftStanding {
  readonly term: number;
  readonly role: Role;
  readonly leaderId: NodeId | null;
  readonly membership: Membership;
}

/** A view of the core for drivers, metrics and tests. */
export interface RaftStatus extends RaftStanding {
  readonly id: NodeId;
  readonly votedFor: NodeId | null;
  readonly commitIndex: number;
  readonly lastIndex: number;
  /** Last index durable here. */
  readonly stableIndex: number;
  readonly appliedIndex: number;
  readonly logStart: LogStart;
  readonly snapshotIndex: number;
  /** Leader only: true once an entry of its own term is committed. */
  readonly termOpened: boolean;
  /** Leader only: ticks since a quorum last answered (the oldest answer in the freshest quorum); else `null`. */
  readonly quorumContactAgeTicks: number | null;
  /** Ticks since this member last heard from a leader of its current term; 0 on the leader; `null` if never. */
  readonly leaderContactAgeTicks: number | null;
  /** Witnessed a serving leader within `vouchTicks`: one whose opening entry is committed. */
  readonly vouches: boolean;
  readonly transferTarget: NodeId | null;
  /** Leader only; sorted by id; without itself. */
  readonly progress: readonly PeerProgress[];
}

/** The consensus core as its driver sees it. Every method is synchronous; only `Ready` leads outside. */
export interface RaftCore {
  /** One step of time. */
  tick(): void;
  step(message: RaftMessage | SnapshotReceived): void;
  /** Appends commands to the leader's log, each an entry of its own. All or none. */
  propose(commands: readonly Uint8Array[]): ProposeResult;
  /** Asks for a read index; the answer comes as a `ReadState`, from the leader when this is a follower. */
  readIndex(context: number): void;
  /** Hands leadership to a voter; a no-op unless leader. Gives up after an election timeout. */
  transferLeadership(to: NodeId): void;
  hasReady(): boolean;
  /** Takes what is to be done; each thing is handed out exactly once. */
  takeReady(): Ready;
  /** The write with this id is durable. */
  writeCompleted(id: number): void;
  /** The state machine has applied everything up to `index`. */
  applied(index: number): void;
  /** A snapshot at `meta` is durable here; entries at or before `keepAfterIndex` may be dropped from memory. */
  compact(meta: SnapshotMeta, keepAfterIndex: number): void;
  /** A snapshot transfer to `peer` ended. `snapshotIndex` is what it carried. */
  snapshotFinished(peer: NodeId, outcome: 'completed' | 'failed', snapshotIndex: number): void;
  /** The transport lost messages to `peer`: fall back to probing. */
  reportUnreachable(peer: NodeId): void;
  /** The connection to `peer` broke: its process may be gone. What a leader's followers do then does not wait for a timeout. */
  reportDisconnected(peer: NodeId): void;
  standing(): RaftStanding;
  status(): RaftStatus;
  /** The membership in force at `index` (committed or snapshot), for a snapshot taken there. */
  membershipAt(index: number): Membership;
  /** Term of the entry at `index`, `null` where the log does not reach. */
  termAt(index: number): number | null;
}
