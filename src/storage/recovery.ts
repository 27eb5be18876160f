import { checksum } from '../codec/checksum.ts';
import type { Entry, HardState, LogStart, NodeId, SnapshotMeta } from '../raft/types.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { checksumOf, keys, ranges, unsealed, unsealedEntry, unsealedJson } from './layout.ts';
import { LogTail } from './log-tail.ts';
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
  /** Where the chain of entry checksums begins. */
  readonly logStartChecksum: number;
}

export interface Recovered {
  readonly opened: OpenedStorage;
  readonly record: SnapshotRecord;
  readonly tail: LogTail;
}

/**
 * Reads and verifies all that is stored. `null` when there is nothing.
 *
 * The log must be dense from its start, match its chain of checksums, hold the snapshot's position with its term and
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

async function readEntries(store: KeyValueStore, record: SnapshotRecord): Promise<{ entries: Entry[]; tail: LogTail }> {
  const entries: Entry[] = [];
  const tail = new LogTail(record.logStart, record.logStartChecksum);
  let lastTerm = record.logStart.term;
  for await (const [key, value] of store.entries(ranges.entries(record.epoch, record.logStart.index + 1))) {
    const index = tail.lastIndex + 1;
    if (key !== keys.entry(record.epoch, index))
      throw new StorageDamagedError(`entry ${index} is missing from the log`);
    const entry = unsealedEntry(index, key, value, tail.lastChecksum);
    if (entry.term < lastTerm) throw new StorageDamagedError(`the term falls from ${lastTerm} at entry ${index}`);
    lastTerm = entry.term;
    tail.push(entry, checksumOf(value));
    entries.push(entry);
  }
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
  const lastTerm = tail.at(lastIndex).term;
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
