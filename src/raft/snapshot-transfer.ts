import { invariant } from './assert.ts';
import type { SnapshotMeta } from './types.ts';

/*
 * Moves one snapshot to one peer in chunks. Two machines that decide and do nothing: the node reads, sends and stages.
 * Chunks and acknowledgements may be lost, repeated or late; either side may restart or change its mind in between.
 */

/** Tells one snapshot's bytes from another's. Two members may well make different bytes for the same index. */
export interface SnapshotIdentity {
  readonly index: number;
  readonly term: number;
  /** Over the bytes of the whole snapshot. */
  readonly checksum: number;
}

export interface SnapshotSenderOptions {
  readonly identity: SnapshotIdentity;
  /** At least 1. */
  readonly chunkCount: number;
  /** How many chunks may be sent and not acknowledged. At least 1. */
  readonly windowChunks: number;
  /** After this many ticks without progress, sending starts again at the acknowledged position. */
  readonly stallTicks: number;
  /** So many stalls in a row, without a chunk of progress, end the transfer. */
  readonly maxStalls: number;
}

/** The receiver's word on where it stands; has the shape of the transport's `SnapshotAck`. */
export interface ChunkAck {
  readonly snapshotIndex: number;
  readonly snapshotTerm: number;
  readonly checksum: number;
  /** The next chunk that the receiver needs; `chunkCount` when it has all. */
  readonly nextChunkIndex: number;
  readonly rejected: boolean;
}

/**
 * The sending half.
 *
 * Invariants: `ackedChunks <= next chunk to send <= ackedChunks + windowChunks`, and neither passes `chunkCount`; once
 * done or failed it stays so.
 */
export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  #outcome: 'sending' | 'done' | 'failed' = 'sending';
  #ackedChunks = 0;
  #nextChunk = 0;
  #ticksWithoutProgress = 0;
  #stalls = 0;
  /** Where sending went back to because of a gap. Each chunk behind a gap repeats the complaint; one is enough. */
  #wentBackTo: number | null = null;

  constructor(options: SnapshotSenderOptions) {
    invariant(options.chunkCount >= 1 && options.windowChunks >= 1, 'a snapshot transfer needs a chunk and a window');
    this.#options = options;
  }

  get outcome(): 'sending' | 'done' | 'failed' {
    return this.#outcome;
  }

  get ackedChunks(): number {
    return this.#ackedChunks;
  }

  /** Takes the index of the chunk to send now; `null` while the window is full, and when it is over. */
  takeNextChunk(): number | null {
    const { chunkCount, windowChunks } = this.#options;
    const isOpen = this.#nextChunk < chunkCount && this.#nextChunk < this.#ackedChunks + windowChunks;
    return this.#outcome === 'sending' && isOpen ? this.#nextChunk++ : null;
  }

  /** Acknowledgements of another snapshot, or for chunks that do not exist, are ignored. */
  onAck(ack: ChunkAck): void {
    const { identity, chunkCount } = this.#options;
    const isMine =
      ack.snapshotIndex === identity.index && ack.snapshotTerm === identity.term && ack.checksum === identity.checksum;
    const position = ack.nextChunkIndex;
    if (this.#outcome !== 'sending' || !isMine) return;
    if (!Number.isSafeInteger(position) || position < 0 || position > chunkCount) return;
    if (ack.rejected) {
      this.#outcome = 'failed';
    } else if (position > this.#ackedChunks) {
      this.#progressTo(position);
    } else {
      this.#complaint(position);
    }
  }

  /** A receiver that kept chunks from an earlier try asks for what comes after them: the transfer resumes there. */
  #progressTo(position: number): void {
    this.#ackedChunks = position;
    this.#nextChunk = Math.max(this.#nextChunk, position);
    this.#ticksWithoutProgress = 0;
    this.#stalls = 0;
    this.#wentBackTo = null;
    if (position === this.#options.chunkCount) this.#outcome = 'done';
  }

  /** The receiver misses a chunk, or has lost what it acknowledged. */
  #complaint(position: number): void {
    if (this.#wentBackTo === position) return;
    this.#wentBackTo = position;
    this.#ackedChunks = position;
    this.#nextChunk = position;
  }

  tick(): void {
    if (this.#outcome !== 'sending' || this.#nextChunk === this.#ackedChunks) return;
    this.#ticksWithoutProgress++;
    if (this.#ticksWithoutProgress < this.#options.stallTicks) return;
    this.#ticksWithoutProgress = 0;
    this.#stalls++;
    this.#nextChunk = this.#ackedChunks;
    this.#wentBackTo = null;
    if (this.#stalls >= this.#options.maxStalls) this.#outcome = 'failed';
  }
}

/** A chunk as it arrives; has the shape of the transport's `SnapshotChunk`. */
export interface ArrivingChunk {
  /** Of the leader that sends it. */
  readonly term: number;
  readonly snapshot: SnapshotMeta;
  readonly chunkCount: number;
  readonly sizeBytes: number;
  readonly checksum: number;
  readonly chunkIndex: number;
  readonly chunkChecksum: number;
  readonly data: Uint8Array;
}

/**
 * - `append`: stage this chunk (a new staging area first, when `startsOver`), then acknowledge `nextChunkIndex`. When it
 *   `completes` the snapshot, all of it is verified: commit to it
 * - `acknowledge`: nothing to stage, say `nextChunkIndex`: it is a repeat, or a chunk before it is missing
 * - `refuse`: answer with `rejected`; nothing of it may be kept
 */
export type ChunkVerdict =
  | {
      readonly action: 'append';
      readonly startsOver: boolean;
      readonly completes: boolean;
      readonly nextChunkIndex: number;
    }
  | { readonly action: 'acknowledge'; readonly nextChunkIndex: number }
  | { readonly action: 'refuse'; readonly reason: 'old' | 'damaged' };

/** A checksum of `data` that continues `previous`. */
export type Checksum = (data: Uint8Array, previous?: number) => number;

interface Transfer {
  readonly term: number;
  readonly identity: SnapshotIdentity;
  readonly chunkCount: number;
  readonly sizeBytes: number;
  readonly receivedChunks: number;
  readonly receivedBytes: number;
  readonly receivedChecksum: number;
}

/**
 * The receiving half. It keeps what it has across interruptions, so that a transfer can be resumed.
 *
 * Invariants: chunks are taken in order, each once; a chunk is taken only if its own checksum holds; the last one only
 * if the whole snapshot's length and checksum hold.
 */
export class SnapshotReceiver {
  readonly #checksum: Checksum;
  #transfer: Transfer | null = null;

  constructor(checksum: Checksum) {
    this.#checksum = checksum;
  }

  /** `commitIndex` is this member's own: what is not newer is refused. */
  receive(chunk: ArrivingChunk, commitIndex: number): ChunkVerdict {
    const current = this.#unfinishedOrInstalled(commitIndex);
    const isSame = current !== null && isSameSnapshot(current, chunk);
    // The last acknowledgement may have been lost after the snapshot was installed: say it again before judging its age.
    if (isSame && chunk.chunkIndex < current.receivedChunks) return acknowledge(current.receivedChunks);
    if (chunk.snapshot.index <= commitIndex) return { action: 'refuse', reason: 'old' };
    if (current !== null && !isSame && chunk.term < current.term) return { action: 'refuse', reason: 'old' };
    if (!isSensible(chunk)) return { action: 'refuse', reason: 'damaged' };
    const transfer = isSame ? current : begun(chunk);
    if (chunk.chunkIndex !== transfer.receivedChunks) return acknowledge(transfer.receivedChunks);
    if (this.#checksum(chunk.data) !== chunk.chunkChecksum) return acknowledge(transfer.receivedChunks);
    return this.#take(chunk, transfer);
  }

  #take(chunk: ArrivingChunk, transfer: Transfer): ChunkVerdict {
    const startsOver = transfer.receivedChunks === 0;
    const next = {
      ...transfer,
      receivedChunks: transfer.receivedChunks + 1,
      receivedBytes: transfer.receivedBytes + chunk.data.length,
      receivedChecksum: startsOver ? this.#checksum(chunk.data) : this.#checksum(chunk.data, transfer.receivedChecksum),
    };
    const completes = next.receivedChunks === next.chunkCount;
    if (completes && (next.receivedBytes !== next.sizeBytes || next.receivedChecksum !== next.identity.checksum)) {
      this.reset();
      return { action: 'refuse', reason: 'damaged' };
    }
    this.#transfer = next;
    return { action: 'append', startsOver, completes, nextChunkIndex: next.receivedChunks };
  }

  /**
   * What was received completely and is not committed was no use to the core at the time, and nothing of it was kept.
   * It begins anew, or its sender would hear for ever that it is complete.
   */
  #unfinishedOrInstalled(commitIndex: number): Transfer | null {
    if (this.#transfer === null) return null;
    const { receivedChunks, chunkCount, identity } = this.#transfer;
    if (receivedChunks === chunkCount && identity.index > commitIndex) this.reset();
    return this.#transfer;
  }

  /** Forgets what was received, because it could not be staged or was dropped. */
  reset(): void {
    this.#transfer = null;
  }
}

function acknowledge(nextChunkIndex: number): ChunkVerdict {
  return { action: 'acknowledge', nextChunkIndex };
}

function isSameSnapshot(transfer: Transfer, chunk: ArrivingChunk): boolean {
  return (
    transfer.identity.index === chunk.snapshot.index &&
    transfer.identity.term === chunk.snapshot.term &&
    transfer.identity.checksum === chunk.checksum &&
    transfer.chunkCount === chunk.chunkCount &&
    transfer.sizeBytes === chunk.sizeBytes
  );
}

function isSensible(chunk: ArrivingChunk): boolean {
  const { chunkIndex, chunkCount, sizeBytes } = chunk;
  const areIntegers = [chunkIndex, chunkCount, sizeBytes].every((value) => Number.isSafeInteger(value) && value >= 0);
  return areIntegers && chunkIndex < chunkCount;
}

function begun(chunk: ArrivingChunk): Transfer {
  const { term, snapshot, checksum, chunkCount, sizeBytes } = chunk;
  const identity = { index: snapshot.index, term: snapshot.term, checksum };
  return { term, identity, chunkCount, sizeBytes, receivedChunks: 0, receivedBytes: 0, receivedChecksum: 0 };
}
