import type { LogStart } from '../raft/types.ts';

interface Mark {
  readonly term: number;
  readonly checksum: number;
}

/** Where a run of stored entries begins (see `runs.ts`). */
export interface RunStart {
  readonly firstIndex: number;
  /** Of the entry before, which the run's first checksum continues. */
  readonly checksumBefore: number;
}

/**
 * Term and chained checksum of each stored entry, and of the position before the first: what the next write continues.
 * And where the runs begin that hold them.
 */
export class LogTail {
  #startIndex: number;
  /** `marks[0]` is the log start's. */
  #marks: Mark[];
  #runs: RunStart[] = [];

  constructor(start: LogStart, startChecksum: number) {
    this.#startIndex = start.index;
    this.#marks = [{ term: start.term, checksum: startChecksum }];
  }

  get lastIndex(): number {
    return this.#startIndex + this.#marks.length - 1;
  }

  get last(): Mark {
    return this.at(this.lastIndex);
  }

  at(index: number): Mark {
    const mark = this.#marks[index - this.#startIndex];
    if (!mark) throw new RangeError(`There is no stored entry ${index}.`);
    return mark;
  }

  /** Entries that are pushed from now on lie in a run of their own. */
  beginRun(): RunStart {
    const run = this.#nextRun;
    this.#runs.push(run);
    return run;
  }

  push(entry: { readonly index: number; readonly term: number }, checksum: number): void {
    if (entry.index !== this.lastIndex + 1) throw new RangeError(`Entry ${entry.index} leaves a gap in the log.`);
    this.#marks.push({ term: entry.term, checksum });
  }

  /** The run that holds the entry at `index`, or will hold it when that is the next one. */
  runHolding(index: number): RunStart {
    if (index > this.lastIndex) return this.#nextRun;
    const run = this.#runs.findLast(({ firstIndex }) => firstIndex <= index);
    if (!run) throw new RangeError(`There is no run with entry ${index}.`);
    return run;
  }

  /** The runs that begin at `index` or behind it. */
  runsFrom(index: number): readonly RunStart[] {
    return this.#runs.filter(({ firstIndex }) => firstIndex >= index);
  }

  get #nextRun(): RunStart {
    return { firstIndex: this.lastIndex + 1, checksumBefore: this.last.checksum };
  }

  /** Drops entries from `index` on. */
  cutBefore(index: number): void {
    if (index <= this.#startIndex) throw new RangeError(`Entry ${index} is compacted and cannot be replaced.`);
    this.#marks.length = Math.min(this.#marks.length, index - this.#startIndex);
    this.#runs = this.#runs.filter(({ firstIndex }) => firstIndex < index);
  }

  /** Drops entries up to `throughIndex`, and the runs that hold no others. */
  compact(throughIndex: number): void {
    this.#runs = [...this.runsFrom(this.runHolding(throughIndex + 1).firstIndex)];
    this.#marks = this.#marks.slice(throughIndex - this.#startIndex);
    this.#startIndex = throughIndex;
  }
}
