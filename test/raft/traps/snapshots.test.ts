import { describe, expect, test } from 'vitest';
import { encodeMembership } from '../../../src/raft/membership.ts';
import type { Entry, Membership } from '../../../src/raft/types.ts';
import { entriesOf, entry, from, membership, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

/*
 * Ways in which other implementations have failed, each as the shortest script of messages that shows it. The numbers
 * are those that the comments in src/raft/ name. A test here fails when the guard that such a comment stands at is gone.
 */

const membershipEntry = (index: number, term: number, value: Membership): Entry => ({
  index,
  term,
  kind: 'membership',
  data: encodeMembership(value),
});
const snapshotAt = (index: number, term: number, voters = ['a', 'b', 'c']) => ({
  index,
  term,
  membership: membership({ voters }),
});
const snapshotReceived = (index: number, term: number, messageTerm = term, voters?: string[]) => ({
  type: 'snapshot-received' as const,
  from: 'b',
  to: 'a',
  term: messageTerm,
  snapshot: snapshotAt(index, term, voters),
});

describe('snapshots', () => {
  test('trap 17: an old snapshot gives nothing up, and is answered with what is committed', () => {
    const core = new LoneCore(restored({ terms: [1, 1, 1, 2], commitIndex: 3 }));
    core.step(snapshotReceived(2, 1, 2));
    expect([core.status.lastIndex, core.status.commitIndex, core.status.snapshotIndex]).toEqual([4, 3, 0]);
    expect(core.restoredSnapshots).toEqual([]);
    expect(core.only('append-response')).toMatchObject({ accepted: true, index: 3 });
  });

  test('trap 17: nor does one that ends where the log was compacted since', () => {
    const core = new LoneCore(restored({ snapshot: { index: 5, term: 1 }, terms: [1, 2], commitIndex: 6 }));
    core.step(snapshotReceived(3, 1, 2));
    expect([core.status.lastIndex, core.status.commitIndex, core.status.snapshotIndex]).toEqual([7, 6, 5]);
    expect(core.only('append-response')).toMatchObject({ accepted: true, index: 6 });
  });

  test('trap 17: a snapshot of a leader that was replaced does not lower the term', () => {
    const core = new LoneCore(restored({ term: 5 }));
    core.step(snapshotReceived(9, 2, 4));
    expect([core.status.term, core.status.lastIndex, core.status.leaderId]).toEqual([5, 0, null]);
  });

  test('trap 18: a received snapshot and the hard state are one write, which agrees with itself', () => {
    const core = new LoneCore();
    core.member.writesAtOnce = false;
    // The disk is busy, so the snapshot's write begins only when there is more behind it.
    core.step(from.append({ term: 1, entries: [entry(1, 1)] }));
    core.step(snapshotReceived(9, 2));
    core.step(from.append({ term: 2, prevLogIndex: 9, prevLogTerm: 2, entries: [entry(10, 2)], commitIndex: 10 }));
    core.member.completeWrite();
    core.member.completeWrite();
    const install = core.writes.find(({ snapshot }) => snapshot !== null);
    expect(install).toMatchObject({ snapshot: { index: 9 }, entries: [] });
    // A crash right after this write must leave something that a member can start with.
    core.restart();
    expect([core.status.commitIndex, core.status.lastIndex, core.status.term]).toEqual([9, 9, 2]);
  });

  test('trap 18: a gap between snapshot and log stops the start', () => {
    const gap = { snapshot: { index: 5, term: 1 }, logStart: { index: 8, term: 1 }, terms: [1], commitIndex: 9 };
    expect(() => new LoneCore(restored(gap))).toThrow('the restored log does not hold its snapshot');
    const otherTerm = { snapshot: { index: 1, term: 2 }, logStart: { index: 0, term: 0 }, terms: [1, 2] };
    expect(() => new LoneCore(restored(otherTerm))).toThrow('the restored log does not hold its snapshot');
    expect(() => new LoneCore(restored({ terms: [3], term: 2 }))).toThrow('term is older than the restored log');
  });

  test('trap 19: a snapshot waits until what was handed out before is applied, and nothing passes it', () => {
    const core = new LoneCore();
    core.member.appliesAtOnce = false;
    core.step(from.append({ entries: entriesOf([1, 1]), commitIndex: 2 }));
    core.step(snapshotReceived(9, 1));
    core.step(from.append({ prevLogIndex: 9, prevLogTerm: 1, entries: [entry(10, 1)], commitIndex: 10 }));
    expect([core.applied, core.restoredSnapshots]).toEqual([[], []]);
    core.member.applyHandedOut();
    expect([core.applied.map(({ index }) => index), core.restoredSnapshots]).toEqual([[1, 2], []]);
    core.member.pump();
    core.member.applyHandedOut();
    expect(core.restoredSnapshots.map(({ index }) => index)).toEqual([9]);
    core.member.appliesAtOnce = true;
    core.member.pump();
    expect(core.applied.map(({ index }) => index)).toEqual([1, 2, 10]);
  });

  test("trap 20: the snapshot's membership wins over the old log's", () => {
    const change = membershipEntry(1, 1, membership({ voters: ['a', 'b'] }));
    const core = new LoneCore();
    core.step(from.append({ entries: [change], commitIndex: 1 }));
    expect(core.status.membership.voters).toEqual(['a', 'b']);
    core.step(snapshotReceived(9, 1, 1, ['a', 'b', 'c', 'd', 'e']));
    expect(core.status.membership.voters).toEqual(['a', 'b', 'c', 'd', 'e']);
    core.restart();
    expect(core.status.membership.voters).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
