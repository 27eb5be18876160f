/** LevelDB stores checksums rotated and shifted, so that a checksum of data that holds checksums stays a good one. */
export function masked(checksum: number): number {
  return ((((checksum >>> 15) | (checksum << 17)) >>> 0) + 0xa282ead8) >>> 0;
}

/** Reads LevelDB's variable-length integers and the strings that they measure, from the front on. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  /** An unsigned integer, seven bits a byte, the lowest first. @throws RangeError at the end of the bytes */
  integer(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#offset++];
      if (byte === undefined || scale > Number.MAX_SAFE_INTEGER) throw new RangeError('the bytes end within a number');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  /** @throws RangeError when there are fewer than `count` bytes left */
  bytes(count: number): Uint8Array {
    const end = this.#offset + count;
    if (end > this.#bytes.length) throw new RangeError('the bytes end within a string');
    const found = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return found;
  }

  /** A string of bytes with its length in front. */
  string(): Uint8Array {
    return this.bytes(this.integer());
  }
}
