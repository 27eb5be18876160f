import { invariant } from './assert.ts';
import type { Entry, LogStart, SnapshotMeta } from './types.ts';

/**
 * The log in memory, from `start` on, with its two marks: what is committed, and what is durable here.
 *
 * Invariants: entries are dense and their terms never fall; `start.index <= commitIndex <= lastIndex`; the commit index
 * never falls; no entry at or below it is ever replaced; `stableIndex <= lastIndex`.
 */
export class RaftLog {
  #start: LogStart;
  #entries: Entry[];
  #commitIndex: number;
  /** Below `start.index` only while a received snapshot is not durable yet; then it is a lower bound that still holds. */
  #stableIndex: number;
  /** Last index the write under way makes durable and that was not replaced since it began; `null` when none is. */
  #writingThrough: number | null = null;

  constructor(start: LogStart, entries: readonly Entry[], commitIndex: number) {
    this.#start = start;
    this.#entries = [...entries];
    let previous = start;
    for (const entry of entries) {
      invariant(entry.index === previous.index + 1, () => `the restored log has a gap before index ${entry.index}`);
      invariant(entry.term >= previous.term, () => `the restored log's term falls at index ${entry.index}`);
      previous = entry;
    }
    this.#stableIndex = this.lastIndex;
    this.#commitIndex = commitIndex;
    invariant(
      commitIndex >= start.index && commitIndex <= this.lastIndex,
      () => `commit index ${commitIndex} lies outside the restored log ${start.index}..${this.lastIndex}`,
    );
  }

  /** The position just before the first kept entry. */
  get start(): LogStart {
    return this.#start;
  }

  get lastIndex(): number {
    return this.#start.index + this.#entries.length;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#start.term;
  }

  get commitIndex(): number {
    return this.#commitIndex;
  }

  get stableIndex(): number {
    return this.#stableIndex;
  }

  /** `null` where the log does not reach: compacted away, or not there yet. */
  termAt(index: number): number | null {
    if (index === this.#start.index) return this.#start.term;
    return this.#entries[index - this.#start.index - 1]?.term ?? null;
  }

  /** For a position that the log is known to reach. */
  knownTermAt(index: number): number {
    const term = this.termAt(index);
    invariant(term !== null, () => `entry ${index} is not in the log ${this.#start.index}..${this.lastIndex}`);
    return term;
  }

  /** Term of the last committed entry. */
  get commitTerm(): number {
    return this.knownTermAt(this.#commitIndex);
  }

  /** Whether a log that ends in (`term`, `index`) is at least as complete as this one: term first (trap 5). */
  isUpToDate(index: number, term: number): boolean {
    return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex);
  }

  /** Entries in `(after, through]`. */
  between(after: number, through: number): readonly Entry[] {
    invariant(after >= this.#start.index, () => `entry ${after + 1} was compacted away`);
    return this.#entries.slice(after - this.#start.index, Math.max(after, through) - this.#start.index);
  }

  /** Entries in `(after, through]` up to `maxBytes` of payload; at least one where there is one. */
  batch(after: number, through: number, maxBytes: number): readonly Entry[] {
    invariant(after >= this.#start.index, () => `entry ${after + 1} was compacted away`);
    const first = after - this.#start.index;
    const limit = Math.min(through, this.lastIndex) - this.#start.index;
    let end = first;
    let sizeBytes = 0;
    while (end < limit) {
      sizeBytes += this.#entries[end]?.data.length ?? 0;
      if (sizeBytes > maxBytes && end > first) break;
      end++;
    }
    return this.#entries.slice(first, end);
  }

  /** Adds entries at the end. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(entry.index === this.lastIndex + 1, () => `entry ${entry.index} does not follow ${this.lastIndex}`);
      invariant(entry.term >= this.lastTerm, () => `entry ${entry.index} has an older term than the log's end`);
      this.#entries.push(entry);
    }
  }

  /**
   * Takes a leader's entries that follow a position where both logs agree. What is there already stays: only an entry
   * of another term, a real conflict, cuts the log (paper, section 5.3, step 3; trap 11).
   */
  merge(entries: readonly Entry[]): void {
    const firstNew = entries.findIndex((entry) => this.termAt(entry.index) !== entry.term);
    const entry = entries[firstNew];
    if (entry === undefined) return;
    if (entry.index <= this.lastIndex) this.#truncateFrom(entry.index);
    this.append(entries.slice(firstNew));
  }

  #truncateFrom(index: number): void {
    invariant(
      index > this.#commitIndex,
      () => `committed entry ${index} would be replaced (commit ${this.#commitIndex})`,
    );
    this.#entries.length = index - this.#start.index - 1;
    this.#stableIndex = Math.min(this.#stableIndex, index - 1);
    // What the write under way stores from here on is not what the log now holds, even if equal indexes come back (trap 15).
    if (this.#writingThrough !== null) this.#writingThrough = Math.min(this.#writingThrough, index - 1);
  }

  /** Raises the commit index; a lower one is ignored (trap 12). */
  commitTo(index: number): void {
    if (index <= this.#commitIndex) return;
    invariant(index <= this.lastIndex, () => `commit index ${index} lies past the log's end ${this.lastIndex}`);
    this.#commitIndex = index;
  }

  /**
   * The largest index at or before `index` whose term is at most `term`: beyond it, a log whose entry at `index` has
   * that `term` cannot agree with this one. Terms never fall, so one answer skips a whole run of foreign terms.
   */
  lastIndexWithTermAtMost(index: number, term: number): number {
    if (index <= this.#start.index) return index;
    let low = this.#start.index;
    let high = Math.min(index, this.lastIndex);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.knownTermAt(middle) <= term) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  get hasUnwritten(): boolean {
    return this.lastIndex > Math.max(this.#stableIndex, this.#start.index);
  }

  /** Hands out every entry that is not durable. The caller stores them and then calls `endWrite`. */
  beginWrite(): readonly Entry[] {
    invariant(this.#writingThrough === null, 'a second log write was begun');
    this.#writingThrough = this.lastIndex;
    return this.between(Math.max(this.#stableIndex, this.#start.index), this.lastIndex);
  }

  /** What the write stored, and the log still holds, is durable. */
  endWrite(): void {
    invariant(this.#writingThrough !== null, 'a log write ended that was not begun');
    this.#stableIndex = Math.max(this.#stableIndex, this.#writingThrough);
    this.#writingThrough = null;
  }

  /** Begins anew behind a received snapshot. Durable entries at or before the old commit index remain so meanwhile. */
  restartAt(snapshot: SnapshotMeta): void {
    invariant(snapshot.index > this.#commitIndex, 'an old snapshot would replace a newer log');
    this.#stableIndex = Math.min(this.#stableIndex, this.#commitIndex);
    if (this.#writingThrough !== null) this.#writingThrough = this.#stableIndex;
    this.#start = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
    this.#commitIndex = snapshot.index;
  }

  /** The snapshot that the log begins with, and thereby everything up to `index`, is durable. */
  snapshotDurable(index: number): void {
    this.#stableIndex = Math.max(this.#stableIndex, index);
    this.#writingThrough = null;
  }

  /** Forgets entries at or before `throughIndex`. */
  compact(throughIndex: number): void {
    if (throughIndex <= this.#start.index) return;
    invariant(throughIndex <= this.#commitIndex, () => `entry ${throughIndex} is not committed and would be compacted`);
    const term = this.knownTermAt(throughIndex);
    this.#entries = this.#entries.slice(throughIndex - this.#start.index);
    this.#start = { index: throughIndex, term };
  }
}

/** Payload bytes of some entries. */
export function payloadBytes(entries: readonly Entry[]): number {
  let sizeBytes = 0;
  for (const entry of entries) sizeBytes += entry.data.length;
  return sizeBytes;
}
