import { describe, expect, test } from 'vitest';
import { payloadBytes, RaftLog } from '../../src/raft/log.ts';
import { entriesOf, entry, membership } from './harness/fixtures.ts';

/** A log whose entries have these terms, from index 1 on. */
const logOf = (terms: readonly number[], commitIndex = 0) =>
  new RaftLog({ index: 0, term: 0 }, entriesOf(terms), commitIndex);
const termsOf = (log: RaftLog) => log.between(log.start.index, log.lastIndex).map(({ term }) => term);
const snapshot = (index: number, term: number) => ({ index, term, membership: membership({ voters: ['a'] }) });

describe('a restored log', () => {
  test('knows its ends, its terms and where it does not reach', () => {
    const log = new RaftLog({ index: 4, term: 2 }, entriesOf([2, 3], 4), 5);
    expect([log.lastIndex, log.lastTerm, log.commitIndex, log.stableIndex]).toEqual([6, 3, 5, 6]);
    expect([3, 4, 5, 6, 7].map((index) => log.termAt(index))).toEqual([null, 2, 2, 3, null]);
    expect(log.commitTerm).toBe(2);
  });

  test('that is empty ends where it starts', () => {
    const log = new RaftLog({ index: 4, term: 2 }, [], 4);
    expect([log.lastIndex, log.lastTerm, log.commitTerm]).toEqual([4, 2, 2]);
  });

  test('trap 18: is refused with a gap, a falling term or a commit index outside of it', () => {
    expect(() => new RaftLog({ index: 0, term: 0 }, [entry(2, 1)], 0)).toThrow('a gap before index 2');
    expect(() => new RaftLog({ index: 4, term: 2 }, [entry(5, 1)], 4)).toThrow('term falls at index 5');
    expect(() => new RaftLog({ index: 4, term: 2 }, [], 3)).toThrow('commit index 3 lies outside');
    expect(() => logOf([1], 2)).toThrow('commit index 2 lies outside');
  });
});

describe('comparing logs', () => {
  const log = logOf([1, 1, 3]);

  test.each([
    ['equal', 3, 3, true],
    ['same last term, longer', 4, 3, true],
    ['same last term, shorter', 2, 3, false],
    ['a later term, shorter', 1, 4, true],
    ['an earlier term, longer', 9, 2, false],
  ])('trap 5: a candidate whose log is %s', (_, index, term, expected) => {
    expect(log.isUpToDate(index, term)).toBe(expected);
  });

  test('finds the last index with a term no later than another', () => {
    const long = logOf([1, 1, 3, 3, 3, 6]);
    expect(long.lastIndexWithTermAtMost(6, 6)).toBe(6);
    expect(long.lastIndexWithTermAtMost(6, 5)).toBe(5);
    expect(long.lastIndexWithTermAtMost(5, 2)).toBe(2);
    expect(long.lastIndexWithTermAtMost(4, 3)).toBe(4);
    expect(long.lastIndexWithTermAtMost(6, 0)).toBe(0);
    expect(long.lastIndexWithTermAtMost(99, 9)).toBe(6);
  });

  test('leaves a position before its start as it is', () => {
    const compacted = new RaftLog({ index: 4, term: 2 }, entriesOf([2, 3], 4), 4);
    expect(compacted.lastIndexWithTermAtMost(3, 9)).toBe(3);
    expect(compacted.lastIndexWithTermAtMost(6, 1)).toBe(4);
  });
});

describe('reading', () => {
  const log = new RaftLog(
    { index: 2, term: 1 },
    [3, 4, 5, 6].map((index) => entry(index, 1, 'x'.repeat(10))),
    2,
  );
  const indexes = (entries: readonly { readonly index: number }[]) => entries.map(({ index }) => index);

  test('takes what lies between two positions', () => {
    expect(indexes(log.between(3, 5))).toEqual([4, 5]);
    expect(log.between(5, 4)).toEqual([]);
    expect(() => log.between(1, 4)).toThrow('entry 2 was compacted away');
  });

  test('takes a batch of a limited size, and at least one entry', () => {
    expect(indexes(log.batch(2, 6, 25))).toEqual([3, 4]);
    expect(indexes(log.batch(2, 6, 30))).toEqual([3, 4, 5]);
    expect(indexes(log.batch(2, 6, 1))).toEqual([3]);
    expect(indexes(log.batch(2, 4, 1_000))).toEqual([3, 4]);
    expect(indexes(log.batch(4, 99, 1_000))).toEqual([5, 6]);
    expect(log.batch(6, 99, 1_000)).toEqual([]);
    expect(() => log.batch(1, 4, 10)).toThrow('entry 2 was compacted away');
  });

  test('counts payload', () => {
    expect(payloadBytes(log.between(2, 5))).toBe(30);
    expect(payloadBytes([])).toBe(0);
  });
});

describe('appending', () => {
  test('takes only what follows', () => {
    const log = logOf([1]);
    log.append(entriesOf([1, 2], 1));
    expect(termsOf(log)).toEqual([1, 1, 2]);
    expect(() => log.append([entry(5, 2)])).toThrow('entry 5 does not follow 3');
    expect(() => log.append([entry(4, 1)])).toThrow('entry 4 has an older term');
  });
});

describe("merging a leader's entries", () => {
  test('adds what is missing', () => {
    const log = logOf([1, 1]);
    log.merge(entriesOf([1, 2, 2], 1));
    expect(termsOf(log)).toEqual([1, 1, 2, 2]);
  });

  test('trap 11: keeps what is there when nothing conflicts, however short and late the append', () => {
    const log = logOf([1, 1, 1, 1]);
    log.merge(entriesOf([1], 0));
    log.merge([]);
    expect(termsOf(log)).toEqual([1, 1, 1, 1]);
    expect(log.stableIndex).toBe(4);
  });

  test('cuts from the first entry of another term on', () => {
    const log = logOf([1, 1, 1, 1]);
    log.merge(entriesOf([1, 2], 1));
    expect(termsOf(log)).toEqual([1, 1, 2]);
    expect(log.stableIndex).toBe(2);
  });

  test('stops the member rather than replace a committed entry', () => {
    const log = logOf([1, 1], 2);
    expect(() => log.merge(entriesOf([2], 1))).toThrow('committed entry 2 would be replaced');
  });
});

describe('the commit index', () => {
  test('trap 12: never falls', () => {
    const log = logOf([1, 1, 1]);
    log.commitTo(2);
    log.commitTo(1);
    expect(log.commitIndex).toBe(2);
  });

  test('never passes the end', () => {
    expect(() => logOf([1]).commitTo(2)).toThrow("commit index 2 lies past the log's end 1");
  });
});

describe('durability', () => {
  test('an entry is durable once the write that began after it has ended', () => {
    const log = logOf([]);
    log.append(entriesOf([1, 1]));
    expect(log.hasUnwritten).toBe(true);
    expect(log.beginWrite().map(({ index }) => index)).toEqual([1, 2]);
    log.append([entry(3, 1)]);
    expect(log.stableIndex).toBe(0);
    log.endWrite();
    expect(log.stableIndex).toBe(2);
    expect(log.beginWrite().map(({ index }) => index)).toEqual([3]);
    log.endWrite();
    expect(log.hasUnwritten).toBe(false);
  });

  test('one write is under way at a time', () => {
    const log = logOf([]);
    expect(() => log.endWrite()).toThrow('a log write ended that was not begun');
    log.beginWrite();
    expect(() => log.beginWrite()).toThrow('a second log write was begun');
  });

  test('trap 15: what was replaced while it was being written is not durable, though the index is there again', () => {
    const log = logOf([1]);
    log.append(entriesOf([1, 1], 1));
    log.beginWrite();
    log.merge(entriesOf([2, 2], 1));
    log.endWrite();
    expect(log.stableIndex).toBe(1);
    expect(log.beginWrite().map(({ index, term }) => `${index}@${term}`)).toEqual(['2@2', '3@2']);
  });

  test('trap 15: and not durable either when the very same entries came back meanwhile', () => {
    const log = logOf([]);
    log.append(entriesOf([1, 1]));
    log.beginWrite();
    log.merge([entry(1, 2)]);
    log.merge(entriesOf([3, 3]));
    log.endWrite();
    expect(log.stableIndex).toBe(0);
  });
});

describe('a received snapshot', () => {
  test('takes the place of the whole log, and is not durable yet', () => {
    const log = logOf([1, 1, 1], 1);
    log.restartAt(snapshot(9, 4));
    expect([log.start, log.lastIndex, log.commitIndex, log.stableIndex]).toEqual([{ index: 9, term: 4 }, 9, 9, 1]);
    expect(log.hasUnwritten).toBe(false);
    log.append([entry(10, 4)]);
    expect(log.hasUnwritten).toBe(true);
    log.snapshotDurable(9);
    expect(log.stableIndex).toBe(9);
  });

  test('is not made durable by an older write that ends only now', () => {
    const log = logOf([1]);
    log.append([entry(2, 1)]);
    log.beginWrite();
    log.restartAt(snapshot(9, 4));
    log.endWrite();
    expect(log.stableIndex).toBe(0);
  });

  test('trap 17: never takes the place of a newer log', () => {
    expect(() => logOf([1, 1], 2).restartAt(snapshot(2, 1))).toThrow('an old snapshot would replace a newer log');
  });
});

describe('compacting', () => {
  test('forgets the beginning and keeps its last position', () => {
    const log = logOf([1, 1, 2, 2], 3);
    log.compact(3);
    expect([log.start, termsOf(log), log.termAt(3), log.termAt(2)]).toEqual([{ index: 3, term: 2 }, [2], 2, null]);
    log.compact(2);
    expect(log.start.index).toBe(3);
  });

  test('never forgets what is not committed', () => {
    expect(() => logOf([1, 1], 1).compact(2)).toThrow('entry 2 is not committed');
  });
});
