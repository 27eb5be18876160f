import { checksum } from '../codec/checksum.ts';
import { ByteReader, masked } from './level-bytes.ts';
import { unsnappied } from './level-snappy.ts';

/** LevelDB's table format (its doc/table_format.md): blocks, each with type and checksum behind it, and a footer. */
const footerBytes = 48;
const magic = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const trailerBytes = 5;
const compressions = { none: 0, snappy: 1 };

/** Where a block lies. */
interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

/**
 * Looks for damage in one of LevelDB's table files. LevelDB itself reads blocks without looking at their checksums: a
 * flipped bit in a key hides the value behind it, and an older one, such as an older vote, comes to light in silence.
 * @returns what is wrong, `null` when nothing is
 */
export function findTableDamage(file: Uint8Array): string | null {
  if (file.length < footerBytes) return 'it is cut short';
  const footer = file.subarray(file.length - footerBytes);
  if (Buffer.compare(footer.subarray(footerBytes - magic.length), magic) !== 0)
    return 'it does not end as a table does';
  try {
    const reader = new ByteReader(footer);
    const metaIndex = readHandle(reader);
    const index = readHandle(reader);
    // Data blocks lie one behind the other from the beginning of the file, and the filter, which can hide a key as well,
    // behind them; then the two blocks that list those, and the footer.
    const damage = findDamagedBlock(file, [metaIndex, index], metaIndex.offset, file.length - footerBytes);
    if (damage) return damage;
    const handles = [index, metaIndex].flatMap((listing) => blocksOf(contentOf(file, listing)));
    return findDamagedBlock(file, handles, 0, metaIndex.offset);
  } catch (error) {
    if (error instanceof RangeError) return `its index cannot be read: ${error.message}`;
    throw error;
  }
}

/** @param handles of blocks that together reach from `beginOffset` to `endOffset` */
function findDamagedBlock(
  file: Uint8Array,
  handles: readonly BlockHandle[],
  beginOffset: number,
  endOffset: number,
): string | null {
  let expectedOffset = beginOffset;
  for (const handle of handles) {
    if (handle.offset !== expectedOffset) return `a block is missing at byte ${expectedOffset}`;
    const damage = findBlockDamage(file, handle);
    if (damage) return damage;
    expectedOffset = handle.offset + handle.size + trailerBytes;
  }
  return expectedOffset === endOffset ? null : `a block is missing at byte ${expectedOffset}`;
}

function findBlockDamage(file: Uint8Array, { offset, size }: BlockHandle): string | null {
  const end = offset + size + 1;
  if (end + 4 > file.length - footerBytes) return `the block at byte ${offset} lies outside it`;
  const stored = new DataView(file.buffer, file.byteOffset).getUint32(end, true);
  return stored === masked(checksum(file.subarray(offset, end))) ? null : `the block at byte ${offset} is damaged`;
}

/** Blocks are compressed where that makes them smaller; this program's are not, but an older directory's may be. */
function contentOf(file: Uint8Array, { offset, size }: BlockHandle): Uint8Array {
  const content = file.subarray(offset, offset + size);
  const compression = file[offset + size];
  if (compression === compressions.none) return content;
  if (compression === compressions.snappy) return unsnappied(content);
  throw new RangeError(`its compression ${compression} is unknown`);
}

/** The entries of an index, or of the index of other blocks: a key that shares its beginning with the one before, and a block's handle. */
function blocksOf(block: Uint8Array): BlockHandle[] {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const restarts = view.getUint32(block.length - 4, true);
  const reader = new ByteReader(block.subarray(0, Math.max(0, block.length - 4 - 4 * restarts)));
  const handles: BlockHandle[] = [];
  while (!reader.isAtEnd) {
    reader.integer();
    const ownKeyBytes = reader.integer();
    const valueBytes = reader.integer();
    reader.bytes(ownKeyBytes);
    handles.push(readHandle(new ByteReader(reader.bytes(valueBytes))));
  }
  return handles;
}

function readHandle(reader: ByteReader): BlockHandle {
  return { offset: reader.integer(), size: reader.integer() };
}
