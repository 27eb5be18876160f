import { ByteReader } from './level-bytes.ts';
import { readLogRecords } from './level-log-check.ts';

/** The files that LevelDB will read when it opens. */
export interface LiveFiles {
  /** Size in bytes of each table, by file number. */
  readonly tables: ReadonlyMap<number, number>;
  /** Number of the oldest log that is not wholly in tables; 0 in a database that was just made. */
  readonly logNumber: number;
}

/** Field tags of a version edit (`db/version_edit.cc`). */
const tags = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLogNumber: 9,
};

/**
 * Follows the version edits of a MANIFEST file without damage.
 * @throws RangeError when they cannot be understood
 */
export function readManifest(file: Uint8Array): LiveFiles {
  const tables = new Map<number, number>();
  let logNumber = 0;
  for (const record of readLogRecords(file)) {
    const reader = new ByteReader(record);
    // In one edit, deletions come before additions, and so LevelDB applies them.
    while (!reader.isAtEnd) {
      const tag = reader.integer();
      switch (tag) {
        case tags.comparator:
          reader.string();
          break;
        case tags.logNumber:
          logNumber = reader.integer();
          break;
        case tags.nextFileNumber:
        case tags.lastSequence:
        case tags.previousLogNumber:
          reader.integer();
          break;
        case tags.compactPointer:
          reader.integer();
          reader.string();
          break;
        case tags.deletedFile:
          reader.integer();
          tables.delete(reader.integer());
          break;
        case tags.newFile: {
          reader.integer();
          const number = reader.integer();
          tables.set(number, reader.integer());
          reader.string();
          reader.string();
          break;
        }
        default:
          throw new RangeError(`the field ${tag} is unknown`);
      }
    }
  }
  return { tables, logNumber };
}
