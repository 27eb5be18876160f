import { ByteReader } from './level-bytes.ts';

/** The files that LevelDB will read when it opens, and what it will expect of them. */
export interface LiveFiles {
  /** Size in bytes of each table, by file number. */
  readonly tables: ReadonlyMap<number, number>;
  /** Number of the oldest log that is not wholly in tables; 0 in a database that was just made. */
  readonly logNumber: number;
  /** Of the newest operation when this was written. */
  readonly lastSequence: number;
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
 * Follows the version edits in the records of a MANIFEST file.
 * @throws RangeError when they cannot be understood, or lack what every MANIFEST says
 */
export function readManifest(records: readonly Uint8Array[]): LiveFiles {
  const tables = new Map<number, number>();
  const numbers = new Map<number, number>();
  for (const record of records) {
    const reader = new ByteReader(record);
    // In one edit, deletions come before additions, and so LevelDB applies them.
    while (!reader.isAtEnd) readField(reader, tables, numbers);
  }
  const number = (tag: number, what: string) => {
    const found = numbers.get(tag);
    if (found === undefined) throw new RangeError(`it does not say ${what}`);
    return found;
  };
  return {
    tables,
    logNumber: number(tags.logNumber, 'which log is in use'),
    lastSequence: number(tags.lastSequence, 'how many operations there were'),
  };
}

function readField(reader: ByteReader, tables: Map<number, number>, numbers: Map<number, number>): void {
  const tag = reader.integer();
  switch (tag) {
    case tags.comparator:
      reader.string();
      return;
    case tags.logNumber:
    case tags.nextFileNumber:
    case tags.lastSequence:
    case tags.previousLogNumber:
      numbers.set(tag, reader.integer());
      return;
    case tags.compactPointer:
      reader.integer();
      reader.string();
      return;
    case tags.deletedFile:
      reader.integer();
      tables.delete(reader.integer());
      return;
    case tags.newFile: {
      reader.integer();
      const number = reader.integer();
      tables.set(number, reader.integer());
      reader.string();
      reader.string();
      return;
    }
    default:
      throw new RangeError(`the field ${tag} is unknown`);
  }
}
