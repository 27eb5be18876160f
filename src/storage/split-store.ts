import type { KeyRange, KeyValueStore, StoreOperation } from './key-value-store.ts';
import { StorageDamagedError } from './storage.ts';

/**
 * Two engines that look like one: keys of one range are in an engine of their own, so that large values which nobody
 * waits for do not stand in the way of small ones that somebody does. Each engine writes one batch after the other.
 *
 * Writes to the two take effect in no order but that in which the caller waits for them, and no batch may concern both.
 */
export class SplitStore implements KeyValueStore {
  readonly #main: KeyValueStore;
  readonly #aside: KeyValueStore;
  readonly #range: KeyRange;

  /** @param range of the keys that are in `aside` */
  constructor(main: KeyValueStore, aside: KeyValueStore, range: KeyRange) {
    this.#main = main;
    this.#aside = aside;
    this.#range = range;
  }

  get backend(): string {
    return this.#main.backend;
  }

  get place(): string {
    return this.#main.place;
  }

  /** The main engine first: its lock stands for both. */
  async open(): Promise<void> {
    await this.#main.open();
    try {
      await this.#aside.open();
    } catch (error) {
      if (!(error instanceof StorageDamagedError)) throw error;
      throw new StorageDamagedError(`${error.message}, in ${this.#aside.place}`, { cause: error.cause });
    }
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#holding(key).get(key);
  }

  async *entries(range: KeyRange): AsyncIterable<readonly [string, Uint8Array]> {
    for (const [engine, part] of this.#parts(range)) yield* engine.entries(part);
  }

  /** @throws RangeError when the operations concern both engines: nothing could make them one batch */
  writeSynced(operations: readonly StoreOperation[]): Promise<void> {
    const engines = new Set(operations.map(({ key }) => this.#holding(key)));
    const [engine = this.#main] = engines;
    if (engines.size > 1) return Promise.reject(new RangeError('A batch cannot write to two engines at once.'));
    return engine.writeSynced(operations);
  }

  async clear(range: KeyRange): Promise<void> {
    for (const [engine, part] of this.#parts(range)) await engine.clear(part);
  }

  async close(): Promise<void> {
    await Promise.all([this.#main.close(), this.#aside.close()]);
  }

  #holding(key: string): KeyValueStore {
    return key >= this.#range.from && key < this.#range.before ? this.#aside : this.#main;
  }

  /** The parts of a range that are not empty, in order, each with its engine. */
  #parts({ from, before }: KeyRange): readonly (readonly [KeyValueStore, KeyRange])[] {
    const clip = (part: KeyRange): KeyRange => ({
      from: from > part.from ? from : part.from,
      before: before < part.before ? before : part.before,
    });
    const parts = [
      [this.#main, clip({ from, before: this.#range.from })],
      [this.#aside, clip(this.#range)],
      [this.#main, clip({ from: this.#range.before, before })],
    ] as const;
    return parts.filter(([, part]) => part.from < part.before);
  }
}
