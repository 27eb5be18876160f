import type { Entry, HardState, LogWrite, Membership, NodeId, SnapshotMeta } from '../raft/types.ts';
import { damage, openFailure, writeFailure } from './failures.ts';
import type { KeyValueStore, StoreOperation } from './key-value-store.ts';
import { keys, ranges, sealedJson } from './layout.ts';
import { LogTail } from './log-tail.ts';
import { readChunk, recover, type SnapshotRecord, storedSnapshot } from './recovery.ts';
import { cutEntries, putEntries } from './runs.ts';
import { StagedSnapshot } from './staged-snapshot.ts';
import {
  type OpenedStorage,
  type SnapshotWriter,
  type Storage,
  StorageDamagedError,
  type StorageFailedError,
  type StorageIdentity,
  type StoredSnapshot,
} from './storage.ts';
import { checkEntries, checkHardState } from './write-checks.ts';

const nothingYet: HardState = { term: 0, votedFor: null, commitIndex: 0 };

/** `Storage` over an engine of ordered keys. All that is read at start is verified; see `layout.ts` and `recovery.ts`. */
export class DurableStorage implements Storage {
  readonly #store: KeyValueStore;
  #identified = false;
  #hardState = nothingYet;
  #tail = new LogTail({ index: 0, term: 0 }, 0);
  #record: SnapshotRecord | null = null;
  #staged: StagedSnapshot | null = null;
  #nextStaging = 1;
  /** The last change of the snapshot record, or of what it refers to: the next one builds on its outcome. */
  #recordTurn: Promise<unknown> = Promise.resolve();
  #cleaning: Promise<void> = Promise.resolve();
  #failure: StorageFailedError | null = null;
  #closed = false;

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
      const { opened, record, tail } = recovered;
      this.#identified = true;
      this.#hardState = opened.restored.hardState;
      this.#tail = tail;
      this.#record = record;
      this.#nextStaging = record.staging + 1;
      await this.#store.clear(ranges.runsBefore(record.epoch, record.firstRun.firstIndex));
      for (const range of ranges.chunksOutside(record.staging)) await this.#store.clear(range);
      return opened;
    } catch (error) {
      // The first error is the one to tell of; closing a store that did not open may well fail too.
      await this.#store.close().catch(() => {});
      throw openFailure(error, this.#store.place);
    }
  }

  async initialise(identity: StorageIdentity, membership: Membership): Promise<OpenedStorage> {
    if (this.#identified) throw new Error(`${this.#store.place} already holds the data of a member.`);
    const record: SnapshotRecord = {
      meta: { index: 0, term: 0, membership },
      staging: 0,
      chunkCount: 0,
      sizeBytes: 0,
      checksum: 0,
      epoch: 0,
      logStart: { index: 0, term: 0 },
      firstRun: { firstIndex: 1, checksumBefore: 0 },
    };
    await this.#write([
      putJson(keys.identity, identity),
      putJson(keys.hardState, nothingYet),
      putJson(keys.snapshot, record),
    ]);
    this.#identified = true;
    this.#record = record;
    return {
      identity,
      restored: { hardState: nothingYet, snapshot: record.meta, logStart: record.logStart, entries: [] },
      snapshot: null,
      peerIncarnations: new Map(),
    };
  }

  async write({ hardState, entries, snapshot }: Pick<LogWrite, 'hardState' | 'entries' | 'snapshot'>): Promise<void> {
    this.#ensureUsable();
    if (!snapshot) {
      const [first] = entries;
      const append = () => this.#append(hardState ?? this.#hardState, entries);
      // What is cut may be the run that a new snapshot record is about to refer to.
      return first && first.index <= this.#tail.lastIndex ? this.#inTurn(append) : append();
    }
    if (entries.length > 0) throw new RangeError('A write that installs a snapshot carries no entries.');
    const staged = this.#takeStaged((each) => each.index === snapshot.index && each.term === snapshot.term);
    return this.#inTurn(() => this.#install(staged, hardState ?? this.#hardState));
  }

  async #append(hardState: HardState, entries: readonly Entry[]): Promise<void> {
    const { epoch } = this.#current();
    const endIndex = entries.at(-1)?.index ?? this.#tail.lastIndex;
    const next = { ...hardState, commitIndex: Math.min(hardState.commitIndex, endIndex) };
    checkHardState(this.#hardState, next);
    checkEntries(this.#tail, this.#committedIndex, next.term, entries);
    const operations: StoreOperation[] = [];
    const [first] = entries;
    if (first && first.index <= this.#tail.lastIndex) {
      operations.push(...(await this.#cutBefore(first.index)));
    }
    operations.push(...putEntries(epoch, this.#tail, entries));
    if (hardState !== this.#hardState) operations.push(putJson(keys.hardState, next));
    if (operations.length > 0) await this.#write(operations);
    this.#hardState = next;
  }

  async #cutBefore(index: number): Promise<readonly StoreOperation[]> {
    try {
      return await cutEntries(this.#store, this.#current().epoch, this.#tail, index);
    } catch (error) {
      throw error instanceof StorageDamagedError ? damage(error, this.#store.place) : error;
    }
  }

  async #install(staged: StagedSnapshot, hardState: HardState): Promise<void> {
    const before = this.#current();
    const { index, term } = staged.meta;
    const tail = new LogTail({ index, term }, 0);
    // The core may know of more that is committed, which comes with the write after this one. A stored commit index
    // past the log would read as lost entries, were there a crash in between (trap 18).
    const next = { ...hardState, commitIndex: index };
    if (index <= this.#committedIndex) {
      throw new RangeError(`A snapshot at ${index} would undo what is committed up to ${this.#committedIndex}.`);
    }
    if (term > next.term) throw new RangeError(`A snapshot of term ${term} is past the stored term ${next.term}.`);
    checkHardState(this.#hardState, next);
    const firstRun = { firstIndex: index + 1, checksumBefore: 0 };
    const start = { epoch: before.epoch + 1, logStart: { index, term }, firstRun };
    const record = recordOf(staged, start);
    await this.#write([putJson(keys.snapshot, record), putJson(keys.hardState, next)]);
    this.#tail = tail;
    this.#hardState = next;
    this.#replace(before, record);
  }

  async stageSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter> {
    this.#ensureUsable();
    const before = this.#staged;
    const staged = new StagedSnapshot(meta, this.#nextStaging++, {
      write: (operations) => this.#write(operations),
      drop: (each) => this.#drop(each),
    });
    this.#staged = staged;
    if (before) void this.#drop(before);
    return staged;
  }

  /** Once taken, a snapshot is out of reach of the next that is staged, and takes no more chunks. */
  #takeStaged(isWanted: (meta: SnapshotMeta, writer: SnapshotWriter) => boolean): StagedSnapshot {
    const staged = this.#staged;
    if (!staged || !isWanted(staged.meta, staged)) throw new Error('This snapshot is not the one staged last.');
    this.#staged = null;
    staged.close();
    return staged;
  }

  #drop(staged: StagedSnapshot): Promise<void> {
    staged.close();
    if (this.#staged === staged) this.#staged = null;
    return this.#cleanUp(() => this.#store.clear(ranges.chunksOf(staged.staging)));
  }

  async commitSnapshot(writer: SnapshotWriter, compactThroughIndex: number): Promise<StoredSnapshot> {
    this.#ensureUsable();
    const staged = this.#takeStaged((_, each) => each === writer);
    return this.#inTurn(async () => {
      const before = this.#current();
      try {
        this.#checkCommit(staged.meta, before, compactThroughIndex);
      } catch (error) {
        await this.#drop(staged);
        throw error;
      }
      const { term } = this.#tail.at(compactThroughIndex);
      const { chunkCount, sizeBytes, checksum, meta } = staged;
      const record = recordOf(staged, {
        epoch: before.epoch,
        logStart: { index: compactThroughIndex, term },
        firstRun: this.#tail.runHolding(compactThroughIndex + 1),
      });
      await this.#write([putJson(keys.snapshot, record)]);
      this.#tail.compact(compactThroughIndex);
      this.#replace(before, record);
      return { meta, chunkCount, sizeBytes, checksum };
    });
  }

  /** @throws RangeError; an old snapshot must not take the place of a newer one (trap 17) */
  #checkCommit({ index, term }: SnapshotMeta, before: SnapshotRecord, compactThroughIndex: number): void {
    if (index <= before.meta.index) {
      throw new RangeError(`A snapshot at ${index} is older than the current one at ${before.meta.index}.`);
    }
    if (this.#tail.at(index).term !== term) {
      throw new RangeError(`The log holds no entry ${index} of term ${term}, where the snapshot would end.`);
    }
    if (compactThroughIndex > index || compactThroughIndex < before.logStart.index) {
      throw new RangeError(`A snapshot at ${index} cannot compact the log through ${compactThroughIndex}.`);
    }
  }

  currentSnapshot(): StoredSnapshot | null {
    return this.#record && storedSnapshot(this.#record);
  }

  async readSnapshotChunk(snapshot: StoredSnapshot, chunkIndex: number): Promise<Uint8Array> {
    this.#ensureUsable();
    const record = this.#current();
    const { index } = snapshot.meta;
    if (record.meta.index !== index || record.checksum !== snapshot.checksum) {
      throw new RangeError(`The snapshot at ${index} was replaced by the one at ${record.meta.index}.`);
    }
    if (chunkIndex < 0 || chunkIndex >= record.chunkCount) {
      throw new RangeError(`The snapshot at ${index} has ${record.chunkCount} chunks and none numbered ${chunkIndex}.`);
    }
    try {
      return await readChunk(this.#store, record, chunkIndex);
    } catch (error) {
      if (this.#record !== record) throw new RangeError(`The snapshot at ${index} was replaced meanwhile.`);
      throw error instanceof StorageDamagedError ? damage(error, this.#store.place) : error;
    }
  }

  async rememberPeer(peer: NodeId, incarnation: string): Promise<void> {
    await this.#write([putJson(keys.peer(peer), { peer, incarnation })]);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#recordTurn;
    await this.#cleaning;
    await this.#store.close();
  }

  #current(): SnapshotRecord {
    if (!this.#record) throw new Error('This storage holds no member yet: open it, and initialise it if it is empty.');
    return this.#record;
  }

  /** A snapshot holds nothing but what is committed; the commit index itself is stored lazily. */
  get #committedIndex(): number {
    return Math.max(this.#hardState.commitIndex, this.#current().meta.index);
  }

  #ensureUsable(): void {
    if (this.#failure) throw this.#failure;
  }

  /** After one failure nothing that the engine says of later writes can be believed. */
  async #write(operations: readonly StoreOperation[]): Promise<void> {
    this.#ensureUsable();
    try {
      await this.#store.writeSynced(operations);
    } catch (error) {
      this.#failure ??= writeFailure(error, this.#store.place);
    }
    // A write that succeeded beside one that failed is not believed either.
    this.#ensureUsable();
  }

  /** Engines may reorder batches that are under way at once; two changes of the snapshot record must not be. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#recordTurn.then(work);
    this.#recordTurn = result.catch(() => {});
    return result;
  }

  /**
   * The new record is durable: it counts, and what only the old one referred to goes, bit by bit and unsynced. What a
   * crash leaves of that is ignored and cleared at the next start.
   */
  #replace(before: SnapshotRecord, record: SnapshotRecord): void {
    this.#record = record;
    void this.#cleanUp(async () => {
      await this.#store.clear(ranges.runsBefore(record.epoch, record.firstRun.firstIndex));
      await this.#store.clear(ranges.chunksOf(before.staging));
    });
  }

  #cleanUp(work: () => Promise<void>): Promise<void> {
    this.#cleaning = this.#cleaning.then(work).catch((error) => {
      this.#failure ??= writeFailure(error, this.#store.place);
    });
    return this.#cleaning;
  }
}

function putJson(key: string, content: unknown): StoreOperation {
  return { type: 'put', key, value: sealedJson(key, content) };
}

function recordOf(
  { meta, staging, chunkCount, sizeBytes, checksum }: StagedSnapshot,
  start: Pick<SnapshotRecord, 'epoch' | 'logStart' | 'firstRun'>,
): SnapshotRecord {
  return { meta, staging, chunkCount, sizeBytes, checksum, ...start };
}
