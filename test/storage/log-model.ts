import type { Entry, HardState, LogStart, RestoredState, SnapshotMeta } from '../../src/raft/types.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { RandomInteger } from '../raft/harness/random.ts';
import { append, entry, hardState, snapshotAt, staged } from './samples.ts';

/** What storage ought to hold, as a plain array, and random changes of both. */
export class LogModel {
  readonly #random: RandomInteger;
  #hardState: HardState = hardState(0);
  #snapshot: SnapshotMeta = snapshotAt(0, 0);
  #logStart: LogStart = { index: 0, term: 0 };
  #entries: Entry[] = [];

  constructor(random: RandomInteger) {
    this.#random = random;
  }

  get restored(): RestoredState {
    return {
      hardState: this.#hardState,
      snapshot: this.#snapshot,
      logStart: this.#logStart,
      entries: this.#entries,
    };
  }

  get #lastIndex(): number {
    return this.#logStart.index + this.#entries.length;
  }

  #termAt(index: number): number {
    return this.#entries[index - this.#logStart.index - 1]?.term ?? this.#logStart.term;
  }

  /** In `[from, to]`. */
  #between(from: number, to: number): number {
    return from + this.#random(to - from + 1);
  }

  /** One change that a member might make. @returns what it was, for people */
  async change(storage: Storage): Promise<string> {
    const kind = this.#random(10);
    if (kind < 5) return this.#append(storage, this.#lastIndex + 1);
    const committed = Math.max(this.#hardState.commitIndex, this.#snapshot.index);
    if (kind < 7) return this.#append(storage, this.#between(committed + 1, this.#lastIndex + 1));
    if (kind < 9 && committed > this.#snapshot.index) return this.#takeSnapshot(storage, committed);
    if (this.#random(4) > 0) return this.#append(storage, this.#lastIndex + 1, 0);
    return this.#install(storage, committed);
  }

  async #append(storage: Storage, from: number, count = this.#between(1, 12)): Promise<string> {
    const term = this.#hardState.term + (from <= this.#lastIndex || this.#random(3) === 0 ? 1 : 0);
    const added = Array.from({ length: count }, (_, i) => this.#entry(from + i, term));
    const lastIndex = count > 0 ? from + count - 1 : this.#lastIndex;
    const commitIndex = this.#between(this.#hardState.commitIndex, Math.max(this.#hardState.commitIndex, from - 1));
    const next = hardState(term, term === this.#hardState.term ? this.#hardState.votedFor : 'b', commitIndex);
    await storage.write(append(next, ...added));
    if (count > 0) this.#entries = [...this.#entries.slice(0, from - this.#logStart.index - 1), ...added];
    this.#hardState = next;
    return `append ${from} to ${lastIndex} in term ${term}, committed ${commitIndex}`;
  }

  /** Now and then so large that the entries of a write do not fit into one run. */
  #entry(index: number, term: number): Entry {
    return entry(index, term, `${index}/${term};`.repeat(this.#random(40) === 0 ? 20_000 : this.#random(40)));
  }

  async #takeSnapshot(storage: Storage, committed: number): Promise<string> {
    const index = this.#between(this.#snapshot.index + 1, committed);
    const through = this.#between(this.#logStart.index, index);
    const meta = snapshotAt(index, this.#termAt(index));
    await storage.commitSnapshot(await staged(storage, meta, `at ${index}`, this.#random(3)), through);
    const logStart = { index: through, term: this.#termAt(through) };
    this.#entries = this.#entries.slice(through - this.#logStart.index);
    this.#logStart = logStart;
    this.#snapshot = meta;
    return `snapshot at ${index}, compacted through ${through}`;
  }

  async #install(storage: Storage, committed: number): Promise<string> {
    const index = this.#between(committed + 1, committed + 30);
    const term = this.#hardState.term + 1;
    const meta = snapshotAt(index, term);
    await staged(storage, meta, `from the leader at ${index}`, 2);
    const next = hardState(term, null, index);
    await storage.write({ hardState: next, entries: [], snapshot: meta });
    this.#hardState = next;
    this.#snapshot = meta;
    this.#logStart = { index, term };
    this.#entries = [];
    return `install ${index}`;
  }
}
