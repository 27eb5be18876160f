import type { KeyRange, KeyValueStore, StoreOperation } from './key-value-store.ts';
import { StorageLockedError } from './storage.ts';

/** What lasts when a member in memory "restarts": hand the same disk to its next store. Tests reach into it. */
export class MemoryDisk {
  readonly values = new Map<string, Uint8Array>();
  locked = false;
  /** The next synced write fails with this, and changes nothing. */
  failNextWrite: Error | null = null;
  /** Called before each synced write takes effect: a test may let it wait, or never return. */
  beforeWrite: () => Promise<void> = () => Promise.resolve();
}

/** The engine without a disk: for tests, simulations and throw-away clusters. */
export class MemoryStore implements KeyValueStore {
  readonly backend = 'memory';
  readonly place = 'memory';
  readonly #disk: MemoryDisk;

  constructor(disk = new MemoryDisk()) {
    this.#disk = disk;
  }

  async open(): Promise<void> {
    if (this.#disk.locked) throw new StorageLockedError('Another member uses this memory disk.');
    this.#disk.locked = true;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#disk.values.get(key);
  }

  async *entries({ from, before }: KeyRange): AsyncIterable<readonly [string, Uint8Array]> {
    for (const key of [...this.#disk.values.keys()].filter((each) => each >= from && each < before).sort()) {
      const value = this.#disk.values.get(key);
      if (value) yield [key, value];
    }
  }

  async writeSynced(operations: readonly StoreOperation[]): Promise<void> {
    await this.#disk.beforeWrite();
    const failure = this.#disk.failNextWrite;
    this.#disk.failNextWrite = null;
    if (failure) throw failure;
    for (const operation of operations) {
      if (operation.type === 'put') this.#disk.values.set(operation.key, Uint8Array.from(operation.value));
      else this.#disk.values.delete(operation.key);
    }
  }

  async clear({ from, before }: KeyRange): Promise<void> {
    for (const key of [...this.#disk.values.keys()]) if (key >= from && key < before) this.#disk.values.delete(key);
  }

  async close(): Promise<void> {
    this.#disk.locked = false;
  }
}
