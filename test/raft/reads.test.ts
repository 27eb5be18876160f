import { describe, expect, test } from 'vitest';
import { FollowerReads, LeaderReads } from '../../src/raft/reads.ts';

const own = (context: number) => ({ from: null, context });
const contexts = (reads: readonly { readonly context: number }[]) => reads.map(({ context }) => context);

describe("a leader's reads", () => {
  test('share a round, and a later round confirms earlier ones', () => {
    const reads = new LeaderReads();
    reads.add(own(1), 5, true);
    reads.add({ from: 'b', context: 2 }, 6, true);
    reads.beginRound();
    reads.add(own(3), 7, true);
    reads.beginRound();
    reads.add(own(4), 8, true);
    expect([reads.round, reads.hasRoundUnderWay, reads.hasGathered]).toEqual([2, true, true]);
    expect(reads.confirm(0)).toEqual([]);
    expect(reads.confirm(2)).toEqual([
      { from: null, context: 1, index: 5 },
      { from: 'b', context: 2, index: 6 },
      { from: null, context: 3, index: 7 },
    ]);
    expect([reads.hasRoundUnderWay, reads.hasGathered]).toEqual([false, true]);
  });

  test('that are confirmed leave later rounds under way', () => {
    const reads = new LeaderReads();
    reads.add(own(1), 5, true);
    reads.beginRound();
    reads.add(own(2), 5, true);
    reads.beginRound();
    expect(contexts(reads.confirm(1))).toEqual([1]);
    expect(contexts(reads.confirm(1))).toEqual([]);
    expect(contexts(reads.confirm(2))).toEqual([2]);
  });

  test('trap 24: wait until the term is open and take the index of that moment', () => {
    const reads = new LeaderReads();
    reads.add(own(1), 3, false);
    expect(reads.hasGathered).toBe(false);
    reads.termOpened(9);
    reads.beginRound();
    expect(reads.confirm(1)).toEqual([{ from: null, context: 1, index: 9 }]);
  });

  test('are all taken back when leadership ends', () => {
    const reads = new LeaderReads();
    reads.add(own(1), 1, false);
    reads.add(own(2), 1, true);
    reads.beginRound();
    reads.add(own(3), 1, true);
    expect(contexts(reads.fail())).toEqual([2, 3, 1]);
    expect(contexts(reads.fail())).toEqual([]);
    expect(reads.confirm(1)).toEqual([]);
  });
});

describe("a follower's reads", () => {
  test('go out under numbers of their own and are answered once', () => {
    const reads = new FollowerReads(() => 3);
    expect(reads.isEmpty).toBe(true);
    const [first, second] = [reads.add(1, 0), reads.add(1, 0)];
    expect([first, second]).toEqual([3 * 2 ** 21, 3 * 2 ** 21 + 1]);
    expect(reads.answered(second, 7)).toEqual({ context: 1, index: 7 });
    expect(reads.answered(second, 8)).toBeNull();
    expect(reads.answered(first, null)).toEqual({ context: 1, index: null });
    expect(reads.isEmpty).toBe(true);
  });

  test('trap 25: the numbers of another process do not fit', () => {
    const before = new FollowerReads(() => 4);
    const after = new FollowerReads(() => 5);
    const stale = before.add(1, 0);
    after.add(1, 0);
    expect(after.answered(stale, 7)).toBeNull();
  });

  test('stay exact numbers for the greatest beginning', () => {
    const reads = new FollowerReads((bound) => bound - 1);
    const first = reads.add(1, 0);
    expect(Number.isSafeInteger(first + 2 ** 21)).toBe(true);
  });

  test('are given up by age, or all at once', () => {
    const reads = new FollowerReads(() => 0);
    reads.add(1, 10);
    reads.add(2, 11);
    reads.add(3, 12);
    expect(reads.fail(9)).toEqual([]);
    expect(contexts(reads.fail(11))).toEqual([1, 2]);
    expect(reads.fail()).toEqual([{ context: 3, index: null }]);
  });
});
