import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import type { KeyRange, KeyValueStore, StoreOperation } from './key-value-store.ts';
import { findLogDamage } from './level-log-check.ts';
import { StorageDamagedError, StorageLockedError } from './storage.ts';

/** The LevelDB engine. */
export class LevelStore implements KeyValueStore {
  readonly backend = 'level';
  readonly place: string;
  readonly #db: Level<string, Uint8Array>;

  constructor(directory: string) {
    this.place = directory;
    this.#db = new Level(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
  }

  async open(): Promise<void> {
    await mkdir(this.place, { recursive: true });
    await this.#checkLogs();
    try {
      await this.#db.open();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** LevelDB drops damaged records of its log in silence, so it is looked through before LevelDB may touch it. */
  async #checkLogs(): Promise<void> {
    for (const name of await readdir(this.place)) {
      if (!name.endsWith('.log')) continue;
      const offset = findLogDamage(await readFile(join(this.place, name)));
      if (offset !== null) throw new StorageDamagedError(`the file ${name} is damaged at byte ${offset}`);
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#db.get(key);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  async *entries({ from, before }: KeyRange): AsyncIterable<readonly [string, Uint8Array]> {
    try {
      yield* this.#db.iterator({ gte: from, lt: before });
    } catch (error) {
      throw this.#explained(error);
    }
  }

  writeSynced(operations: readonly StoreOperation[]): Promise<void> {
    // The option is off unless asked for; classic-level then calls fdatasync before it answers.
    return this.#db.batch([...operations], { sync: true } as object);
  }

  clear({ from, before }: KeyRange): Promise<void> {
    return this.#db.clear({ gte: from, lt: before });
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #explained(error: unknown): unknown {
    const codes = [error, (error as { cause?: unknown }).cause].map((e) => (e as { code?: string } | undefined)?.code);
    if (codes.includes('LEVEL_LOCKED')) {
      return new StorageLockedError(
        `Another process uses the data directory ${this.place}. Give each member a directory of its own, or end the other process first.`,
        { cause: error },
      );
    }
    if (codes.includes('LEVEL_CORRUPTION')) {
      const detail = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      return new StorageDamagedError(`LevelDB reports: ${detail}`, { cause: error });
    }
    return error;
  }
}
