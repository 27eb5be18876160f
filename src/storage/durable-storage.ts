import { checksum } from '../codec/checksum.ts';
import type { LogStart, LogWrite, Membership, NodeId, SnapshotMeta } from '../raft/types.ts';
import type { KeyRange, KeyValueStore, StoreOperation } from './key-value-store.ts';
import { checksumOf, keys, ranges, sealed, sealedEntry, sealedJson, unsealed } from './layout.ts';
import { LogTail } from './log-tail.ts';
import { recover, type SnapshotRecord } from './recovery.ts';
import {
  type OpenedStorage,
  type SnapshotWriter,
  type Storage,
  StorageDamagedError,
  StorageFailedError,
  type StorageIdentity,
  type StoredSnapshot,
} from './storage.ts';

/** A snapshot that is being staged: chunks under a number of their own, which nothing refers to yet. */
class StagedSnapshot implements SnapshotWriter {
  readonly meta: SnapshotMeta;
  readonly staging: number;
  readonly #write: (operations: StoreOperation[]) => Promise<void>;
  readonly #clear: () => Promise<void>;
  chunkCount = 0;
  sizeBytes = 0;
  checksum = 0;

  constructor(
    meta: SnapshotMeta,
    staging: number,
    write: (operations: StoreOperation[]) => Promise<void>,
    clear: () => Promise<void>,
  ) {
    this.meta = meta;
    this.staging = staging;
    this.#write = write;
    this.#clear = clear;
  }

  async append(chunk: Uint8Array): Promise<void> {
    const key = keys.chunk(this.staging, this.chunkCount);
    this.checksum = this.chunkCount === 0 ? checksum(chunk) : checksum(chunk, this.checksum);
    this.chunkCount++;
    this.sizeBytes += chunk.length;
    // Synced one by one: when LevelDB begins a new log file, syncing that one says nothing of the one before.
    await this.#write([{ type: 'put', key, value: sealed(chunk) }]);
  }

  abort(): Promise<void> {
    return this.#clear();
  }
}

/** `Storage` over an engine of ordered keys. All that is read at start is verified; see `layout.ts` and `recovery.ts`. */
export class DurableStorage implements Storage {
  readonly #store: KeyValueStore;
  #tail = new LogTail({ index: 0, term: 0 }, 0);
  #record: SnapshotRecord | null = null;
  #staged: StagedSnapshot | null = null;
  #nextStaging = 1;
  #failure: StorageFailedError | null = null;
  #identified = false;
  #closed = false;
  #cleaning: Promise<void> = Promise.resolve();

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  get backend(): string {
    return this.#store.backend;
  }

  async open(): Promise<OpenedStorage | null> {
    try {
      await this.#store.open();
      const recovered = await recover(this.#store);
      if (!recovered) return null;
      this.#identified = true;
      this.#tail = recovered.tail;
      this.#record = recovered.record;
      this.#nextStaging = recovered.record.staging + 1;
      await this.#clearLeftovers(recovered.record);
      return recovered.opened;
    } catch (error) {
      if (!(error instanceof StorageDamagedError)) throw error;
      await this.#store.close().catch(() => {});
      throw this.#damaged(error);
    }
  }

  #damaged(error: Error): StorageDamagedError {
    return new StorageDamagedError(
      `The data in ${this.#store.place} is damaged: ${error.message}. This member must not take part with it, as it may have ` +
        'forgotten what it voted or acknowledged. Keep the directory for inspection and restore the member from a good ' +
        'copy of it; the other members go on without this one.',
      { cause: error },
    );
  }

  async initialise(identity: StorageIdentity, membership: Membership): Promise<OpenedStorage> {
    if (this.#identified) throw new Error(`${this.#store.place} already holds the data of a member.`);
    const meta: SnapshotMeta = { index: 0, term: 0, membership };
    const record: SnapshotRecord = {
      meta,
      staging: 0,
      chunkCount: 0,
      sizeBytes: 0,
      checksum: 0,
      epoch: 0,
      logStart: { index: 0, term: 0 },
      logStartChecksum: 0,
    };
    const hardState = { term: 0, votedFor: null, commitIndex: 0 };
    await this.#write([
      put(keys.identity, sealedJson(identity)),
      put(keys.hardState, sealedJson(hardState)),
      put(keys.snapshot, sealedJson(record)),
    ]);
    this.#identified = true;
    this.#record = record;
    return {
      identity,
      restored: { hardState, snapshot: meta, logStart: record.logStart, entries: [] },
      snapshot: null,
      peerIncarnations: new Map(),
    };
  }

  async write({ hardState, entries, snapshot }: Pick<LogWrite, 'hardState' | 'entries' | 'snapshot'>): Promise<void> {
    const operations: StoreOperation[] = [];
    const replaced = this.#current();
    let record = replaced;
    if (snapshot) {
      record = this.#installed(snapshot);
      operations.push(put(keys.snapshot, sealedJson(record)));
      this.#tail = new LogTail(record.logStart, 0);
    }
    const [first] = entries;
    if (first) {
      for (let stale = first.index + entries.length; stale <= this.#tail.lastIndex; stale++) {
        operations.push({ type: 'del', key: keys.entry(record.epoch, stale) });
      }
      this.#tail.cutBefore(first.index);
      for (const entry of entries) {
        const value = sealedEntry(entry, this.#tail.lastChecksum);
        this.#tail.push(entry, checksumOf(value));
        operations.push(put(keys.entry(record.epoch, entry.index), value));
      }
    }
    if (hardState) operations.push(put(keys.hardState, sealedJson(hardState)));
    if (operations.length > 0) await this.#write(operations);
    if (record !== replaced) {
      this.#record = record;
      this.#staged = null;
      this.#cleanUp(() => this.#clearLeftovers(record));
    }
  }

  #installed(snapshot: SnapshotMeta): SnapshotRecord {
    const staged = this.#staged;
    if (staged?.meta.index !== snapshot.index || staged.meta.term !== snapshot.term) {
      throw new Error(`The snapshot at ${snapshot.index} was to be installed and is not the staged one.`);
    }
    const start: LogStart = { index: snapshot.index, term: snapshot.term };
    return recordOf(staged, { epoch: this.#current().epoch + 1, logStart: start, logStartChecksum: 0 });
  }

  async stageSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter> {
    const staging = this.#nextStaging++;
    const staged: StagedSnapshot = new StagedSnapshot(
      meta,
      staging,
      (operations) => this.#write(operations),
      async () => {
        if (this.#staged === staged) this.#staged = null;
        this.#cleanUp(() => this.#store.clear(chunksOf(staging)));
      },
    );
    const before = this.#staged;
    this.#staged = staged;
    if (before) this.#cleanUp(() => this.#store.clear(chunksOf(before.staging)));
    return staged;
  }

  async commitSnapshot(writer: SnapshotWriter, compactThroughIndex: number): Promise<StoredSnapshot> {
    const staged = this.#staged;
    if (!staged || staged !== writer) throw new Error('The snapshot to commit is not the staged one.');
    const before = this.#current();
    if (compactThroughIndex > staged.meta.index || compactThroughIndex < before.logStart.index) {
      throw new RangeError(`A snapshot at ${staged.meta.index} cannot compact the log through ${compactThroughIndex}.`);
    }
    const { term, checksum: startChecksum } = this.#tail.at(compactThroughIndex);
    const record = recordOf(staged, {
      epoch: before.epoch,
      logStart: { index: compactThroughIndex, term },
      logStartChecksum: startChecksum,
    });
    await this.#write([put(keys.snapshot, sealedJson(record))]);
    this.#record = record;
    this.#staged = null;
    this.#tail.compact(compactThroughIndex);
    this.#cleanUp(() => this.#clearLeftovers(record));
    return stored(record);
  }

  currentSnapshot(): StoredSnapshot | null {
    return this.#record && this.#record.chunkCount > 0 ? stored(this.#record) : null;
  }

  async readSnapshotChunk(snapshot: StoredSnapshot, chunkIndex: number): Promise<Uint8Array> {
    const record = this.#record;
    const isCurrent = record?.meta.index === snapshot.meta.index && record.checksum === snapshot.checksum;
    if (!isCurrent) throw new RangeError(`The snapshot at ${snapshot.meta.index} was replaced by a newer one.`);
    const value = await this.#store.get(keys.chunk(record.staging, chunkIndex));
    if (value) return unsealed(`chunk ${chunkIndex} of the snapshot at ${record.meta.index}`, value);
    if (this.#record !== record) throw new RangeError(`The snapshot at ${snapshot.meta.index} was replaced meanwhile.`);
    throw this.#damaged(new Error(`chunk ${chunkIndex} of the snapshot at ${record.meta.index} is missing`));
  }

  async rememberPeer(peer: NodeId, incarnation: string): Promise<void> {
    await this.#write([put(keys.peer(peer), sealedJson({ peer, incarnation }))]);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#cleaning;
    await this.#store.close();
  }

  #current(): SnapshotRecord {
    if (!this.#record) throw new Error('This storage was not opened.');
    return this.#record;
  }

  /** After one failure nothing that the engine says of later writes can be believed. */
  async #write(operations: readonly StoreOperation[]): Promise<void> {
    if (this.#failure) throw this.#failure;
    try {
      await this.#store.writeSynced(operations);
    } catch (error) {
      this.#failure ??= failureOf(error, this.#store.place);
    }
    // A write that succeeded beside one that failed is not believed either.
    if (this.#failure) throw this.#failure;
  }

  #cleanUp(work: () => Promise<void>): void {
    this.#cleaning = this.#cleaning.then(work).catch((error) => {
      this.#failure ??= failureOf(error, this.#store.place);
    });
  }

  /** What a compaction, an installation or a crash left behind. Nothing refers to it. */
  async #clearLeftovers(record: SnapshotRecord): Promise<void> {
    await this.#store.clear(ranges.entriesBefore(record.epoch, record.logStart.index + 1));
    const staged = this.#staged?.staging;
    for (const range of ranges.chunksOutside(record.staging)) {
      if (staged === undefined) await this.#store.clear(range);
    }
  }
}

function put(key: string, value: Uint8Array): StoreOperation {
  return { type: 'put', key, value };
}

function chunksOf(staging: number): KeyRange {
  return { from: keys.chunk(staging, 0), before: `${keys.chunk(staging, 0).slice(0, -8)}~` };
}

function recordOf(
  { meta, staging, chunkCount, sizeBytes, checksum: whole }: StagedSnapshot,
  start: Pick<SnapshotRecord, 'epoch' | 'logStart' | 'logStartChecksum'>,
): SnapshotRecord {
  return { meta, staging, chunkCount, sizeBytes, checksum: whole, ...start };
}

function stored({ meta, chunkCount, sizeBytes, checksum: whole }: SnapshotRecord): StoredSnapshot {
  return { meta, chunkCount, sizeBytes, checksum: whole };
}

function failureOf(error: unknown, place: string): StorageFailedError {
  const text = [error, error instanceof Error ? error.cause : undefined]
    .map((each) => (each instanceof Error ? each.message : ''))
    .join(' ');
  const message = /ENOSPC|no space left/i.test(text)
    ? `The disk under ${place} is full. Free some space and start this member again; what it acknowledged is kept.`
    : `A write to ${place} failed (${text.trim()}). Nothing is retried on a store that failed; check the disk and start this member again.`;
  return new StorageFailedError(message, { cause: error });
}
