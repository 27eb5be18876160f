import type { Entry, EntryKind } from '../raft/types.ts';
import type { KeyValueStore, StoreOperation } from './key-value-store.ts';
import { checksumOf, keyChecksum, keys, prefixBytes, seal, unsealedAfter } from './layout.ts';
import type { LogTail, RunStart } from './log-tail.ts';
import { StorageDamagedError } from './storage.ts';

/*
 * The entries of one write are one value, a run, under the index of the first of them: what a store asks for each value
 * is many times what one more entry costs. The runs of a log follow one another without a gap and without overlapping.
 *
 * An entry in a run is a CRC32C, a format byte, a header and its data. Its CRC continues that of the entry before it,
 * from run to run: no entry can be lost, altered or swapped without the chain breaking. A run's first entry continues it
 * through the run's key, so that a run found under another key, or in another epoch, is not taken for the one there.
 */

/** A write with more than this is stored as several runs. A single entry may be larger, and is a run of its own then. */
export const maxRunBytes = 256 * 1024;

/** Offsets behind the prefix. An entry's index is where it stands: the chain holds it there. */
const header = { dataLength: 0, term: 4, kind: 12, bytes: 13 } as const;
/** Of an entry beside its data. */
const overheadBytes = prefixBytes + header.bytes;
const kinds: readonly EntryKind[] = ['command', 'term-opening', 'membership'];

/** An entry as it was found in a run. */
export interface StoredEntry {
  readonly entry: Entry;
  readonly checksum: number;
  /** Offset in the run just past it. */
  readonly end: number;
}

/** The puts that store `entries` behind `tail`, which holds them afterwards. */
export function putEntries(epoch: number, tail: LogTail, entries: readonly Entry[]): StoreOperation[] {
  const operations: StoreOperation[] = [];
  for (let next = 0; next < entries.length; ) {
    const { end, sizeBytes } = runFrom(entries, next);
    const { firstIndex, checksumBefore } = tail.beginRun();
    const key = keys.run(epoch, firstIndex);
    const value = Buffer.allocUnsafe(sizeBytes);
    let before = keyChecksum(key, checksumBefore);
    let offset = 0;
    for (const entry of entries.slice(next, end)) {
      const sealedEnd = offset + overheadBytes + entry.data.length;
      before = sealEntry(value.subarray(offset, sealedEnd), entry, before);
      tail.push(entry, before);
      offset = sealedEnd;
    }
    operations.push({ type: 'put', key, value });
    next = end;
  }
  return operations;
}

/** The entries from `first` on that make one run: up to `end`, which is not one of them. */
function runFrom(entries: readonly Entry[], first: number): { end: number; sizeBytes: number } {
  let sizeBytes = 0;
  let end = first;
  for (; end < entries.length; end++) {
    const next = overheadBytes + (entries[end]?.data.length ?? 0);
    if (end > first && sizeBytes + next > maxRunBytes) break;
    sizeBytes += next;
  }
  return { end, sizeBytes };
}

/** Writes every byte of `value`. @returns the entry's checksum */
function sealEntry(value: Uint8Array, { term, kind, data }: Entry, before: number): number {
  const view = new DataView(value.buffer, value.byteOffset + prefixBytes);
  view.setUint32(header.dataLength, data.length);
  view.setBigUint64(header.term, BigInt(term));
  view.setUint8(header.kind, kinds.indexOf(kind));
  value.set(data, overheadBytes);
  return seal(value, before);
}

/**
 * The entries of a run found under `key`, each verified before it is handed out; at least one.
 * @throws StorageDamagedError naming the entry; UnknownFormatError
 */
export function* readRun(key: string, run: RunStart, value: Uint8Array): Generator<StoredEntry> {
  // A copy: it may be a view of the engine's buffer, and entries are kept for long. One for all of them, since a buffer of
  // its own costs an entry more than all else here.
  const kept = new Uint8Array(value);
  let before = keyChecksum(key, run.checksumBefore);
  let offset = 0;
  let index = run.firstIndex;
  do {
    const end = endOfEntry(kept, offset);
    if (end > kept.length) throw new StorageDamagedError(`entry ${index} is cut short`);
    const sealed = kept.subarray(offset, end);
    yield { entry: unsealedEntry(index, sealed, before), checksum: checksumOf(sealed), end };
    before = checksumOf(sealed);
    offset = end;
    index++;
  } while (offset < kept.length);
}

/** Where the entry at `offset` says that it ends. */
function endOfEntry(value: Uint8Array, offset: number): number {
  const dataAt = offset + overheadBytes;
  if (dataAt > value.length) return dataAt;
  const view = new DataView(value.buffer, value.byteOffset + offset + prefixBytes);
  return dataAt + view.getUint32(header.dataLength);
}

function unsealedEntry(index: number, value: Uint8Array, before: number): Entry {
  const payload = unsealedAfter(before, `entry ${index}`, value);
  const view = new DataView(payload.buffer, payload.byteOffset);
  const kind = kinds[view.getUint8(header.kind)];
  if (!kind) throw new StorageDamagedError(`entry ${index} is of an unknown kind`);
  const data = payload.subarray(header.bytes);
  return { index, term: Number(view.getBigUint64(header.term)), kind, data };
}

/**
 * What makes the stored log end before `index`, and `tail` with it: the runs from there on go, and the one that holds
 * `index` in its middle is stored anew without its end. A run that stayed whole would come back should those behind it
 * get lost, and stand for entries that replaced its own.
 * @throws StorageDamagedError naming the entry, when what is to be kept is damaged
 */
export async function cutEntries(
  store: KeyValueStore,
  epoch: number,
  tail: LogTail,
  index: number,
): Promise<StoreOperation[]> {
  const operations: StoreOperation[] = tail
    .runsFrom(index)
    .map(({ firstIndex }) => ({ type: 'del', key: keys.run(epoch, firstIndex) }));
  const run = tail.runHolding(index);
  if (run.firstIndex < index) {
    const key = keys.run(epoch, run.firstIndex);
    operations.push({ type: 'put', key, value: await keptOfRun(store, key, run, index) });
  }
  tail.cutBefore(index);
  return operations;
}

async function keptOfRun(store: KeyValueStore, key: string, run: RunStart, index: number): Promise<Uint8Array> {
  const value = (await store.get(key)) ?? new Uint8Array();
  for (const { entry, end } of readRun(key, run, value)) {
    if (entry.index === index - 1) return value.subarray(0, end);
  }
  throw new StorageDamagedError(`entry ${index - 1} is missing from the log`);
}
