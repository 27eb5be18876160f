import type { KeyRange, KeyValueStore, StoreOperation } from '../../src/storage/key-value-store.ts';
import { StorageLockedError } from '../../src/storage/storage.ts';
import { never, type SimulatedProcess } from './process.ts';
import type { SimulatedRandom } from './random.ts';
import type { SimulatedWorld } from './world.ts';

interface Batch {
  readonly operations: readonly StoreOperation[];
  readonly complete: () => void;
}

/** What a disk can suffer from while processes run on it. */
export interface DiskCondition {
  minLatencyMs: number;
  maxLatencyMs: number;
  /** Writes wait until this ends. */
  hangs: boolean;
  /** Writes fail with this. */
  failure: 'EIO' | 'ENOSPC' | null;
}

/**
 * The disk of one machine under an engine like LevelDB: batches are atomic, a synced one lasts, batches that are under
 * way at once may end in any order, and what was cleared without a sync may be back after a crash.
 */
export class SimulatedDisk {
  readonly condition: DiskCondition = { minLatencyMs: 0.1, maxLatencyMs: 2, hangs: false, failure: null };
  readonly #world: SimulatedWorld;
  readonly #random: SimulatedRandom;
  #values = new Map<string, Uint8Array>();
  /** Removed in the engine's memory; a crash may bring any of them back. */
  readonly #unsyncedClears = new Map<string, Uint8Array>();
  readonly #underWay = new Set<Batch>();
  #waiting: Batch[] = [];
  #owner: SimulatedProcess | null = null;
  /** Processes that were told of a failed write. */
  readonly #toldOfFailure = new WeakSet<SimulatedProcess>();
  /** What was there before it was damaged or emptied: what an operator can bring back. */
  #original: Map<string, Uint8Array> | null = null;

  constructor(world: SimulatedWorld, random: SimulatedRandom) {
    this.#world = world;
    this.#random = random;
  }

  get isTamperedWith(): boolean {
    return this.#original !== null;
  }

  /** Whether a write of this process failed: it is right to give up then. */
  hasFailed(process: SimulatedProcess): boolean {
    return this.#toldOfFailure.has(process);
  }

  holds(key: string): boolean {
    return this.#values.has(key);
  }

  store(process: SimulatedProcess): KeyValueStore {
    return new SimulatedStore(this, process);
  }

  open(process: SimulatedProcess): void {
    if (this.#owner?.isAlive) throw new StorageLockedError('Another process uses this disk.');
    this.#owner = process;
  }

  close(process: SimulatedProcess): void {
    if (this.#owner === process) this.#owner = null;
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  keysIn({ from, before }: KeyRange): string[] {
    return [...this.#values.keys()].filter((key) => key >= from && key < before).sort();
  }

  /** @throws Error when this write fails */
  write(process: SimulatedProcess, operations: readonly StoreOperation[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const { failure } = this.condition;
      if (failure !== null) {
        this.#toldOfFailure.add(process);
        // A write that failed may have reached the disk all the same.
        if (this.#random.chance(0.3)) this.#apply(operations);
        this.#world.after(this.#latencyMs(), () => process.run(() => reject(new Error(`${failure}: simulated`))));
        return;
      }
      const batch: Batch = {
        operations,
        complete: () => {
          if (!this.#underWay.delete(batch)) return;
          this.#apply(operations);
          process.run(resolve);
        },
      };
      this.#underWay.add(batch);
      if (this.condition.hangs) this.#waiting.push(batch);
      else this.#world.after(this.#latencyMs(), batch.complete);
    });
  }

  clear(process: SimulatedProcess, range: KeyRange): Promise<void> {
    return new Promise((resolve, reject) => {
      const { failure } = this.condition;
      if (failure !== null) this.#toldOfFailure.add(process);
      else {
        for (const key of this.keysIn(range)) {
          const value = this.#values.get(key);
          if (value) this.#unsyncedClears.set(key, value);
          this.#values.delete(key);
        }
      }
      this.#world.after(this.#latencyMs(), () =>
        process.run(failure === null ? resolve : () => reject(new Error(`${failure}: simulated`))),
      );
    });
  }

  #latencyMs(): number {
    return this.#random.between(this.condition.minLatencyMs, this.condition.maxLatencyMs);
  }

  #apply(operations: readonly StoreOperation[]): void {
    for (const operation of operations) {
      this.#unsyncedClears.delete(operation.key);
      if (operation.type === 'put') this.#values.set(operation.key, operation.value);
      else this.#values.delete(operation.key);
    }
  }

  /** Writes go on where they hung. */
  endHang(): void {
    this.condition.hangs = false;
    for (const batch of this.#waiting.splice(0)) this.#world.after(this.#latencyMs(), batch.complete);
  }

  /** The process died, or the machine with it. Each batch under way is kept or lost as a whole. */
  crash(): void {
    this.#owner = null;
    this.#waiting = [];
    for (const batch of this.#random.shuffled([...this.#underWay])) {
      if (this.#random.chance(0.5)) this.#apply(batch.operations);
    }
    this.#underWay.clear();
    for (const [key, value] of this.#unsyncedClears) {
      if (this.#random.chance(0.5)) this.#values.set(key, value);
    }
    this.#unsyncedClears.clear();
  }

  /** Flips one bit of one value. Returns the value's key; `null` when there is none. */
  flipBit(): string | null {
    const keys = [...this.#values.keys()].sort();
    if (keys.length === 0) return null;
    // Entries are many, and the few other values matter more.
    const rare = keys.filter((key) => !key.startsWith('run/'));
    const key = this.#random.pick(rare.length > 0 && this.#random.chance(0.5) ? rare : keys);
    const value = this.#values.get(key);
    if (!value || value.length === 0) return null;
    this.#original ??= new Map(this.#values);
    const flipped = Uint8Array.from(value);
    const position = this.#random.integer(value.length);
    flipped[position] = (flipped[position] ?? 0) ^ (1 << this.#random.integer(8));
    this.#values.set(key, flipped);
    return key;
  }

  /** Somebody deletes the data directory. */
  empty(): void {
    this.#original ??= new Map(this.#values);
    this.#values = new Map();
    this.#unsyncedClears.clear();
  }

  /** The operator brings back what was there before. */
  restore(): void {
    if (!this.#original) return;
    this.#values = this.#original;
    this.#original = null;
    this.#unsyncedClears.clear();
  }

  /** A process runs on it as it is now: the damage was harmless, and what was there before is out of date. */
  accept(): void {
    this.#original = null;
  }

  recover(): void {
    this.condition.failure = null;
    this.endHang();
  }
}

/** One process's handle of the disk: nothing comes of it once the process is dead. */
class SimulatedStore implements KeyValueStore {
  readonly backend = 'simulated';
  readonly place = 'the simulated disk';
  readonly #disk: SimulatedDisk;
  readonly #process: SimulatedProcess;

  constructor(disk: SimulatedDisk, process: SimulatedProcess) {
    this.#disk = disk;
    this.#process = process;
  }

  async open(): Promise<void> {
    this.#disk.open(this.#process);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#process.isAlive ? this.#disk.get(key) : never();
  }

  async *entries(range: KeyRange): AsyncIterable<readonly [string, Uint8Array]> {
    for (const key of this.#disk.keysIn(range)) {
      const value = this.#disk.get(key);
      if (value) yield [key, value];
    }
  }

  writeSynced(operations: readonly StoreOperation[]): Promise<void> {
    return this.#process.act() ? this.#disk.write(this.#process, operations) : never();
  }

  clear(range: KeyRange): Promise<void> {
    return this.#process.act() ? this.#disk.clear(this.#process, range) : never();
  }

  async close(): Promise<void> {
    this.#disk.close(this.#process);
  }
}
