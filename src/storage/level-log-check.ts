import { checksum } from '../codec/checksum.ts';
import { masked } from './level-bytes.ts';

/** LevelDB's log format (its doc/log_format.md): blocks of 32 KiB, fragments of checksum, length, type and payload. */
const blockBytes = 32_768;
const headerBytes = 7;
const fragmentTypes = { full: 1, first: 2, middle: 3, last: 4 };
const greatestType = fragmentTypes.last;

/** A disk writes sectors: what a power cut left unwritten in a file that had grown reads as zeros. */
const sectorBytes = 512;

interface Fragment {
  readonly state: 'valid' | 'torn' | 'bad';
  readonly type: number;
  /** Offset just past the fragment; only of use when it is valid. */
  readonly end: number;
}

export interface LogContents {
  /** The whole records before any damage or torn tail, each joined from its fragments. */
  readonly records: readonly Uint8Array[];
  /** Offset in bytes; `null` when there is no damage. */
  readonly damagedAt: number | null;
}

/**
 * Reads one of LevelDB's log files, and looks for damage that LevelDB itself would skip in silence: opened without its
 * paranoid mode, it drops a record with a wrong checksum, and with it the rest of that block, and goes on.
 *
 * A torn tail is legal (trap 32): the last write before a crash, never acknowledged, of which the file has only a part.
 * Writes are synced one by one, so no record was begun behind that one; its own later fragments may have reached the disk.
 * A bad fragment with a record begun behind it is damage, and so is one that is all there and does not match its checksum.
 */
export function readLog(file: Uint8Array): LogContents {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const records: Uint8Array[] = [];
  let fragments: Uint8Array[] = [];
  let offset = 0;
  while (offset < file.length) {
    const leftInBlock = blockBytes - (offset % blockBytes);
    if (leftInBlock < headerBytes) {
      offset += leftInBlock;
      continue;
    }
    const { state, type, end } = fragmentAt(view, file, offset);
    if (state !== 'valid') {
      const isDamage = state === 'bad' || anyRecordBegunAfter(view, file, offset);
      return { records, damagedAt: isDamage ? offset : null };
    }
    // Whole blocks may be missing, so that each fragment is good and the record that they make is not.
    const begins = type === fragmentTypes.full || type === fragmentTypes.first;
    if (begins !== (fragments.length === 0)) return { records, damagedAt: offset };
    fragments.push(file.subarray(offset + headerBytes, end));
    if (type === fragmentTypes.full || type === fragmentTypes.last) {
      records.push(fragments.length === 1 ? file.subarray(offset + headerBytes, end) : Buffer.concat(fragments));
      fragments = [];
    }
    offset = end;
  }
  return { records, damagedAt: null };
}

function fragmentAt(view: DataView, file: Uint8Array, offset: number): Fragment {
  const type = file[offset + 6] ?? 0;
  if (offset + headerBytes > file.length) return { state: 'torn', type, end: offset };
  const payloadBytes = view.getUint16(offset + 4, true);
  const end = offset + headerBytes + payloadBytes;
  const crossesBlock = (offset % blockBytes) + headerBytes + payloadBytes > blockBytes;
  if (isType(type) && !crossesBlock) {
    // A length altered so that it points past the end of the file looks torn; what is there then matches the checksum.
    if (end > file.length) return { state: matches(view, file, offset, file.length) ? 'bad' : 'torn', type, end };
    if (matches(view, file, offset, end)) return { state: 'valid', type, end };
  }
  const spanEnd = Math.min(file.length, Math.max(end, offset + headerBytes));
  return { state: hasUnwrittenSector(file, offset, spanEnd) ? 'torn' : 'bad', type, end };
}

function isType(type: number): boolean {
  return type >= 1 && type <= greatestType;
}

/** Whether the checksum in the header at `offset` is that of the type and payload behind it, up to `end`. */
function matches(view: DataView, file: Uint8Array, offset: number, end: number): boolean {
  return view.getUint32(offset, true) === masked(checksum(file.subarray(offset + 6, end)));
}

/** Whether a whole sector that the fragment touches, or the rest of the file, reads as zeros. */
function hasUnwrittenSector(file: Uint8Array, begin: number, end: number): boolean {
  const isZero = (from: number, to: number) => file.subarray(from, to).every((byte) => byte === 0);
  for (let sector = Math.floor(begin / sectorBytes) * sectorBytes; sector < end; sector += sectorBytes) {
    const from = Math.max(begin, sector);
    const to = Math.min(file.length, sector + sectorBytes);
    if (to - from >= headerBytes && isZero(from, to)) return true;
  }
  return isZero(begin, file.length);
}

/** Bytes lost in the middle shift all that follows, so every offset may be the beginning of a record. */
function anyRecordBegunAfter(view: DataView, file: Uint8Array, offset: number): boolean {
  for (let next = offset + 1; next + headerBytes < file.length; next++) {
    const type = file[next + 6];
    if (type !== fragmentTypes.full && type !== fragmentTypes.first) continue;
    const end = next + headerBytes + view.getUint16(next + 4, true);
    // An empty payload is too easily matched by chance.
    if (end > next + headerBytes && end <= file.length && matches(view, file, next, end)) return true;
  }
  return false;
}
