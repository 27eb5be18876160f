import { checksum } from '../codec/checksum.ts';
import type { Entry, EntryKind } from '../raft/types.ts';
import type { KeyRange } from './key-value-store.ts';
import { StorageDamagedError } from './storage.ts';

/*
 * What is stored under which key, and how each value shows that it is whole.
 *
 * Every value begins with a format byte and a CRC32C. An entry's CRC continues that of the entry before it, so no entry
 * can be lost, altered or swapped without the chain breaking.
 */

/** Raised when older versions could not read the values any more. */
export const format = 1;

const prefixBytes = 5;
const entryHeaderBytes = 17;
const kinds: readonly EntryKind[] = ['command', 'term-opening', 'membership'];

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

export const keys = {
  identity: 'identity',
  hardState: 'hard-state',
  snapshot: 'snapshot',
  peer: (nodeId: string) => `peer/${nodeId}`,
  /** An installed snapshot begins a new epoch: what a crash left behind of the old log is never taken for the new one. */
  entry: (epoch: number, index: number) => `entry/${hex(epoch, 8)}/${hex(index, 14)}`,
  chunk: (staging: number, chunkIndex: number) => `chunk/${hex(staging, 8)}/${hex(chunkIndex, 8)}`,
};

export const ranges = {
  /** `~` sorts behind every character that keys are made of. */
  peers: { from: 'peer/', before: 'peer/~' } as KeyRange,
  allEntries: { from: 'entry/', before: 'entry/~' } as KeyRange,
  allChunks: { from: 'chunk/', before: 'chunk/~' } as KeyRange,
  /** Everything. */
  all: { from: '', before: '~' } as KeyRange,
  entries: (epoch: number, fromIndex: number): KeyRange => ({
    from: keys.entry(epoch, fromIndex),
    before: `entry/${hex(epoch, 8)}/~`,
  }),
  entriesBefore: (epoch: number, beforeIndex: number): KeyRange => ({
    from: 'entry/',
    before: keys.entry(epoch, beforeIndex),
  }),
  chunksOutside: (staging: number): readonly KeyRange[] => [
    { from: 'chunk/', before: `chunk/${hex(staging, 8)}/` },
    { from: `chunk/${hex(staging, 8)}/~`, before: 'chunk/~' },
  ],
};

/** A value with its format and checksum in front. */
export function sealed(payload: Uint8Array, previousChecksum = 0): Uint8Array {
  const value = new Uint8Array(prefixBytes + payload.length);
  value[0] = format;
  value.set(payload, prefixBytes);
  new DataView(value.buffer).setUint32(1, checksum(payload, previousChecksum));
  return value;
}

export function checksumOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getUint32(1);
}

/** @throws StorageDamagedError naming `what` */
export function unsealed(what: string, value: Uint8Array, previousChecksum = 0): Uint8Array {
  if (value.length < prefixBytes) throw new StorageDamagedError(`${what} is cut short`);
  if (value[0] !== format) {
    throw new StorageDamagedError(
      `${what} has format ${value[0]}, and this version reads format ${format}; it may have been written by a newer version`,
    );
  }
  const payload = value.subarray(prefixBytes);
  if (checksum(payload, previousChecksum) !== checksumOf(value)) {
    throw new StorageDamagedError(`${what} does not match its checksum`);
  }
  return payload;
}

export function sealedJson(content: unknown): Uint8Array {
  return sealed(Buffer.from(JSON.stringify(content)));
}

/** @throws StorageDamagedError naming `what` */
export function unsealedJson<T>(what: string, value: Uint8Array): T {
  return JSON.parse(Buffer.from(unsealed(what, value)).toString()) as T;
}

/** @param previousChecksum of the entry before it */
export function sealedEntry({ index, term, kind, data }: Entry, previousChecksum: number): Uint8Array {
  const payload = new Uint8Array(entryHeaderBytes + data.length);
  const view = new DataView(payload.buffer);
  view.setBigUint64(0, BigInt(index));
  view.setBigUint64(8, BigInt(term));
  view.setUint8(16, kinds.indexOf(kind));
  payload.set(data, entryHeaderBytes);
  return sealed(payload, previousChecksum);
}

/** @throws StorageDamagedError naming the entry */
export function unsealedEntry(index: number, value: Uint8Array, previousChecksum: number): Entry {
  const payload = unsealed(`entry ${index}`, value, previousChecksum);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const kind = payload.length >= entryHeaderBytes ? kinds[view.getUint8(16)] : undefined;
  if (!kind || Number(view.getBigUint64(0)) !== index) {
    throw new StorageDamagedError(`what is stored as entry ${index} is another entry`);
  }
  return { index, term: Number(view.getBigUint64(8)), kind, data: payload.slice(entryHeaderBytes) };
}
