import { describe, expect, test } from 'vitest';
import { isWellFormed } from '../../src/raft/messages.ts';
import type { RaftMessage, SnapshotReceived } from '../../src/raft/types.ts';
import { entriesOf, entry, from, membership } from './harness/fixtures.ts';
import { LoneCore } from './harness/lone-core.ts';

const address = { from: 'b', to: 'a', term: 3 } as const;
const snapshot = { index: 5, term: 2, membership: membership({ voters: ['a'] }) };
const received: SnapshotReceived = { type: 'snapshot-received', ...address, snapshot };

/** One correct message of each type. */
const wellFormed: readonly (RaftMessage | SnapshotReceived)[] = [
  from.preVoteRequest({ term: 3, lastLogIndex: 4, lastLogTerm: 2 }),
  from.voteRequest({ term: 3, lastLogIndex: 4, lastLogTerm: 2 }),
  from.preVoteResponse({ term: 3 }),
  from.voteResponse({ term: 3 }),
  from.append({ term: 3, prevLogIndex: 4, prevLogTerm: 2, entries: entriesOf([2, 3], 4), commitIndex: 4 }),
  from.append({ term: 3, entries: entriesOf([1, 3]) }),
  from.accepted(4, { term: 3 }),
  from.refused(4, 3, 2, { term: 3 }),
  from.heartbeat({ term: 3 }),
  from.heartbeatAnswer({ term: 3 }),
  { type: 'timeout-now', ...address },
  { type: 'read-index-request', ...address, context: 7 },
  { type: 'read-index-response', ...address, context: 7, index: null },
  { type: 'read-index-response', ...address, context: 7, index: 4 },
  received,
];

const notIndexes = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53];

/** Each number of each message, replaced by each value that is none of its kind. */
const damaged = wellFormed.flatMap((message) =>
  Object.entries(message)
    .filter(([, value]) => typeof value === 'number')
    .flatMap(([field]) => notIndexes.map((value) => ({ field, value, message: { ...message, [field]: value } }))),
);

const append = from.append({ term: 3, prevLogIndex: 4, prevLogTerm: 2 });

describe('a message', () => {
  test.each(wellFormed)('of type $type may be well formed', (message) => {
    expect(isWellFormed(message)).toBe(true);
  });

  test.each(damaged)('of type $message.type is broken with $field $value', ({ message }) => {
    expect(isWellFormed(message)).toBe(false);
  });

  test.each(wellFormed)('of type $type is broken without a sender or a term', (message) => {
    expect(isWellFormed({ ...message, from: '' })).toBe(false);
    expect(isWellFormed({ ...message, term: 0 })).toBe(false);
    // The next term would not be a number any more.
    expect(isWellFormed({ ...message, term: Number.MAX_SAFE_INTEGER })).toBe(false);
  });

  test.each<[string, RaftMessage | SnapshotReceived]>([
    ['a candidate has entries of the term it campaigns in', from.voteRequest({ term: 3, lastLogTerm: 3 })],
    ['the previous entry is of a later term', { ...append, prevLogTerm: 4 }],
    ['the first position has a term', { ...append, prevLogIndex: 0 }],
    ['the previous entry has no term', { ...append, prevLogTerm: 0 }],
    ['the previous term is no number', { ...append, prevLogTerm: Number.NaN }],
    ['there is a gap before the entries', { ...append, entries: [entry(6, 3)] }],
    ['there is a gap between entries', { ...append, entries: [entry(5, 3), entry(7, 3)] }],
    ['the terms of entries fall', { ...append, entries: [entry(5, 3), entry(6, 2)] }],
    ['an entry is older than the previous one', { ...append, entries: [entry(5, 1)] }],
    ['an entry is of a later term than its sender', { ...append, entries: [entry(5, 4)] }],
    ['the term of an entry is no number', { ...append, entries: [entry(5, 2.5)] }],
    ['a snapshot is of nothing', { ...received, snapshot: { ...snapshot, index: 0 } }],
    ['a snapshot is at no index', { ...received, snapshot: { ...snapshot, index: 1.5 } }],
    ['a snapshot is of no term', { ...received, snapshot: { ...snapshot, term: 0 } }],
    ['a snapshot is of a broken term', { ...received, snapshot: { ...snapshot, term: -1 } }],
    ['a snapshot is of a later term than its sender', { ...received, snapshot: { ...snapshot, term: 4 } }],
  ])('is broken when %s', (_, message) => {
    expect(isWellFormed(message)).toBe(false);
  });
});

describe('a member', () => {
  test('does nothing about a broken message, nor one for or from the wrong member', () => {
    const core = new LoneCore();
    const before = core.status;
    core.step(
      from.append({ term: 9, prevLogIndex: 3, prevLogTerm: 0 }),
      from.voteRequest({ term: 9, to: 'c' }),
      from.voteRequest({ term: 9, from: 'a' }),
    );
    expect([core.status, core.take(), core.writes]).toEqual([before, [], []]);
  });
});
