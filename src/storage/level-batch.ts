import { ByteReader } from './level-bytes.ts';

/** Every operation has a number, one after the other in the whole life of a database. */
export interface Batch {
  readonly firstSequence: number;
  readonly operationCount: number;
}

const headerBytes = 12;
const operations = { deletion: 0, value: 1 };

/**
 * One record of LevelDB's log (`db/write_batch.cc`): a sequence number, a count, and that many operations.
 * @throws RangeError when it is anything else; LevelDB would drop it, or part of it, in silence
 */
export function readBatch(record: Uint8Array): Batch {
  if (record.length < headerBytes) throw new RangeError('a record is too short');
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const batch = { firstSequence: Number(view.getBigUint64(0, true)), operationCount: view.getUint32(8, true) };
  const reader = new ByteReader(record.subarray(headerBytes));
  for (let count = 0; count < batch.operationCount; count++) {
    const operation = reader.integer();
    if (operation !== operations.value && operation !== operations.deletion) {
      throw new RangeError(`the operation ${operation} is unknown`);
    }
    reader.string();
    if (operation === operations.value) reader.string();
  }
  if (!reader.isAtEnd) throw new RangeError('a record holds more than its operations');
  return batch;
}
