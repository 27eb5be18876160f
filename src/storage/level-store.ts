import { Level } from 'level';
import { AcknowledgedWrites } from './acknowledged-writes.ts';
import type { KeyRange, KeyValueStore, StoreOperation } from './key-value-store.ts';
import { sealed, unsealed } from './layout.ts';
import { checkFiles } from './level-files.ts';
import { makeDirectory } from './make-directory.ts';
import { StorageDamagedError, StorageLockedError } from './storage.ts';

type Database = Level<string, Uint8Array>;

/** Every batch carries its number, under a key behind all those of the layout. */
const batchNumberKey = '~batch';
const keysClearedAtOnce = 1_000;

/**
 * The LevelDB engine.
 *
 * One batch is written at a time, each synced: LevelDB would go on behind a write that failed half-way, and lose what
 * it acknowledges from then on (trap 32); and the checks of its log rest on only the last record ever being unfinished.
 */
export class LevelStore implements KeyValueStore {
  readonly backend = 'level';
  readonly place: string;
  readonly #acknowledged: AcknowledgedWrites;
  #opened: Database | null = null;
  #batchNumber = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  constructor(directory: string) {
    this.place = directory;
    this.#acknowledged = new AcknowledgedWrites(directory);
  }

  async open(): Promise<void> {
    makeDirectory(this.place);
    await this.#refuseIfLocked();
    try {
      // LevelDB drops damaged records of its log in silence and then deletes that log: it is looked through before
      // LevelDB touches it. `Level` opens itself as soon as it is made, so it is not made any earlier.
      await checkFiles(this.place);
    } catch (error) {
      // A process that began to use the directory just now changes the files under the check.
      await this.#refuseIfLocked();
      throw error;
    }
    this.#opened = new Level(this.place, {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
      // Entries are small. And what is not compressed can be looked at by people and by other tools.
      compression: false,
    });
    try {
      await this.#opened.open();
    } catch (error) {
      throw this.#explained(error);
    }
    await this.#refuseIfShort();
  }

  /** LevelDB takes its lock before it finds that it may not open what is there, and touches nothing then. */
  async #refuseIfLocked(): Promise<void> {
    const probe = new Level(this.place, { createIfMissing: false, errorIfExists: true });
    try {
      await probe.open();
    } catch (error) {
      const explained = this.#explained(error);
      if (explained instanceof StorageLockedError) throw explained;
    } finally {
      await probe.close();
    }
  }

  async #refuseIfShort(): Promise<void> {
    const acknowledged = await this.#acknowledged.open();
    const value = await this.get(batchNumberKey);
    const found = value
      ? Number(Buffer.from(unsealed('the number of the newest write', batchNumberKey, value)).readBigUInt64BE())
      : 0;
    if (found < acknowledged) {
      throw new StorageDamagedError(
        `its newest writes are missing: write ${acknowledged} was acknowledged, and the newest one in LevelDB's files is ${found}`,
      );
    }
    this.#batchNumber = found;
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

  writeSynced(operations: readonly StoreOperation[]): Promise<void> {
    return this.#inTurn(async () => {
      const number = this.#batchNumber + 1;
      const payload = Buffer.alloc(8);
      payload.writeBigUInt64BE(BigInt(number));
      const numbered = { type: 'put', key: batchNumberKey, value: sealed(batchNumberKey, payload) } as const;
      // The option is off unless asked for; classic-level then calls fdatasync before it answers.
      await this.#database.batch([...operations, numbered], { sync: true } as object);
      this.#batchNumber = number;
      this.#acknowledged.note(number);
    });
  }

  /** In pieces, so that writes come in between. */
  async clear({ from, before }: KeyRange): Promise<void> {
    for (let next = from; ; ) {
      const found = await this.#database.keys({ gte: next, lt: before, limit: keysClearedAtOnce }).all();
      const last = found.at(-1);
      if (last === undefined) return;
      await this.writeSynced(found.map((key) => ({ type: 'del', key })));
      next = last;
    }
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#acknowledged.close();
    await this.#opened?.close();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(async () => {
      if (this.#failure) throw this.#failure.error;
      try {
        await work();
      } catch (error) {
        this.#failure = { error };
        throw error;
      }
    });
    this.#turn = result.catch(() => {});
    return result;
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
