import type { LogStart } from '../raft/types.ts';

interface Mark {
  readonly term: number;
  readonly checksum: number;
}

/** Term and chained checksum of each stored entry, and of the position before the first: what the next write continues. */
export class LogTail {
  #startIndex: number;
  /** `marks[0]` is the log start's. */
  #marks: Mark[];

  constructor(start: LogStart, startChecksum: number) {
    this.#startIndex = start.index;
    this.#marks = [{ term: start.term, checksum: startChecksum }];
  }

  get lastIndex(): number {
    return this.#startIndex + this.#marks.length - 1;
  }

  get lastChecksum(): number {
    return this.at(this.lastIndex).checksum;
  }

  at(index: number): Mark {
    const mark = this.#marks[index - this.#startIndex];
    if (!mark) throw new RangeError(`There is no stored entry ${index}.`);
    return mark;
  }

  push(entry: { readonly index: number; readonly term: number }, checksum: number): void {
    if (entry.index !== this.lastIndex + 1) throw new RangeError(`Entry ${entry.index} leaves a gap in the log.`);
    this.#marks.push({ term: entry.term, checksum });
  }

  /** Drops entries from `index` on. */
  cutBefore(index: number): void {
    if (index <= this.#startIndex) throw new RangeError(`Entry ${index} is compacted and cannot be replaced.`);
    this.#marks.length = Math.min(this.#marks.length, index - this.#startIndex);
  }

  compact(throughIndex: number): void {
    this.#marks = this.#marks.slice(throughIndex - this.#startIndex);
    this.#startIndex = throughIndex;
  }
}
