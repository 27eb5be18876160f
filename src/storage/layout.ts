import { checksum } from '../codec/checksum.ts';
import type { Entry, EntryKind } from '../raft/types.ts';
import type { KeyRange } from './key-value-store.ts';
import { StorageDamagedError } from './storage.ts';

/*
 * What is stored under which key, and how each value shows that it is whole.
 *
 * A value is a CRC32C, a format byte and a payload. The CRC covers the key, the format and the payload, so that a value
 * found under another key is not taken for the one that belongs there. An entry's CRC continues that of the entry before
 * it: no entry can be lost, altered or swapped without the chain breaking.
 */

/** Raised when older versions could not read the values any more. The checksum and this byte stay where they are. */
export const format = 1;

const checksumBytes = 4;
const prefixBytes = checksumBytes + 1;
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

/** `0` is the character behind `/`: it ends the range of everything that begins with a prefix and a slash. */
const everythingUnder = (prefix: string): KeyRange => ({ from: `${prefix}/`, before: `${prefix}0` });

export const ranges = {
  /** Every key that this format knows, and then some. */
  all: { from: '', before: '~' } as KeyRange,
  peers: everythingUnder('peer'),
  chunksOf: (staging: number) => everythingUnder(`chunk/${hex(staging, 8)}`),
  entries: (epoch: number, fromIndex: number): KeyRange => ({
    ...everythingUnder(`entry/${hex(epoch, 8)}`),
    from: keys.entry(epoch, fromIndex),
  }),
  /** Of earlier epochs as well. */
  entriesBefore: (epoch: number, beforeIndex: number): KeyRange => ({
    ...everythingUnder('entry'),
    before: keys.entry(epoch, beforeIndex),
  }),
  chunksOutside: (staging: number): readonly KeyRange[] => [
    { ...everythingUnder('chunk'), before: ranges.chunksOf(staging).from },
    { ...everythingUnder('chunk'), from: ranges.chunksOf(staging).before },
  ],
};

/** The value is whole and of a format that this version does not know. */
export class UnknownFormatError extends Error {
  override readonly name = 'UnknownFormatError';
}

/** A value to store under `key`: the payload with its checksum and format in front. */
export function sealed(key: string, payload: Uint8Array): Uint8Array {
  const value = new Uint8Array(prefixBytes + payload.length);
  value.set(payload, prefixBytes);
  return seal(key, value, 0);
}

function seal(key: string, value: Uint8Array, previousChecksum: number): Uint8Array {
  value[checksumBytes] = format;
  new DataView(value.buffer, value.byteOffset).setUint32(0, checksumUnder(key, value, previousChecksum));
  return value;
}

function checksumUnder(key: string, value: Uint8Array, previousChecksum: number): number {
  return checksum(value.subarray(checksumBytes), checksum(Buffer.from(key), previousChecksum));
}

/** The checksum that a value says it has. */
export function checksumOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getUint32(0);
}

/**
 * The payload of a value found under `key`; `what` names it for people.
 * @throws StorageDamagedError naming `what`
 * @throws UnknownFormatError
 */
export function unsealed(what: string, key: string, value: Uint8Array, previousChecksum = 0): Uint8Array {
  if (value.length < prefixBytes) throw new StorageDamagedError(`${what} is cut short`);
  if (checksumUnder(key, value, previousChecksum) !== checksumOf(value)) {
    throw new StorageDamagedError(`${what} fails its checksum`);
  }
  const found = value[checksumBytes];
  if (found !== format) {
    throw new UnknownFormatError(`${what} has format ${found}, and this version reads and writes format ${format}`);
  }
  return value.subarray(prefixBytes);
}

export function sealedJson(key: string, content: unknown): Uint8Array {
  return sealed(key, Buffer.from(JSON.stringify(content)));
}

/** @throws StorageDamagedError naming `what`; UnknownFormatError */
export function unsealedJson<T>(what: string, key: string, value: Uint8Array): T {
  return JSON.parse(Buffer.from(unsealed(what, key, value)).toString()) as T;
}

/** @param previousChecksum of the entry before it */
export function sealedEntry(key: string, { index, term, kind, data }: Entry, previousChecksum: number): Uint8Array {
  const value = new Uint8Array(prefixBytes + entryHeaderBytes + data.length);
  const header = new DataView(value.buffer, prefixBytes);
  header.setBigUint64(0, BigInt(index));
  header.setBigUint64(8, BigInt(term));
  header.setUint8(16, kinds.indexOf(kind));
  value.set(data, prefixBytes + entryHeaderBytes);
  return seal(key, value, previousChecksum);
}

/** @throws StorageDamagedError naming the entry; UnknownFormatError */
export function unsealedEntry(index: number, key: string, value: Uint8Array, previousChecksum: number): Entry {
  const payload = unsealed(`entry ${index}`, key, value, previousChecksum);
  const header = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const kind = payload.length >= entryHeaderBytes ? kinds[header.getUint8(16)] : undefined;
  if (!kind || Number(header.getBigUint64(0)) !== index) {
    throw new StorageDamagedError(`what is stored as entry ${index} is not that entry`);
  }
  // A copy: the value may be a view of the engine's buffer, and entries are kept for long.
  const data = new Uint8Array(payload.subarray(entryHeaderBytes));
  return { index, term: Number(header.getBigUint64(8)), kind, data };
}
