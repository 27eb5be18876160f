import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findLogDamage } from './level-log-check.ts';
import { type LiveFiles, readManifest } from './level-manifest.ts';
import { findTableDamage } from './level-table-check.ts';
import { StorageDamagedError } from './storage.ts';

/**
 * Looks through LevelDB's files in `directory` for damage that LevelDB itself would pass over in silence. Done before
 * LevelDB opens them, because opening alone already rewrites and deletes files.
 *
 * What stays unseen is a log that lost its last records as a whole, ending as if they had never been written: that is
 * just what a crash leaves of records that were never acknowledged. The commit index in the hard state bounds it.
 * @throws StorageDamagedError naming the file
 */
export async function checkFiles(directory: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const before = await fingerprint(directory);
    try {
      return await inspect(directory);
    } catch (error) {
      // There is no lock yet. Files that change meanwhile belong to another process, which LevelDB's lock will tell of.
      if (attempt === maxAttempts || before === (await fingerprint(directory))) throw error;
    }
  }
}

const maxAttempts = 5;

/** Changes with every change of LevelDB's set of files. */
async function fingerprint(directory: string): Promise<string> {
  const names = (await readdir(directory)).sort();
  const manifests = names.filter((name) => name.startsWith('MANIFEST-'));
  const sizes = await Promise.all(manifests.map(async (name) => (await readIfPresent(directory, name))?.length));
  return [...names, ...sizes].join();
}

async function inspect(directory: string): Promise<void> {
  const names = new Set(await readdir(directory));
  const hasData = [...names].some((name) => name.endsWith('.log') || name.endsWith('.ldb'));
  const current = await readIfPresent(directory, 'CURRENT');
  if (!current) {
    // LevelDB would begin a new, empty database beside what is left of the old one.
    if (hasData) throw new StorageDamagedError('the file CURRENT is missing');
    return;
  }
  const manifestName = Buffer.from(current).toString().trimEnd();
  if (!/^MANIFEST-\d+$/.test(manifestName) || !names.has(manifestName)) {
    throw new StorageDamagedError('the file CURRENT names a file that is not there');
  }
  const live = await checkManifest(directory, manifestName);
  for (const name of names) if (name.endsWith('.log')) await checkLog(directory, name);
  if (live.logNumber > 0 && !names.has(fileName(live.logNumber, 'log'))) {
    throw new StorageDamagedError(`the file ${fileName(live.logNumber, 'log')} is missing`);
  }
  for (const [number, sizeBytes] of live.tables) await checkTable(directory, number, sizeBytes);
}

async function checkManifest(directory: string, name: string): Promise<LiveFiles> {
  const file = await checkLog(directory, name);
  try {
    return readManifest(file);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StorageDamagedError(`the file ${name} cannot be understood: ${error.message}`, { cause: error });
  }
}

/** The MANIFEST has the format of a log, too. */
async function checkLog(directory: string, name: string): Promise<Uint8Array> {
  const file = (await readIfPresent(directory, name)) ?? new Uint8Array();
  const offset = findLogDamage(file);
  if (offset !== null) throw new StorageDamagedError(`the file ${name} is damaged at byte ${offset}`);
  return file;
}

async function checkTable(directory: string, number: number, sizeBytes: number): Promise<void> {
  const name = fileName(number, 'ldb');
  const file = await readIfPresent(directory, name);
  if (!file) throw new StorageDamagedError(`the file ${name} is missing`);
  const damage = file.length === sizeBytes ? findTableDamage(file) : `it has ${file.length} bytes and not ${sizeBytes}`;
  if (damage) throw new StorageDamagedError(`the file ${name} is damaged: ${damage}`);
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
