import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import type { KeyValueStore } from '../../src/storage/key-value-store.ts';
import { ranges } from '../../src/storage/layout.ts';
import { levelEngine, snapshotDirectory } from '../../src/storage/level-storage.ts';
import { MemoryDisk, MemoryStore } from '../../src/storage/memory-store.ts';

/** One data directory, or what stands for it, over the lives of the engines that use it. */
export interface EngineWorld {
  /** An engine over the data; not open yet. */
  engine(): KeyValueStore;
  /** The engine that is open ends as SIGKILL would end it. */
  crash(): void;
  /** Changes stored values while no engine has them open. */
  alter(change: (values: Map<string, Uint8Array>) => void): Promise<void>;
  destroy(): Promise<void>;
}

export class MemoryWorld implements EngineWorld {
  readonly disk = new MemoryDisk();

  engine(): MemoryStore {
    return new MemoryStore(this.disk);
  }

  crash(): void {
    this.disk.crash();
  }

  async alter(change: (values: Map<string, Uint8Array>) => void): Promise<void> {
    change(this.disk.values);
  }

  async destroy(): Promise<void> {}
}

export class LevelWorld implements EngineWorld {
  readonly #root = mkdtempSync(join(tmpdir(), 'manifest-storage-'));
  readonly #engines: KeyValueStore[] = [];
  #life = 0;

  get directory(): string {
    return join(this.#root, `life-${this.#life}`);
  }

  engine(): KeyValueStore {
    const engine = levelEngine(this.directory);
    this.#engines.push(engine);
    return engine;
  }

  /** What the files hold at this moment is all that the next engine gets. */
  crash(): void {
    const before = this.directory;
    this.#life++;
    cpSync(before, this.directory, { recursive: true });
  }

  async alter(change: (values: Map<string, Uint8Array>) => void): Promise<void> {
    const log = new Level<string, Uint8Array>(this.directory, { valueEncoding: 'view' });
    const snapshots = new Level<string, Uint8Array>(join(this.directory, snapshotDirectory), { valueEncoding: 'view' });
    const before = new Map([...(await log.iterator().all()), ...(await snapshots.iterator().all())]);
    const after = new Map(before);
    change(after);
    const holding = (key: string) => (key >= ranges.chunks.from && key < ranges.chunks.before ? snapshots : log);
    for (const key of before.keys()) if (!after.has(key)) await holding(key).del(key);
    for (const [key, value] of after) if (before.get(key) !== value) await holding(key).put(key, value);
    await log.close();
    await snapshots.close();
  }

  async destroy(): Promise<void> {
    for (const engine of this.#engines) await engine.close();
    rmSync(this.#root, { recursive: true });
  }
}
