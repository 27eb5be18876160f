import type { Entry, HardState, LogStart, LogWrite, RestoredState, SnapshotMeta } from '../../../src/raft/types.ts';

/** A disk for one member. A write is durable when the script says so, and what was not is gone after a crash. */
export class ScriptedDisk {
  #hardState: HardState;
  #snapshot: SnapshotMeta;
  #logStart: LogStart;
  #entries: readonly Entry[];
  #underWay: LogWrite | null = null;

  constructor(initial: RestoredState) {
    this.#hardState = initial.hardState;
    this.#snapshot = initial.snapshot;
    this.#logStart = initial.logStart;
    this.#entries = initial.entries;
  }

  get underWay(): LogWrite | null {
    return this.#underWay;
  }

  get lastIndex(): number {
    return this.#logStart.index + this.#entries.length;
  }

  begin(write: LogWrite): void {
    if (this.#underWay !== null) throw new Error(`write ${write.id} began while ${this.#underWay.id} is under way`);
    this.#underWay = write;
  }

  /** The write under way becomes durable. Returns its id. */
  complete(): number {
    const write = this.#underWay;
    if (write === null) throw new Error('no write is under way');
    this.#underWay = null;
    this.#hardState = write.hardState ?? this.#hardState;
    if (write.snapshot !== null) {
      if (write.entries.length > 0) throw new Error('a write that installs a snapshot carries no entries');
      this.#snapshot = write.snapshot;
      this.#logStart = { index: write.snapshot.index, term: write.snapshot.term };
      this.#entries = [];
    }
    const [first] = write.entries;
    if (first !== undefined) {
      if (first.index > this.lastIndex + 1 || first.index <= this.#logStart.index) {
        throw new Error(
          `a write from ${first.index} on does not fit the log ${this.#logStart.index}..${this.lastIndex}`,
        );
      }
      this.#entries = [...this.#entries.slice(0, first.index - this.#logStart.index - 1), ...write.entries];
    }
    return write.id;
  }

  /** Power is gone: the write under way never happened. */
  crash(): void {
    this.#underWay = null;
  }

  commitSnapshot(meta: SnapshotMeta, keepAfterIndex: number): void {
    const term = this.termAt(keepAfterIndex);
    if (term === null) throw new Error(`entry ${keepAfterIndex} is not durable and would be compacted`);
    this.#snapshot = meta;
    this.#entries = this.#entries.slice(keepAfterIndex - this.#logStart.index);
    this.#logStart = { index: keepAfterIndex, term };
  }

  termAt(index: number): number | null {
    if (index === this.#logStart.index) return this.#logStart.term;
    return this.#entries[index - this.#logStart.index - 1]?.term ?? null;
  }

  /** What a member that starts now finds. */
  restored(): RestoredState {
    return {
      hardState: this.#hardState,
      snapshot: this.#snapshot,
      logStart: this.#logStart,
      entries: this.#entries,
    };
  }
}
