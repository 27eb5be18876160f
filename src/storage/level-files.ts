import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readBatch } from './level-batch.ts';
import { readLog } from './level-log-check.ts';
import { type LiveFiles, readManifest } from './level-manifest.ts';
import { findTableDamage } from './level-table-check.ts';
import { StorageDamagedError } from './storage.ts';

/**
 * Looks through LevelDB's files in `directory` for damage that LevelDB itself would pass over in silence. Done before
 * LevelDB opens them, because opening alone already rewrites and deletes files. Only files that LevelDB would read
 * count: what a crash left of a half-made table, a half-made MANIFEST or an old log says nothing.
 *
 * Costs one reading of all that LevelDB holds. One file is in memory at a time; a table or a log is of a few MiB.
 *
 * What stays unseen here is a log that lost its last records as a whole: that is just what a crash leaves of records
 * that were never acknowledged. `AcknowledgedWrites` bounds it.
 * @throws StorageDamagedError naming the file
 */
export async function checkFiles(directory: string): Promise<void> {
  const names = new Set(await readdir(directory));
  const current = await readIfPresent(directory, 'CURRENT');
  if (!current) {
    // A crash may have come before CURRENT was first written, but then there was no log yet, and no table.
    const hasData = [...names].some((name) => name.endsWith('.log') || name.endsWith('.ldb'));
    if (hasData) throw new StorageDamagedError('the file CURRENT is missing');
    return;
  }
  const live = await checkManifest(directory, manifestNamedBy(current, names));
  await checkLogs(directory, names, live);
  for (const [number, sizeBytes] of live.tables) await checkTable(directory, number, sizeBytes);
}

function manifestNamedBy(current: Uint8Array, names: ReadonlySet<string>): string {
  const [, name] = /^(MANIFEST-\d+)\n$/.exec(Buffer.from(current).toString('latin1')) ?? [];
  if (!name || !names.has(name)) throw new StorageDamagedError('the file CURRENT names a file that is not there');
  return name;
}

/** A MANIFEST has the format of a log. */
async function checkManifest(directory: string, name: string): Promise<LiveFiles> {
  const records = await recordsOf(directory, name);
  return understood(name, () => readManifest(records));
}

/** Operations are numbered without gaps, from log to log: a file or whole records that are missing show. */
async function checkLogs(directory: string, names: ReadonlySet<string>, live: LiveFiles): Promise<void> {
  const first = fileName(live.logNumber, 'log');
  if (live.logNumber > 0 && !names.has(first)) throw new StorageDamagedError(`the file ${first} is missing`);
  const numbers = [...names].flatMap((name) => (/^\d+\.log$/.test(name) ? [Number.parseInt(name, 10)] : []));
  let expectedSequence: number | null = null;
  for (const number of numbers.filter((each) => each >= live.logNumber).sort((a, b) => a - b)) {
    const name = fileName(number, 'log');
    for (const record of await recordsOf(directory, name)) {
      const { firstSequence, operationCount } = understood(name, () => readBatch(record));
      const isNext =
        expectedSequence === null ? firstSequence <= live.lastSequence + 1 : firstSequence === expectedSequence;
      if (!isNext) {
        throw new StorageDamagedError(
          `operations are missing before operation ${firstSequence} in the file ${name}, or from a file before it`,
        );
      }
      expectedSequence = firstSequence + operationCount;
    }
  }
}

async function recordsOf(directory: string, name: string): Promise<readonly Uint8Array[]> {
  const file = await readIfPresent(directory, name);
  if (!file) throw new StorageDamagedError(`the file ${name} is missing`);
  const { records, damagedAt } = readLog(file);
  if (damagedAt !== null) throw new StorageDamagedError(`the file ${name} is damaged at byte ${damagedAt}`);
  return records;
}

async function checkTable(directory: string, number: number, sizeBytes: number): Promise<void> {
  const name = fileName(number, 'ldb');
  const file = await readIfPresent(directory, name);
  if (!file) throw new StorageDamagedError(`the file ${name} is missing`);
  const damage = file.length === sizeBytes ? findTableDamage(file) : `it has ${file.length} bytes and not ${sizeBytes}`;
  if (damage) throw new StorageDamagedError(`the file ${name} is damaged: ${damage}`);
}

function understood<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StorageDamagedError(`the file ${name} cannot be understood: ${error.message}`, { cause: error });
  }
}

async function readIfPresent(directory: string, name: string): Promise<Uint8Array | null> {
  try {
    return await readFile(join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function fileName(number: number, extension: 'log' | 'ldb'): string {
  return `${String(number).padStart(6, '0')}.${extension}`;
}
