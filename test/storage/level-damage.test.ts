import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { levelStorage, snapshotDirectory } from '../../src/storage/level-storage.ts';
import { type OpenedStorage, StorageDamagedError } from '../../src/storage/storage.ts';
import { append, entry, hardState, identity, membership, readAll, snapshotAt, staged } from './samples.ts';

interface State {
  readonly opened: OpenedStorage;
  /** All that was opened, with every entry and the snapshot, to compare. */
  readonly whole: string;
}

const root = mkdtempSync(join(tmpdir(), 'manifest-level-damage-'));
const original = join(root, 'original');
const earlierSnapshots = join(root, 'earlier-snapshots');
const copy = join(root, 'copy');
/** Files of LevelDB in which the data is, or that say where it is; those of the snapshots with their folder. */
let files: string[] = [];
let acknowledged: State;

/** Several tables, a MANIFEST with several edits, and a log with the newest votes, entries and a snapshot. */
beforeAll(async () => {
  let index = 0;
  for (let life = 1; life <= 3; life++) {
    const storage = levelStorage(original);
    if (!(await storage.open())) await storage.initialise(identity, membership);
    for (let i = 0; i < 30; i++) {
      index++;
      const data = entry(index, 2 * life, `${index}:`.repeat(20 + ((index * 137) % 3_000)));
      await storage.write(append(hardState(2 * life, `voted-${life}`, index - 1), data));
    }
    // What the snapshot replaces is cleared: the log holds deletions, too.
    await storage.commitSnapshot(
      await staged(storage, snapshotAt(index - 5, 2 * life), `state ${life}`, 20),
      index - 15,
    );
    await storage.rememberPeer(`peer-${life}`, 'its first life');
    await storage.write(append(hardState(2 * life + 1, `last-vote-${life}`, index)));
    await storage.close();
    if (life === 2) cpSync(join(original, snapshotDirectory), earlierSnapshots, { recursive: true });
  }
  files = readdirSync(original, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(CURRENT|MANIFEST-.*|.*\.log|.*\.ldb)$/.test(name),
  );
  cpSync(original, copy, { recursive: true });
  const state = await stateOf(copy);
  if (state instanceof Error) throw state;
  acknowledged = state;
});

afterAll(() => rmSync(root, { recursive: true }));

async function stateOf(directory: string): Promise<State | Error> {
  const storage = levelStorage(directory);
  try {
    const opened = await storage.open();
    if (!opened) return new Error('there is nothing in it');
    const entries = opened.restored.entries.map((each) => ({ ...each, data: Buffer.from(each.data).toString() }));
    const peers = [...opened.peerIncarnations];
    return {
      opened,
      whole: JSON.stringify([{ ...opened, restored: { ...opened.restored, entries } }, peers, await readAll(storage)]),
    };
  } catch (error) {
    return error as Error;
  } finally {
    await storage.close();
  }
}

/** Opens a copy of the directory with one change. */
async function outcomeOf(change: (directory: string) => void): Promise<State | Error> {
  rmSync(copy, { recursive: true, force: true });
  cpSync(original, copy, { recursive: true });
  change(copy);
  return stateOf(copy);
}

/** @returns whether it was refused */
function expectRefusedOrExact(outcome: State | Error, what: string, named: string | RegExp): boolean {
  if (outcome instanceof Error) {
    expect(outcome, `${what}: ${outcome.message}`).toBeInstanceOf(StorageDamagedError);
    expect(outcome.message, what).toMatch(named);
    return true;
  }
  expect(outcome.whole === acknowledged.whole, what).toBe(true);
  return false;
}

function flipAt(directory: string, name: string, offset: number): void {
  const file = readFileSync(join(directory, name));
  file[offset] = (file[offset] ?? 0) ^ (1 << (offset % 8));
  writeFileSync(join(directory, name), file);
}

const sizeOf = (name: string) => statSync(join(original, name)).size;

/** About `count` offsets over a file, and each of a table's last bytes, which say where everything is. */
function offsetsIn(name: string, count: number): number[] {
  const size = sizeOf(name);
  const step = Math.max(1, Math.floor(size / count) | 1);
  const denseBytes = name === filesLike(/ldb$/).at(-1) ? 48 : 3;
  return Array.from({ length: size }, (_, i) => i).filter((i) => i % step === 0 || i >= size - denseBytes);
}

/** What LevelDB never reads: the end of a block of the log that is too short for a record, the middle of a table's footer. */
function isPadding(name: string, offset: number): boolean {
  if (name.endsWith('.ldb')) return offset >= sizeOf(name) - 40 && offset < sizeOf(name) - 8;
  return basename(name) !== 'CURRENT' && 32_768 - (offset % 32_768) < 7;
}

/** Of the log and the votes. */
const filesLike = (pattern: RegExp) => files.filter((name) => pattern.test(name) && name === basename(name));

describe('trap 32: a directory of LevelDB', { timeout: 120_000 }, () => {
  test('as it was closed opens with all that was acknowledged', async () => {
    expect(filesLike(/ldb$/).length).toBeGreaterThan(1);
    expect(filesLike(/log$/)).toHaveLength(1);
    expect(acknowledged.opened.restored.hardState).toStrictEqual(hardState(7, 'last-vote-3', 90));
    expect(expectRefusedOrExact(await outcomeOf(() => {}), 'a copy', '')).toBe(false);
  });

  test('with one flipped bit in any file is refused by the name of the file, or nothing has changed', async () => {
    for (const name of files) {
      for (const offset of offsetsIn(name, 30)) {
        const outcome = await outcomeOf((directory) => flipAt(directory, name, offset));
        const isRefused = expectRefusedOrExact(outcome, `${name} at ${offset}`, basename(name));
        if (!isPadding(name, offset)) expect(isRefused, `${name} at ${offset}`).toBe(true);
      }
    }
  });

  test('with a missing file is refused by its name', async () => {
    for (const name of files) {
      const outcome = await outcomeOf((directory) => rmSync(join(directory, name)));
      const named = name.includes('MANIFEST') ? 'CURRENT names a file that is not there' : basename(name);
      expect(expectRefusedOrExact(outcome, name, named)).toBe(true);
    }
  });

  test('trap 33: with a file cut short anywhere is refused, or nothing has changed', async () => {
    for (const name of files) {
      for (const size of offsetsIn(name, 15)) {
        const outcome = await outcomeOf((directory) => truncateSync(join(directory, name), size));
        expectRefusedOrExact(
          outcome,
          `${name} cut to ${size}`,
          new RegExp(`${basename(name)}|newest writes are missing|CURRENT`),
        );
      }
    }
  });

  test('whose snapshots are gone, or those of another moment, is refused', async () => {
    const gone = await outcomeOf((directory) => rmSync(join(directory, snapshotDirectory), { recursive: true }));
    expect(expectRefusedOrExact(gone, 'no snapshots', 'chunk 0 of the snapshot at 85 is missing')).toBe(true);
    const earlier = await outcomeOf((directory) => {
      rmSync(join(directory, snapshotDirectory), { recursive: true });
      cpSync(earlierSnapshots, join(directory, snapshotDirectory), { recursive: true });
    });
    expect(expectRefusedOrExact(earlier, 'earlier snapshots', 'chunk 0 of the snapshot at 85 is missing')).toBe(true);
  });

  test('trap 33: stays refused when it is started again, though LevelDB itself found nothing wrong', async () => {
    const [log = ''] = filesLike(/log$/);
    const first = await outcomeOf((directory) => truncateSync(join(directory, log), sizeOf(log) - 1));
    expect(first).toBeInstanceOf(StorageDamagedError);
    for (let start = 0; start < 3; start++) {
      expect(await stateOf(copy)).toMatchObject({ message: expect.stringContaining('newest writes are missing') });
    }
  });

  test('with bytes or whole blocks missing from the middle of the log is refused by its name', async () => {
    const [log = ''] = filesLike(/log$/);
    expect(sizeOf(log)).toBeGreaterThan(3 * 32_768);
    for (const [from, count] of [
      [5_000, 1],
      [5_000, 700],
      [32_768, 32_768],
      [0, 32_768],
      [32_768, 65_536],
    ] as const) {
      const outcome = await outcomeOf((directory) => {
        const file = readFileSync(join(directory, log));
        writeFileSync(join(directory, log), Buffer.concat([file.subarray(0, from), file.subarray(from + count)]));
      });
      expect(expectRefusedOrExact(outcome, `${count} bytes from ${from}`, log)).toBe(true);
    }
  });

  test("with the log of another moment, or an older table in a newer one's place, is refused or unchanged", async () => {
    const [older = '', newer = ''] = filesLike(/ldb$/);
    const outcome = await outcomeOf((directory) => cpSync(join(directory, older), join(directory, newer)));
    expect(expectRefusedOrExact(outcome, 'a table', newer)).toBe(true);
    const [log = ''] = filesLike(/log$/);
    const empty = await outcomeOf((directory) => writeFileSync(join(directory, log), ''));
    expect(expectRefusedOrExact(empty, 'an emptied log', 'newest writes are missing')).toBe(true);
  });

  test('does not depend on the files that say nothing of the data', async () => {
    const names = ['LOG', 'LOG.old', 'LOCK', 'ACKNOWLEDGED'];
    for (const name of [...names, ...names.map((each) => join(snapshotDirectory, each))]) {
      expect(await outcomeOf((directory) => rmSync(join(directory, name), { force: true }))).toStrictEqual(
        acknowledged,
      );
      const garbage = Buffer.from('no file of this kind');
      expect(await outcomeOf((directory) => writeFileSync(join(directory, name), garbage))).toStrictEqual(acknowledged);
    }
  });
});
