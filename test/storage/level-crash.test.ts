import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DurableStorage } from '../../src/storage/durable-storage.ts';
import { levelStorage } from '../../src/storage/level-storage.ts';
import { type OpenedStorage, StorageLockedError } from '../../src/storage/storage.ts';
import type { Said } from './crash-writer.ts';
import { readAll, textOf } from './samples.ts';
import { transpiledWriter } from './transpiled.ts';

const root = mkdtempSync(join(tmpdir(), 'manifest-level-crash-'));
const directory = join(root, 'data');
let program: string;
let running: ChildProcess | null = null;

beforeAll(() => {
  program = transpiledWriter(join(root, 'program'));
});

afterAll(() => {
  running?.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

/** What a member may count on. */
interface Acknowledged {
  readonly term: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
}

const nothing: Acknowledged = { term: 0, lastIndex: 0, snapshotIndex: 0 };

/** Lets the writer run until `isEnough`, and kills it there and then, whatever it does at that moment. */
async function killedWhen(
  before: Acknowledged,
  isEnough: (said: Said, writes: number) => boolean,
): Promise<Acknowledged> {
  const writer = spawn(process.execPath, [program, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  running = writer;
  const exited = once(writer, 'exit');
  let acknowledged = before;
  let writes = 0;
  let isKilled = false;
  for await (const line of createInterface(writer.stdout)) {
    const said = JSON.parse(line) as Said;
    if (said.at === 'written') {
      writes++;
      acknowledged = { ...acknowledged, term: said.term, lastIndex: said.lastIndex };
    }
    if (said.at === 'snapshot') acknowledged = { ...acknowledged, snapshotIndex: said.index };
    // What it said before the signal reached it counts as well.
    if (!isKilled && isEnough(said, writes)) isKilled = writer.kill('SIGKILL');
  }
  expect(await exited).toStrictEqual([null, 'SIGKILL']);
  running = null;
  return acknowledged;
}

async function opened<T>(place: string, look: (opened: OpenedStorage | null, storage: DurableStorage) => Promise<T>) {
  const storage = levelStorage(place);
  try {
    return await look(await storage.open(), storage);
  } finally {
    await storage.close();
  }
}

/** Opens the directory, which must not be refused, and holds it against what was acknowledged. */
async function verified(acknowledged: Acknowledged): Promise<Acknowledged> {
  return opened(directory, async (found, storage) => {
    if (!found) {
      expect(acknowledged).toStrictEqual(nothing);
      return nothing;
    }
    const { hardState, entries, logStart, snapshot } = found.restored;
    const lastIndex = entries.at(-1)?.index ?? logStart.index;
    // The write that was under way at the end may have been finished.
    expect([acknowledged.term, acknowledged.term + 1]).toContain(hardState.term);
    if (hardState.term > 0) expect(hardState.votedFor).toBe(`vote-${hardState.term}`);
    if (hardState.term === acknowledged.term) expect(lastIndex).toBe(acknowledged.lastIndex);
    for (const { index, term, data } of entries) {
      expect(Buffer.from(data.subarray(0, 30)).toString()).toMatch(new RegExp(`^${index}/${term}:`));
    }
    expect(snapshot.index).toBeGreaterThanOrEqual(acknowledged.snapshotIndex);
    if (snapshot.index > 0) expect(await readAll(storage)).toBe(textOf(`state at ${snapshot.index}`, 40));
    return { term: hardState.term, lastIndex, snapshotIndex: snapshot.index };
  });
}

function newestLog(place: string): string {
  const [log] = readdirSync(place)
    .filter((name) => name.endsWith('.log'))
    .toSorted()
    .toReversed();
  if (!log) throw new Error(`there is no log in ${place}`);
  return join(place, log);
}

describe('trap 33: a member that is killed again and again', { timeout: 120_000 }, () => {
  test('while it opens its data, writes, replaces entries and takes snapshots, opens again with all that was acknowledged', async () => {
    let acknowledged = nothing;
    for (let round = 0; round < 12; round++) {
      const writesBeforeTheEnd = [0, 1, 7, 23, 40, 70][round % 6] ?? 0;
      acknowledged = await killedWhen(acknowledged, ({ at }, writes) =>
        writesBeforeTheEnd === 0 ? at === 'opening' : writes >= writesBeforeTheEnd,
      );
      acknowledged = await verified(acknowledged);
    }
    // It was killed while LevelDB changed logs, wrote tables and merged them, or this says little.
    expect(acknowledged.term).toBeGreaterThan(250);
    const newest = Math.max(...readdirSync(directory).map((name) => Number.parseInt(name, 10) || 0));
    expect(newest).toBeGreaterThan(40);
  });

  test('keeps others out of its directory while it lives, and its death frees it', async () => {
    let refusal: unknown;
    const acknowledged = await killedWhen(await current(), (said, writes) => {
      if (said.at === 'written' && writes === 1) {
        refusal = opened(directory, async () => null).catch((error: unknown) => error);
      }
      return writes >= 60;
    });
    expect(await refusal).toBeInstanceOf(StorageLockedError);
    await verified(acknowledged);
  });

  test('and whose log then ends anywhere, opens as of an earlier write if the last was still unsynced, and else is refused', async () => {
    const acknowledged = await killedWhen(await current(), (_, writes) => writes >= 12);
    const log = newestLog(directory);
    const { size } = statSync(log);
    const copy = join(root, 'copy');
    const terms: number[] = [];
    let refusals = 0;
    for (let cut = 0; cut <= 16; cut++) {
      const newSize = Math.floor((size * cut) / 16);
      for (const isNoted of [false, true]) {
        rmSync(copy, { recursive: true, force: true });
        cpSync(directory, copy, { recursive: true });
        truncateSync(join(copy, log.slice(directory.length)), newSize);
        // The note is older than the writes when a power cut came before the system stored it by itself.
        if (!isNoted) rmSync(join(copy, 'ACKNOWLEDGED'));
        const term = opened(copy, async (found) => found?.restored.hardState.term ?? 0);
        if (!isNoted) {
          terms.push(await term);
          continue;
        }
        const outcome = await term.catch((error: unknown) => error);
        // The note of the last write may have been under way when the writer was killed.
        if (typeof outcome === 'number') {
          expect(outcome).toBeGreaterThanOrEqual(acknowledged.term - 1);
          continue;
        }
        refusals++;
        expect((outcome as Error).message).toContain('newest writes are missing');
      }
    }
    expect(refusals).toBeGreaterThan(8);
    expect(terms).toStrictEqual(terms.toSorted((a, b) => a - b));
    expect(new Set(terms).size).toBeGreaterThan(6);
  });
});

/** What the directory holds now. */
function current(): Promise<Acknowledged> {
  return opened(directory, async (found) => {
    if (!found) return nothing;
    const { hardState, entries, logStart, snapshot } = found.restored;
    const lastIndex = entries.at(-1)?.index ?? logStart.index;
    return { term: hardState.term, lastIndex, snapshotIndex: snapshot.index };
  });
}
