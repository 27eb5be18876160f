import { writeSync } from 'node:fs';
import type { Entry } from '../../src/raft/types.ts';
import { levelStorage } from '../../src/storage/level-storage.ts';
import { append, entry, hardState, identity, membership, snapshotAt, staged } from './samples.ts';

/*
 * A process that writes to a data directory until it is killed, and says each time what was acknowledged. Its entries
 * are large, so that LevelDB often changes its log and writes tables, and every fifth write replaces entries.
 */

/** One line on standard output. */
export type Said =
  | { readonly at: 'opening' | 'opened' }
  | { readonly at: 'written'; readonly term: number; readonly lastIndex: number }
  | { readonly at: 'snapshot'; readonly index: number };

function say(said: Said): void {
  writeSync(1, `${JSON.stringify(said)}\n`);
}

function largeEntry(index: number, term: number): Entry {
  return entry(index, term, `${index}/${term}:`.padEnd(40_000 + ((index * 7_919) % 120_000), `${index}.`));
}

say({ at: 'opening' });
const storage = levelStorage(process.argv[2] ?? '');
const opened = (await storage.open()) ?? (await storage.initialise(identity, membership));
say({ at: 'opened' });

const { restored } = opened;
const terms = new Map(restored.entries.map(({ index, term }) => [index, term]));
let lastIndex = restored.entries.at(-1)?.index ?? restored.logStart.index;
let { term, commitIndex } = restored.hardState;
let snapshot: Promise<void> = Promise.resolve();

async function takeSnapshot(index: number): Promise<void> {
  const writer = await staged(storage, snapshotAt(index, terms.get(index)), `state at ${index}`, 40);
  await storage.commitSnapshot(writer, Math.max(restored.logStart.index, index - 5));
  say({ at: 'snapshot', index });
}

for (let step = 1; ; step++) {
  term++;
  const from = step % 5 === 0 && lastIndex - 1 > commitIndex ? lastIndex - 1 : lastIndex + 1;
  const added = Array.from({ length: 1 + (step % 3) }, (_, i) => largeEntry(from + i, term));
  commitIndex = Math.max(commitIndex, from - 3);
  const index = commitIndex;
  if (step % 8 === 0 && index > (storage.currentSnapshot()?.meta.index ?? 0)) {
    await snapshot;
    // Beside the writes that follow.
    snapshot = takeSnapshot(index);
  }
  lastIndex = from + added.length - 1;
  for (const each of added) terms.set(each.index, each.term);
  await storage.write(append(hardState(term, `vote-${term}`, commitIndex), ...added));
  say({ at: 'written', term, lastIndex });
}
