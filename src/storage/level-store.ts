import { mkdir } from 'node:fs/promises';
import { Level } from 'level';
import type { KeyRange, KeyValueStore, StoreOperation } from './key-value-store.ts';
import { checkFiles } from './level-files.ts';
import { StorageDamagedError, StorageLockedError } from './storage.ts';

type Database = Level<string, Uint8Array>;

/** The LevelDB engine. */
export class LevelStore implements KeyValueStore {
  readonly backend = 'level';
  readonly place: string;
  #opened: Database | null = null;

  constructor(directory: string) {
    this.place = directory;
  }

  async open(): Promise<void> {
    await mkdir(this.place, { recursive: true });
    // LevelDB drops damaged records of its log in silence and then deletes that log: it is looked through before LevelDB
    // touches it. `Level` opens itself as soon as it is made, so it is not made any earlier.
    await checkFiles(this.place);
    this.#opened = new Level(this.place, {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
      // Entries are small, and plain blocks are what `level-table-check.ts` can read.
      compression: false,
    });
    try {
      await this.#opened.open();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#database.get(key);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  async *entries({ from, before }: KeyRange): AsyncIterable<readonly [string, Uint8Array]> {
    try {
      yield* this.#database.iterator({ gte: from, lt: before });
    } catch (error) {
      throw this.#explained(error);
    }
  }

  async writeSynced(operations: readonly StoreOperation[]): Promise<void> {
    // The option is off unless asked for; classic-level then calls fdatasync before it answers.
    await this.#database.batch([...operations], { sync: true } as object);
  }

  async clear({ from, before }: KeyRange): Promise<void> {
    await this.#database.clear({ gte: from, lt: before });
  }

  async close(): Promise<void> {
    await this.#opened?.close();
  }

  get #database(): Database {
    if (!this.#opened) throw new Error(`The store in ${this.place} is not open.`);
    return this.#opened;
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
