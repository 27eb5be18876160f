import { ByteReader } from './level-bytes.ts';

/**
 * Unpacks a block that is compressed with snappy (its format_description.txt): the length of the plain bytes, then
 * literals and copies of what came before. Written for a table's index, which is small.
 * @throws RangeError when it is not such a block
 */
export function unsnappied(block: Uint8Array): Uint8Array {
  const reader = new ByteReader(block);
  const plain = new Uint8Array(reader.integer());
  let length = 0;
  while (!reader.isAtEnd) {
    const tag = littleEndian(reader.bytes(1));
    const upper = tag >>> 2;
    const kind = tag & 3;
    if (kind === 0) {
      const literal = reader.bytes(1 + (upper < 60 ? upper : littleEndian(reader.bytes(upper - 59))));
      plain.set(literal, length);
      length += literal.length;
      continue;
    }
    const count = kind === 1 ? 4 + (upper & 7) : 1 + upper;
    const distance =
      kind === 1 ? (upper >>> 3) * 256 + littleEndian(reader.bytes(1)) : littleEndian(reader.bytes(kind === 2 ? 2 : 4));
    if (distance === 0 || distance > length || length + count > plain.length) throw new RangeError('a copy is astray');
    // A copy may reach into itself: byte by byte.
    for (let copied = 0; copied < count; copied++, length++) plain[length] = plain[length - distance] ?? 0;
  }
  if (length !== plain.length) throw new RangeError('it is shorter than it says');
  return plain;
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
