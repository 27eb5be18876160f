import { checksum } from '../codec/checksum.ts';
import type { Entry, HardState, LogStart, NodeId, SnapshotMeta } from '../raft/types.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { keys, ranges, unsealed, unsealedJson } from './layout.ts';
import { LogTail, type RunStart } from './log-tail.ts';
import { readRun } from './runs.ts';
import { type OpenedStorage, StorageDamagedError, type StorageIdentity, type StoredSnapshot } from './storage.ts';

/** The current snapshot and where the log begins: switched together, in one write. */
export interface SnapshotRecord {
  readonly meta: SnapshotMeta;
  /** Under which its chunks lie. */
  readonly staging: number;
  readonly chunkCount: number;
  readonly sizeBytes: number;
  readonly checksum: number;
  /** Under which the log's entries lie. */
  readonly epoch: number;
  readonly logStart: LogStart;
  /** The run with the first entry behind the log start: where reading begins. It may hold some before that, too. */
  readonly firstRun: RunStart;
}

export interface Recovered {
  readonly opened: OpenedStorage;
  readonly record: SnapshotRecord;
  readonly tail: LogTail;
}

/**
 * Reads and verifies all that is stored. `null` when there is nothing.
 *
 * The log must be dense from its first run on, match its chain of checksums, hold the snapshot's position with its term and
 * reach the commit index last written. What no check can see is the loss of the very last batches as a whole, beyond
 * that index: a log that ends early is dense as well. The engine's files are checked for that; see `level-files.ts`.
 * @throws StorageDamagedError naming what is wrong
 * @throws UnknownFormatError when a newer version wrote this
 */
export async function recover(store: KeyValueStore): Promise<Recovered | null> {
  const identityValue = await store.get(keys.identity);
  if (!identityValue) {
    for await (const [key] of store.entries(ranges.all)) {
      throw new StorageDamagedError(`the identity is missing, although there is '${key}'`);
    }
    return null;
  }
  const identity = unsealedJson<StorageIdentity>('the identity', keys.identity, identityValue);
  const hardState = await required<HardState>(store, keys.hardState, 'the hard state');
  const record = await required<SnapshotRecord>(store, keys.snapshot, 'the snapshot record');
  await verifyChunks(store, record);
  const { entries, tail } = await readEntries(store, record);
  verifyLog(hardState, record, tail);
  return {
    record,
    tail,
    opened: {
      identity,
      restored: { hardState, snapshot: record.meta, logStart: record.logStart, entries },
      snapshot: storedSnapshot(record),
      peerIncarnations: await readPeers(store),
    },
  };
}

async function required<T>(store: KeyValueStore, key: string, what: string): Promise<T> {
  const value = await store.get(key);
  if (!value) throw new StorageDamagedError(`${what} is missing`);
  return unsealedJson<T>(what, key, value);
}

/** The snapshot that a record tells of; `null` for the empty one, which has no bytes. */
export function storedSnapshot({ meta, chunkCount, sizeBytes, checksum }: SnapshotRecord): StoredSnapshot | null {
  return meta.index === 0 ? null : { meta, chunkCount, sizeBytes, checksum };
}

/** @throws StorageDamagedError when the chunk is missing or not whole */
export async function readChunk(store: KeyValueStore, record: SnapshotRecord, chunkIndex: number): Promise<Uint8Array> {
  const what = `chunk ${chunkIndex} of the snapshot at ${record.meta.index}`;
  const key = keys.chunk(record.staging, chunkIndex);
  const value = await store.get(key);
  if (!value) throw new StorageDamagedError(`${what} is missing`);
  return unsealed(what, key, value);
}

/** One chunk at a time: a snapshot may be larger than the memory at hand. */
async function verifyChunks(store: KeyValueStore, record: SnapshotRecord): Promise<void> {
  let whole = 0;
  let sizeBytes = 0;
  for (let chunkIndex = 0; chunkIndex < record.chunkCount; chunkIndex++) {
    const chunk = await readChunk(store, record, chunkIndex);
    whole = checksum(chunk, whole);
    sizeBytes += chunk.length;
  }
  if (whole !== record.checksum || sizeBytes !== record.sizeBytes) {
    throw new StorageDamagedError(`the snapshot at ${record.meta.index} fails its checksum as a whole`);
  }
}

/** Entries of the first run that the snapshot made superfluous are verified like the others, and left out. */
async function readEntries(
  store: KeyValueStore,
  { epoch, logStart, firstRun }: SnapshotRecord,
): Promise<{ entries: Entry[]; tail: LogTail }> {
  const entries: Entry[] = [];
  const index = firstRun.firstIndex - 1;
  const tail = new LogTail({ index, term: index === logStart.index ? logStart.term : 0 }, firstRun.checksumBefore);
  for await (const [key, value] of store.entries(ranges.runsFrom(epoch, firstRun.firstIndex))) {
    const run = tail.beginRun();
    const expected = keys.run(epoch, run.firstIndex);
    if (key > expected) throw new StorageDamagedError(`entry ${run.firstIndex} is missing from the log`);
    if (key < expected) throw new StorageDamagedError(`'${key}' begins among entries that the log holds already`);
    for (const { entry, checksum: own } of readRun(key, run, value)) {
      const { term } = tail.last;
      if (entry.term < term) throw new StorageDamagedError(`the term falls from ${term} at entry ${entry.index}`);
      tail.push(entry, own);
      if (entry.index > logStart.index) entries.push(entry);
    }
  }
  if (tail.lastIndex < logStart.index) {
    throw new StorageDamagedError(`entry ${tail.lastIndex + 1} is missing from the log`);
  }
  tail.compact(logStart.index);
  return { entries, tail };
}

function verifyLog(hardState: HardState, { meta }: SnapshotRecord, tail: LogTail): void {
  const { lastIndex } = tail;
  if (lastIndex < meta.index || tail.at(meta.index).term !== meta.term) {
    throw new StorageDamagedError(
      `the log does not hold entry ${meta.index} of term ${meta.term}, where its snapshot ends`,
    );
  }
  if (lastIndex < hardState.commitIndex) {
    throw new StorageDamagedError(
      `the log ends at entry ${lastIndex}, although entries up to ${hardState.commitIndex} were committed`,
    );
  }
  const lastTerm = tail.last.term;
  if (hardState.term < lastTerm) {
    throw new StorageDamagedError(`the hard state is of term ${hardState.term}, and the log of term ${lastTerm}`);
  }
}

async function readPeers(store: KeyValueStore): Promise<Map<NodeId, string>> {
  const peers = new Map<NodeId, string>();
  for await (const [key, value] of store.entries(ranges.peers)) {
    const { peer, incarnation } = unsealedJson<{ peer: NodeId; incarnation: string }>(
      `what is known of the ${key}`,
      key,
      value,
    );
    peers.set(peer, incarnation);
  }
  return peers;
}
