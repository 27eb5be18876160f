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
 *
 * There are as many as the log has entries, which may be a million: as plain numbers they are nothing that the
 * collector of garbage has to look into.
 */
export class LogTail {
  #startIndex: number;
  /** The first is the log start's, and so below. */
  #terms: number[];
  #checksums: number[];
  #runs: RunStart[] = [];

  constructor(start: LogStart, startChecksum: number) {
    this.#startIndex = start.index;
    this.#terms = [start.term];
    this.#checksums = [startChecksum];
  }

  get lastIndex(): number {
    return this.#startIndex + this.#terms.length - 1;
  }

  get last(): Mark {
    return this.at(this.lastIndex);
  }

  at(index: number): Mark {
    const term = this.#terms[index - this.#startIndex];
    const checksum = this.#checksums[index - this.#startIndex];
    if (term === undefined || checksum === undefined) throw new RangeError(`There is no stored entry ${index}.`);
    return { term, checksum };
  }

  /** Entries that are pushed from now on lie in a run of their own. */
  beginRun(): RunStart {
    const run = this.#nextRun;
    this.#runs.push(run);
    return run;
  }

  push(entry: { readonly index: number; readonly term: number }, checksum: number): void {
    if (entry.index !== this.lastIndex + 1) throw new RangeError(`Entry ${entry.index} leaves a gap in the log.`);
    this.#terms.push(entry.term);
    this.#checksums.push(checksum);
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
    this.#terms.length = Math.min(this.#terms.length, index - this.#startIndex);
    this.#checksums.length = this.#terms.length;
    this.#runs = this.#runs.filter(({ firstIndex }) => firstIndex < index);
  }

  /** Drops entries up to `throughIndex`, and the runs that hold no others. */
  compact(throughIndex: number): void {
    this.#runs = [...this.runsFrom(this.runHolding(throughIndex + 1).firstIndex)];
    this.#terms = this.#terms.slice(throughIndex - this.#startIndex);
    this.#checksums = this.#checksums.slice(throughIndex - this.#startIndex);
    this.#startIndex = throughIndex;
  }
}
