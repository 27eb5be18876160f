import type { KeyRange, KeyValueStore, StoreOperation } from '../../src/storage/key-value-store.ts';

/** What happens to the next batch. */
export interface Gate {
  /** Resolves when a batch waits at the gate. */
  readonly reached: Promise<void>;
  /** Lets it go on to the engine. */
  open(): void;
  /** Lets it fail, without reaching the engine. */
  fail(error: Error): void;
}

/** Any engine, with the faults that a test asks for. */
export class FaultyStore implements KeyValueStore {
  readonly #engine: KeyValueStore;
  /** The keys of every batch that reached the engine, in order. */
  readonly batches: string[][] = [];
  /** While true, clearing does nothing, as if a crash had undone it. */
  losesClears = false;
  /** Clearing fails with this. */
  failsClears: Error | null = null;
  #gates: { reach: () => void; passed: Promise<void> }[] = [];

  constructor(engine: KeyValueStore) {
    this.#engine = engine;
  }

  get backend(): string {
    return this.#engine.backend;
  }

  get place(): string {
    return this.#engine.place;
  }

  /** Stops the next batch that has no gate yet. */
  gate(): Gate {
    const gate = { reach: () => {}, open: () => {}, fail: (_: Error) => {} };
    const reached = new Promise<void>((resolve) => {
      gate.reach = resolve;
    });
    const passed = new Promise<void>((resolve, reject) => {
      gate.open = resolve;
      gate.fail = reject;
    });
    passed.catch(() => {});
    this.#gates.push({ reach: () => gate.reach(), passed });
    return { reached, open: gate.open, fail: gate.fail };
  }

  failNextWrite(error: Error): void {
    this.gate().fail(error);
  }

  async writeSynced(operations: readonly StoreOperation[]): Promise<void> {
    const gate = this.#gates.shift();
    gate?.reach();
    await gate?.passed;
    this.batches.push(operations.map(({ key }) => key));
    await this.#engine.writeSynced(operations);
  }

  async clear(range: KeyRange): Promise<void> {
    if (this.failsClears) throw this.failsClears;
    if (!this.losesClears) await this.#engine.clear(range);
  }

  open(): Promise<void> {
    return this.#engine.open();
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#engine.get(key);
  }

  entries(range: KeyRange): AsyncIterable<readonly [string, Uint8Array]> {
    return this.#engine.entries(range);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}
