import { checksum } from '../codec/checksum.ts';
import type { SnapshotMeta } from '../raft/types.ts';
import type { StoreOperation } from './key-value-store.ts';
import { keys, sealed } from './layout.ts';
import type { SnapshotWriter } from './storage.ts';

/** What a staged snapshot needs of the store that it is staged in. */
export interface StagingArea {
  write(operations: readonly StoreOperation[]): Promise<void>;
  /** The snapshot is given up: its chunks may go. */
  drop(staged: StagedSnapshot): Promise<void>;
}

/** A snapshot that is being staged: chunks under a number of their own, which nothing refers to yet. */
export class StagedSnapshot implements SnapshotWriter {
  readonly meta: SnapshotMeta;
  readonly staging: number;
  readonly #area: StagingArea;
  #chunkCount = 0;
  #sizeBytes = 0;
  #checksum = 0;
  #closed = false;

  constructor(meta: SnapshotMeta, staging: number, area: StagingArea) {
    this.meta = meta;
    this.staging = staging;
    this.#area = area;
  }

  get chunkCount(): number {
    return this.#chunkCount;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get checksum(): number {
    return this.#checksum;
  }

  async append(chunk: Uint8Array): Promise<void> {
    if (this.#closed) throw new Error(`The snapshot at ${this.meta.index} is not being staged any more.`);
    const key = keys.chunk(this.staging, this.#chunkCount);
    this.#checksum = checksum(chunk, this.#checksum);
    this.#chunkCount++;
    this.#sizeBytes += chunk.length;
    // Synced one by one: when LevelDB begins a new log file, syncing that one says nothing of the one before.
    await this.#area.write([{ type: 'put', key, value: sealed(key, chunk) }]);
  }

  /** Takes no more chunks: it is committed, installed or given up. */
  close(): void {
    this.#closed = true;
  }

  async abort(): Promise<void> {
    if (!this.#closed) await this.#area.drop(this);
  }
}
