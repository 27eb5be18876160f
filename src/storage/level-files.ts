import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findLogDamage } from './level-log-check.ts';
import { StorageDamagedError } from './storage.ts';

/**
 * Looks through LevelDB's files in `directory` for damage that LevelDB itself would pass over in silence. Done before
 * LevelDB opens them, because opening alone already rewrites and deletes files.
 * @throws StorageDamagedError naming the file
 */
export async function checkFiles(directory: string): Promise<void> {
  const names = await readdir(directory);
  for (const name of names) {
    if (!name.endsWith('.log')) continue;
    const file = await readFile(join(directory, name));
    const offset = findLogDamage(file);
    if (offset !== null) throw new StorageDamagedError(`the file ${name} is damaged at byte ${offset}`);
  }
}
