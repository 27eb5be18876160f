import { DurableStorage } from '../../src/storage/durable-storage.ts';
import type { OpenedStorage } from '../../src/storage/storage.ts';
import type { EngineWorld } from './engine-worlds.ts';
import { FaultyStore } from './faulty-store.ts';
import { identity, membership } from './samples.ts';

/** One life of a member's storage: from an opening to a close or a crash. */
export interface Life {
  readonly storage: DurableStorage;
  readonly store: FaultyStore;
  readonly opened: OpenedStorage;
}

/** A data directory and the lives that its storage has one after the other. */
export class Lives {
  readonly world: EngineWorld;
  #current: DurableStorage | null = null;

  constructor(world: EngineWorld) {
    this.world = world;
  }

  /** Storage over the data, not open yet. */
  next(): { storage: DurableStorage; store: FaultyStore } {
    const store = new FaultyStore(this.world.engine());
    const storage = new DurableStorage(store);
    this.#current = storage;
    return { storage, store };
  }

  /** The first life: an empty directory is opened and a member made in it. */
  async begin(): Promise<Life> {
    const { storage, store } = this.next();
    await storage.open();
    const opened = await storage.initialise(identity, membership);
    store.batches.length = 0;
    return { storage, store, opened };
  }

  /** Closes what is open and opens the data again. */
  async reopen(): Promise<Life> {
    await this.#current?.close();
    return this.#open();
  }

  /** Ends what is open as SIGKILL would and opens the data again. */
  async reopenAfterCrash(): Promise<Life> {
    this.world.crash();
    return this.#open();
  }

  async close(): Promise<void> {
    await this.#current?.close();
  }

  /** Closes, changes stored values, and opens again. */
  async reopenAltered(change: (values: Map<string, Uint8Array>) => void): Promise<Life> {
    await this.close();
    await this.world.alter(change);
    return this.#open();
  }

  async #open(): Promise<Life> {
    const { storage, store } = this.next();
    const opened = await storage.open();
    if (!opened) throw new Error('there is nothing in the directory');
    return { storage, store, opened };
  }
}
