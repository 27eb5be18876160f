import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { DurableStorage } from '../../src/storage/durable-storage.ts';
import { levelStorage } from '../../src/storage/level-storage.ts';
import { StorageFailedError } from '../../src/storage/storage.ts';
import { append, entry, hardState, identity, membership } from './samples.ts';

const mounts: string[] = [];

afterEach(() => {
  for (const place of mounts.splice(0)) {
    execFileSync('umount', [place]);
    rmSync(place, { recursive: true });
  }
});

/** A file system of its own, in memory. @throws where this user may not mount one */
function smallDisk(): string {
  const place = mkdtempSync(join(tmpdir(), 'manifest-full-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'manifest-test', place], { stdio: 'pipe' });
  } catch (error) {
    rmSync(place, { recursive: true });
    throw error;
  }
  mounts.push(place);
  return place;
}

/** Writes until a write fails. @returns the index of the last entry that was acknowledged, and the failure */
async function fill(storage: DurableStorage, from: number, payloadBytes: number): Promise<[number, unknown]> {
  for (let index = from; ; index++) {
    try {
      const text = `${index}:`.padEnd(payloadBytes, String(index));
      // Beside it as in life: a second batch is under way when the first one fails.
      const [written, remembered] = await Promise.allSettled([
        storage.write(append(hardState(index, `vote-${index}`, index - 1), entry(index, index, text))),
        storage.rememberPeer(`peer-${index % 5}`, 'its first life'),
      ]);
      if (written.status === 'rejected') return [index - 1, written.reason];
      if (remembered.status === 'rejected') return [index, remembered.reason];
    } catch (error) {
      return [index - 1, error];
    }
  }
}

test.for([500_000, 40_000, 8_000])(
  'a disk that fills up with entries of %d bytes fails a write, and opens with all that was acknowledged once there is space',
  { timeout: 60_000 },
  async (payloadBytes, context) => {
    let place: string;
    try {
      place = smallDisk();
    } catch (error) {
      return context.skip(`a small file system cannot be mounted here: ${String(error)}`);
    }
    const directory = join(place, 'data');
    const storage = levelStorage(directory);
    await storage.open();
    await storage.initialise(identity, membership);
    const [acknowledged, failure] = await fill(storage, 1, payloadBytes);
    expect(failure).toBeInstanceOf(StorageFailedError);
    expect((failure as Error).message).toContain('is full. Free some space and start this member again');
    await storage.close();

    execFileSync('mount', ['-o', 'remount,size=64m', place]);
    const again = levelStorage(directory);
    const opened = await again.open();
    const { hardState: hard, entries } = opened?.restored ?? { hardState: hardState(0), entries: [] };
    // The write that failed may be there as well: it was never said that it is not.
    expect([acknowledged, acknowledged + 1]).toContain(entries.length);
    expect(hard).toStrictEqual(hardState(entries.length, `vote-${entries.length}`, entries.length - 1));
    await again.write(append(null, entry(entries.length + 1, entries.length)));
    await again.close();
  },
);
