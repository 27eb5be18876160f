import type { NodeId, RaftMessage, Role, SnapshotMeta } from '../raft/types.ts';

/** One client write on its way to the leader. The bytes are a registry command without its stamp. */
export interface ForwardedCommand {
  /** Unique for ever; the state machine applies a request id once, however often it is passed on. */
  readonly requestId: string;
  readonly command: Uint8Array;
}

/** A follower hands its clients' writes to the leader. The answer is the entry itself, when the follower applies it. */
export interface ForwardCommands {
  readonly type: 'forward-commands';
  readonly commands: readonly ForwardedCommand[];
}

/** These commands were not proposed and never will be through this message. */
export interface ForwardRejected {
  readonly type: 'forward-rejected';
  readonly requestIds: readonly string[];
  readonly reason: 'not-leader' | 'overloaded';
}

/** A piece of a snapshot on its way to a follower. */
export interface SnapshotChunk {
  readonly type: 'snapshot-chunk';
  readonly term: number;
  readonly snapshot: SnapshotMeta;
  /** Of the whole snapshot, so that the receiver can tell when it is complete and whether a transfer can resume. */
  readonly chunkCount: number;
  readonly sizeBytes: number;
  readonly checksum: number;
  /** Which chunk this is, from 0. */
  readonly chunkIndex: number;
  /** CRC32C of `data`. */
  readonly chunkChecksum: number;
  readonly data: Uint8Array;
}

/** The receiver's answer to a chunk: where it stands. */
export interface SnapshotAck {
  readonly type: 'snapshot-ack';
  readonly term: number;
  readonly snapshotIndex: number;
  readonly snapshotTerm: number;
  readonly checksum: number;
  /** The next chunk that the receiver needs; `chunkCount` when it has all. Lets a broken transfer resume. */
  readonly nextChunkIndex: number;
  /** The receiver refuses the snapshot (older than its own commit, or its checksum does not match). */
  readonly rejected: boolean;
}

/** What each member tells all others about once a second, so that every member can answer `GET /v1/cluster`. */
export interface MemberReport {
  readonly type: 'member-report';
  readonly role: Role;
  readonly leaderId: NodeId | null;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly version: string;
  readonly uptimeSeconds: number;
  /** Advertised client addresses; empty when not served. */
  readonly restAddress: string;
  readonly grpcAddress: string;
}

/**
 * The sender knows the receiver under another incarnation: its data directory was lost or replaced. Such a member has
 * forgotten its votes and acknowledgements and must not take part (trap 9); on this message it ends.
 */
export interface PeerRefusal {
  readonly type: 'peer-refusal';
  readonly knownIncarnation: string;
}

export type PeerMessage =
  | PeerRefusal
  | RaftMessage
  | ForwardCommands
  | ForwardRejected
  | SnapshotChunk
  | SnapshotAck
  | MemberReport;

/** Who is speaking. Sent with every batch of messages and checked against the receiver's own. */
export interface PeerIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly incarnation: string;
}

export interface TransportHandler {
  /** Called once for each message, in the order in which this peer sent them on one lane; must not throw. */
  receive(from: NodeId, incarnation: string, message: PeerMessage): void;
  /** Messages to `peer` were lost: its queue overflowed or its connection broke. */
  unreachable(peer: NodeId): void;
  /** A connection to or from `peer` broke or ended: its process may be gone. May come several times, and may be wrong. */
  disconnected(peer: NodeId): void;
  /** A peer refused this member, or was refused: wrong cluster, wrong name, unknown protocol version. For the log. */
  refused(peer: string, reason: string): void;
}

/**
 * How members talk. Delivery is at most once: messages may be lost, and order holds only within one connection.
 * Snapshot chunks and their acks travel on a lane of their own, so that they never stand before a heartbeat.
 */
export interface Transport {
  /** Begins to listen and to connect. @throws when the address cannot be bound. */
  start(identity: PeerIdentity, handler: TransportHandler): Promise<void>;
  /** Queues a message; never blocks and never throws. Drops it, and reports `unreachable`, when the queue is full. */
  send(to: NodeId, message: PeerMessage): void;
  /** Bytes queued for a peer on both lanes. */
  queuedBytes(to: NodeId): number;
  close(): Promise<void>;
}

/** Raised with a change of the peer protocol, of log entries or of snapshots that older members would misread. */
export const PROTOCOL_VERSION = 2;
