import { join } from 'node:path';
import { DurableStorage } from './durable-storage.ts';
import { ranges } from './layout.ts';
import { LevelStore } from './level-store.ts';
import { SplitStore } from './split-store.ts';

/** Within the data directory. */
export const snapshotDirectory = 'snapshots';

/** The engines of a member on disk: the log and the votes in `directory`, and the snapshots' chunks below it. */
export function levelEngine(directory: string): SplitStore {
  return new SplitStore(new LevelStore(directory), new LevelStore(join(directory, snapshotDirectory)), ranges.chunks);
}

/**
 * A member's storage on disk.
 *
 * Snapshots are in a database of their own: LevelDB holds up every write while it makes room for the megabytes of a
 * snapshot, and writes to the log are what everybody waits for.
 */
export function levelStorage(directory: string): DurableStorage {
  return new DurableStorage(levelEngine(directory));
}
