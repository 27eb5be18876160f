import type { KeyRange, KeyValueStore, StoreOperation } from './key-value-store.ts';
import { StorageLockedError } from './storage.ts';

/** What lasts when a member in memory "restarts": hand the same disk to its next store. Tests reach into it. */
export class MemoryDisk {
  readonly values = new Map<string, Uint8Array>();
  /** The store that has it open. */
  owner: MemoryStore | null = null;
  /** The next synced write fails with this, and changes nothing. */
  failNextWrite: Error | null = null;
  /** While true, clearing does nothing, as if a crash had undone it. */
  losesClears = false;
  /** Called before each synced write takes effect: a test may let it wait, or never return. */
  beforeWrite: () => Promise<void> = () => Promise.resolve();

  /** The member that has it open is dead: what it still had under way never happens. */
  crash(): void {
    this.owner = null;
  }
}

/** The engine without a disk: for tests, simulations and throw-away clusters. */
export class MemoryStore implements KeyValueStore {
  readonly backend = 'memory';
  readonly place = 'memory';
  readonly #disk: MemoryDisk;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(disk = new MemoryDisk()) {
    this.#disk = disk;
  }

  async open(): Promise<void> {
    if (this.#disk.owner) throw new StorageLockedError('Another member uses this memory disk.');
    this.#disk.owner = this;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#disk.values.get(key);
  }

  async *entries(range: KeyRange): AsyncIterable<readonly [string, Uint8Array]> {
    for (const key of this.#keysIn(range).sort()) {
      const value = this.#disk.values.get(key);
      if (value) yield [key, value];
    }
  }

  writeSynced(operations: readonly StoreOperation[]): Promise<void> {
    const result = this.#turn.then(() => this.#write(operations));
    this.#turn = result;
    // Whoever called hears of a failure, and so does every later write.
    result.catch(() => {});
    return result;
  }

  async #write(operations: readonly StoreOperation[]): Promise<void> {
    await this.#disk.beforeWrite();
    this.#ensureOpen();
    const failure = this.#disk.failNextWrite;
    this.#disk.failNextWrite = null;
    if (failure) throw failure;
    for (const operation of operations) {
      if (operation.type === 'put') this.#disk.values.set(operation.key, Uint8Array.from(operation.value));
      else this.#disk.values.delete(operation.key);
    }
  }

  async clear(range: KeyRange): Promise<void> {
    this.#ensureOpen();
    if (this.#disk.losesClears) return;
    for (const key of this.#keysIn(range)) this.#disk.values.delete(key);
  }

  async close(): Promise<void> {
    if (this.#disk.owner === this) this.#disk.owner = null;
  }

  #keysIn({ from, before }: KeyRange): string[] {
    return [...this.#disk.values.keys()].filter((key) => key >= from && key < before);
  }

  #ensureOpen(): void {
    if (this.#disk.owner !== this) throw new Error('This memory disk is not open here.');
  }
}
