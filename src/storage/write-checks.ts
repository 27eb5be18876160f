import type { Entry, HardState } from '../raft/types.ts';
import type { LogTail } from './log-tail.ts';

/*
 * A write is held against what is stored before anything of it is. A member that finds itself wrong here stops before
 * it makes that durable, and before its next start would refuse the data.
 */

function refuse(reason: string): never {
  throw new RangeError(`This write is not stored: ${reason}.`);
}

/** @throws RangeError when the term or the commit index would fall, or a vote would change within its term (trap 3) */
export function checkHardState(stored: HardState, next: HardState): void {
  if (next.term < stored.term) refuse(`the term would fall from ${stored.term} to ${next.term}`);
  if (next.term === stored.term && stored.votedFor !== null && next.votedFor !== stored.votedFor) {
    refuse(`the vote of term ${next.term} would go from ${stored.votedFor} to ${next.votedFor}`);
  }
  if (next.commitIndex < stored.commitIndex) {
    refuse(`the commit index would fall from ${stored.commitIndex} to ${next.commitIndex}`);
  }
}

/**
 * @param term of the hard state that is stored with the entries
 * @throws RangeError when entries leave a gap, replace what is committed (trap 11), or their terms fall or pass `term`
 */
export function checkEntries(tail: LogTail, committedIndex: number, term: number, entries: readonly Entry[]): void {
  const [first] = entries;
  if (!first) return;
  if (first.index <= committedIndex) refuse(`entry ${first.index} is committed and would be replaced`);
  if (first.index > tail.lastIndex + 1) refuse(`entry ${first.index} would leave a gap behind ${tail.lastIndex}`);
  let before = { index: first.index - 1, term: tail.at(first.index - 1).term };
  for (const entry of entries) {
    if (entry.index !== before.index + 1) refuse(`entry ${entry.index} would stand behind entry ${before.index}`);
    if (entry.term < before.term) refuse(`the term would fall from ${before.term} to ${entry.term} at ${entry.index}`);
    before = entry;
  }
  if (before.term > term) refuse(`entry ${before.index} is of term ${before.term}, and the stored term is ${term}`);
}
