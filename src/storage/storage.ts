import type { LogWrite, Membership, NodeId, RestoredState, SnapshotMeta } from '../raft/types.ts';

/** Whose data this is. Written once, when a data directory is made; never changes. */
export interface StorageIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Made at random with the directory: tells a member from one that came back under its name with an empty disk. */
  readonly incarnation: string;
}

/** A snapshot that is complete, verified and durable. */
export interface StoredSnapshot {
  readonly meta: SnapshotMeta;
  readonly chunkCount: number;
  readonly sizeBytes: number;
  /** CRC32C over all the chunks' bytes, in order. */
  readonly checksum: number;
}

export interface OpenedStorage {
  readonly identity: StorageIdentity;
  readonly restored: RestoredState;
  /** `null` for the empty snapshot (index 0), which has no bytes. */
  readonly snapshot: StoredSnapshot | null;
  /** The incarnation first seen of each peer (raft trap 9). */
  readonly peerIncarnations: ReadonlyMap<NodeId, string>;
}

/** Collects one snapshot, chunk by chunk. Nothing of it is visible before it is committed or installed. */
export interface SnapshotWriter {
  /** Resolves when the chunk is handed to the operating system; durability comes with `commit`. */
  append(chunk: Uint8Array): Promise<void>;
  /** Chunks staged so far. */
  readonly chunkCount: number;
  readonly sizeBytes: number;
  /** CRC32C of all the bytes staged so far. */
  readonly checksum: number;
  /** Drops everything that was staged. */
  abort(): Promise<void>;
}

/**
 * Where the term, the vote, the log and the snapshots last.
 *
 * One failed write poisons the store: the failure and everything after it rejects with `StorageFailedError`, and the
 * process is expected to end. Nothing is retried on a store that failed.
 */
export interface Storage {
  /** `level` or `memory`, for people and metrics. */
  readonly backend: string;

  /**
   * Takes the lock and reads and verifies everything. `null` for an empty directory.
   * @throws StorageLockedError another process holds the directory
   * @throws StorageDamagedError something is missing, altered, or of an unknown format; names what and where
   */
  open(): Promise<OpenedStorage | null>;

  /** Makes a new, empty log: term 0, no vote, the empty snapshot with the initial membership. Synced. */
  initialise(identity: StorageIdentity, membership: Membership): Promise<OpenedStorage>;

  /**
   * Makes one write durable: hard state and entries in a single synced batch; a `snapshot`, which must be the one
   * staged last with `stageSnapshot`, becomes current in the same batch and the log restarts empty behind it.
   * Never called again before the last call has settled.
   */
  write(write: Pick<LogWrite, 'hardState' | 'entries' | 'snapshot'>): Promise<void>;

  /** Begins a snapshot, own or received; a snapshot staged earlier is dropped. */
  stageSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter>;

  /**
   * Makes the staged snapshot, taken by this member at an applied index, the current one, and forgets the entries up
   * to and including `compactThroughIndex` (at most the snapshot's index). May run while a `write` does.
   */
  commitSnapshot(writer: SnapshotWriter, compactThroughIndex: number): Promise<StoredSnapshot>;

  /** The current snapshot; `null` while it is the empty one. */
  currentSnapshot(): StoredSnapshot | null;

  /** One chunk of the current snapshot, verified. @throws StorageDamagedError; RangeError when it was replaced meanwhile */
  readSnapshotChunk(snapshot: StoredSnapshot, chunkIndex: number): Promise<Uint8Array>;

  /** Remembers a peer's incarnation, synced. */
  rememberPeer(peer: NodeId, incarnation: string): Promise<void>;

  close(): Promise<void>;
}

/** Something on disk is missing, altered or of an unknown format. The member must not vote with it. */
export class StorageDamagedError extends Error {
  override readonly name = 'StorageDamagedError';
}

/** Another process uses the data directory. */
export class StorageLockedError extends Error {
  override readonly name = 'StorageLockedError';
}

/** A write failed, now or earlier; this store takes no more of them. */
export class StorageFailedError extends Error {
  override readonly name = 'StorageFailedError';
}
