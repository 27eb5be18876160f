import { checksum } from '../codec/checksum.ts';
import type { KeyRange } from './key-value-store.ts';
import { StorageDamagedError } from './storage.ts';

/*
 * What is stored under which key, and how each value shows that it is whole.
 *
 * A value is a CRC32C, a format byte and a payload. The CRC covers the key, the format and the payload, so that a value
 * found under another key is not taken for the one that belongs there. A run of log entries has many of these, one for
 * each entry; see `runs.ts`.
 */

/**
 * Raised when older versions could not read the values any more, or what `proto/command.proto` puts into them. The checksum
 * and this byte stay where they are.
 */
export const format = 4;

const checksumBytes = 4;
/** The checksum and the format. */
export const prefixBytes = checksumBytes + 1;

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

export const keys = {
  identity: 'identity',
  hardState: 'hard-state',
  snapshot: 'snapshot',
  peer: (nodeId: string) => `peer/${nodeId}`,
  /** An installed snapshot begins a new epoch: what a crash left behind of the old log is never taken for the new one. */
  run: (epoch: number, firstIndex: number) => `run/${hex(epoch, 8)}/${hex(firstIndex, 14)}`,
  chunk: (staging: number, chunkIndex: number) => `chunk/${hex(staging, 8)}/${hex(chunkIndex, 8)}`,
};

/** `0` is the character behind `/`: it ends the range of everything that begins with a prefix and a slash. */
const everythingUnder = (prefix: string): KeyRange => ({ from: `${prefix}/`, before: `${prefix}0` });

export const ranges = {
  /** Every key that this format knows, and then some. */
  all: { from: '', before: '~' } as KeyRange,
  peers: everythingUnder('peer'),
  chunks: everythingUnder('chunk'),
  chunksOf: (staging: number) => everythingUnder(`chunk/${hex(staging, 8)}`),
  /** The runs that begin at `firstIndex` or behind it. */
  runsFrom: (epoch: number, firstIndex: number): KeyRange => ({
    ...everythingUnder(`run/${hex(epoch, 8)}`),
    from: keys.run(epoch, firstIndex),
  }),
  /** The runs that begin before `firstIndex`, and those of earlier epochs. */
  runsBefore: (epoch: number, firstIndex: number): KeyRange => ({
    ...everythingUnder('run'),
    before: keys.run(epoch, firstIndex),
  }),
  chunksOutside: (staging: number): readonly KeyRange[] => [
    { ...ranges.chunks, before: ranges.chunksOf(staging).from },
    { ...ranges.chunks, from: ranges.chunksOf(staging).before },
  ],
};

/** The value is whole and of a format that this version does not know. */
export class UnknownFormatError extends Error {
  override readonly name = 'UnknownFormatError';
  /** Whether it is of an earlier version; else it is of a later one. */
  readonly isOlder: boolean;

  constructor(what: string, found: number) {
    super(`${what} has format ${found}, and this version reads and writes format ${format}`);
    this.isOlder = found < format;
  }
}

/** A value to store under `key`: the payload with its checksum and format in front. */
export function sealed(key: string, payload: Uint8Array): Uint8Array {
  const value = new Uint8Array(prefixBytes + payload.length);
  value.set(payload, prefixBytes);
  seal(value, keyChecksum(key));
  return value;
}

/** What the checksum of a value under `key` begins with. @param previous continued by it */
export function keyChecksum(key: string, previous = 0): number {
  return checksum(Buffer.from(key), previous);
}

/**
 * Writes the prefix of a value whose payload is in its place.
 * @param before the checksum that the value's own continues
 * @returns that checksum
 */
export function seal(value: Uint8Array, before: number): number {
  value[checksumBytes] = format;
  const own = checksum(value.subarray(checksumBytes), before);
  new DataView(value.buffer, value.byteOffset).setUint32(0, own);
  return own;
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
export function unsealed(what: string, key: string, value: Uint8Array): Uint8Array {
  return unsealedAfter(keyChecksum(key), what, value);
}

/** @param before the checksum that the value's own continues. @throws as `unsealed` does */
export function unsealedAfter(before: number, what: string, value: Uint8Array): Uint8Array {
  if (value.length < prefixBytes) throw new StorageDamagedError(`${what} is cut short`);
  if (checksum(value.subarray(checksumBytes), before) !== checksumOf(value)) {
    throw new StorageDamagedError(`${what} fails its checksum`);
  }
  const found = value[checksumBytes] ?? 0;
  if (found !== format) throw new UnknownFormatError(what, found);
  return value.subarray(prefixBytes);
}

export function sealedJson(key: string, content: unknown): Uint8Array {
  return sealed(key, Buffer.from(JSON.stringify(content)));
}

/** @throws StorageDamagedError naming `what`; UnknownFormatError */
export function unsealedJson<T>(what: string, key: string, value: Uint8Array): T {
  return JSON.parse(Buffer.from(unsealed(what, key, value)).toString()) as T;
}
