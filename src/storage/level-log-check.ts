import { checksum } from '../codec/checksum.ts';
import { masked } from './level-bytes.ts';

/** LevelDB's log format (its doc/log_format.md): blocks of 32 KiB, records of checksum, length, type and payload. */
const blockBytes = 32_768;
const headerBytes = 7;
const recordTypes = { full: 1, first: 2, middle: 3, last: 4 };
const greatestType = recordTypes.last;

/** A disk writes sectors: what a power cut left unwritten in a file that had grown reads as zeros. */
const sectorBytes = 512;

interface RecordHere {
  readonly state: 'valid' | 'torn' | 'bad';
  /** Offset just past the record; only of use when it is valid. */
  readonly end: number;
}

/**
 * Looks for damage in one of LevelDB's log files that LevelDB itself would skip in silence: opened without its
 * paranoid mode, it drops a record with a wrong checksum, and with it the rest of that block, and goes on.
 *
 * A torn tail is legal: the last write before a crash, never acknowledged, of which the file has only a part. A bad
 * record with a good one behind it is not, and neither is one that is all there and does not match its checksum.
 *
 * @returns the offset of the damage in bytes, `null` when there is none
 */
export function findLogDamage(file: Uint8Array): number | null {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let offset = 0;
  while (offset < file.length) {
    const leftInBlock = blockBytes - (offset % blockBytes);
    if (leftInBlock < headerBytes) {
      offset += leftInBlock;
      continue;
    }
    const record = recordAt(view, file, offset);
    if (record.state === 'valid') {
      offset = record.end;
      continue;
    }
    if (record.state === 'bad' || anyValidRecordAfter(view, file, offset)) return offset;
    return null;
  }
  return null;
}

/** The records of a log file without damage, up to a torn tail; each is joined from its fragments. */
export function readLogRecords(file: Uint8Array): Uint8Array[] {
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
    const { state, end } = recordAt(view, file, offset);
    if (state !== 'valid') break;
    const type = file[offset + 6];
    if (type === recordTypes.full || type === recordTypes.first) fragments = [];
    fragments.push(file.subarray(offset + headerBytes, end));
    if (type === recordTypes.full || type === recordTypes.last) records.push(Buffer.concat(fragments));
    offset = end;
  }
  return records;
}

function recordAt(view: DataView, file: Uint8Array, offset: number): RecordHere {
  const torn: RecordHere = { state: 'torn', end: offset };
  if (offset + headerBytes > file.length) return torn;
  const payloadBytes = view.getUint16(offset + 4, true);
  const type = file[offset + 6] ?? 0;
  const end = offset + headerBytes + payloadBytes;
  const crossesBlock = (offset % blockBytes) + headerBytes + payloadBytes > blockBytes;
  if (type >= 1 && type <= greatestType && !crossesBlock) {
    // A length altered so that it points past the end of the file looks torn; what is there then matches the checksum.
    if (end > file.length) {
      const isWhole = view.getUint32(offset, true) === masked(checksum(file.subarray(offset + 6)));
      return isWhole ? { state: 'bad', end } : torn;
    }
    if (view.getUint32(offset, true) === masked(checksum(file.subarray(offset + 6, end))))
      return { state: 'valid', end };
  }
  const span = file.subarray(offset, Math.min(file.length, Math.max(end, offset + headerBytes)));
  return hasUnwrittenSector(file, offset, offset + span.length) ? torn : { state: 'bad', end };
}

/** Whether a whole sector that the record touches reads as zeros, from the record's beginning on. */
function hasUnwrittenSector(file: Uint8Array, begin: number, end: number): boolean {
  for (let sector = Math.floor(begin / sectorBytes) * sectorBytes; sector < end; sector += sectorBytes) {
    const from = Math.max(begin, sector);
    const to = Math.min(file.length, sector + sectorBytes);
    if (to - from >= headerBytes && file.subarray(from, to).every((byte) => byte === 0)) return true;
  }
  return false;
}

/** Bytes lost in the middle shift all that follows, so every offset may be the beginning of a record. */
function anyValidRecordAfter(view: DataView, file: Uint8Array, offset: number): boolean {
  for (let next = offset + 1; next + headerBytes < file.length; next++) {
    const type = file[next + 6] ?? 0;
    if (type < 1 || type > greatestType) continue;
    const end = next + headerBytes + view.getUint16(next + 4, true);
    // An empty payload is too easily matched by chance.
    if (end <= next + headerBytes || end > file.length) continue;
    if (view.getUint32(next, true) === masked(checksum(file.subarray(next + 6, end)))) return true;
  }
  return false;
}
