import { describe, expect, test } from 'vitest';
import type { LogWrite } from '../../../src/raft/types.ts';
import { entriesOf, entry, from, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

/*
 * Ways in which other implementations have failed, each as the shortest script of messages that shows it. The numbers
 * are those that the comments in src/raft/ name. A test here fails when the guard that such a comment stands at is gone.
 */

const alone = (options = {}, config = {}) => new LoneCore(restored({ voters: ['a'], ...options }), config);
const placesOf = (write: LogWrite | undefined) => write?.entries.map(({ index, term }) => `${index}@${term}`);

describe('log and commit', () => {
  test('trap 10: the previous entry is compared by its term, not only by its index', () => {
    const core = new LoneCore(restored({ terms: [1, 1] }));
    core.step(from.append({ term: 2, prevLogIndex: 2, prevLogTerm: 2, entries: [entry(3, 2)], commitIndex: 3 }));
    expect(core.only('append-response')).toMatchObject({ accepted: false, index: 2 });
    expect([core.status.lastIndex, core.status.commitIndex]).toEqual([2, 0]);
  });

  test('trap 11: a late append that conflicts with nothing erases nothing', () => {
    const core = new LoneCore();
    core.step(from.append({ entries: entriesOf([1, 1, 1]) }));
    core.step(from.append({ entries: entriesOf([1]) }), from.append());
    expect([core.status.lastIndex, core.status.stableIndex]).toEqual([3, 3]);
    expect(core.writes.flatMap(({ entries }) => entries.map(({ index }) => index))).toEqual([1, 2, 3]);
  });

  test('trap 12: a commit index that comes late does not take the commit back', () => {
    const core = new LoneCore();
    core.step(from.append({ entries: entriesOf([1, 1]), commitIndex: 2 }));
    core.step(from.append({ prevLogIndex: 2, prevLogTerm: 1, commitIndex: 1 }), from.heartbeat({ commitIndex: 1 }));
    expect(core.status.commitIndex).toBe(2);
  });

  test('trap 12: acknowledgements that change places do not take the match index back', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.propose('x', 'y');
    core.step(from.accepted(3), from.accepted(2));
    const [peer] = core.status.progress;
    expect(peer).toMatchObject({ id: 'b', matchIndex: 3, nextIndex: 4 });
  });

  test('trap 13: an append commits no more than it has verified', () => {
    const core = new LoneCore(restored({ terms: [1, 1, 1], term: 1 }));
    // The leader's entries 2 and 3 are others; they are committed there, and on their way.
    core.step(from.append({ term: 2, prevLogIndex: 1, prevLogTerm: 1, commitIndex: 3 }));
    expect(core.status.commitIndex).toBe(1);
  });

  test('trap 13: a heartbeat commits no more than this very member has acknowledged', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.propose('x');
    core.acknowledge(['b']);
    expect(core.status.commitIndex).toBe(2);
    core.tick(2);
    expect(core.take('heartbeat-request').map(({ to, commitIndex }) => [to, commitIndex])).toEqual([
      ['b', 2],
      ['c', 1],
    ]);
  });

  test('trap 13: an append from before the log begins is not taken on trust', () => {
    const core = new LoneCore(restored({ snapshot: { index: 5, term: 2 }, terms: [2, 2] }));
    core.step(from.append({ term: 2, entries: entriesOf([1, 1, 1, 1, 1, 1, 1, 1]), commitIndex: 8 }));
    expect(core.only('append-response')).toMatchObject({ accepted: true, index: 5 });
    expect([core.status.lastIndex, core.core.termAt(6), core.status.commitIndex]).toEqual([7, 2, 5]);
  });

  test('trap 14: the commit index is what a majority holds, in whatever order it answered', () => {
    const core = new LoneCore(restored({ voters: ['a', 'b', 'c', 'd', 'e'] }));
    core.leadOpened();
    core.propose('1', '2', '3', '4');
    core.step(from.accepted(5, { from: 'e' }), from.accepted(2, { from: 'b' }), from.accepted(4, { from: 'd' }));
    expect(core.status.commitIndex).toBe(4);
  });

  test('trap 15: A-B-A: what was overwritten while it was written is not acknowledged as durable', () => {
    const core = new LoneCore();
    core.member.writesAtOnce = false;
    core.step(from.append({ term: 1, entries: [entry(1, 1)] }));
    core.member.completeWrite();
    core.take();
    // A: entry 2 of term 1 is being written. B: another leader puts its own there.
    core.step(from.append({ term: 1, prevLogIndex: 1, prevLogTerm: 1, entries: [entry(2, 1)] }));
    expect(placesOf(core.writes.at(-1))).toEqual(['2@1']);
    core.step(from.append({ from: 'c', term: 2, prevLogIndex: 1, prevLogTerm: 1, entries: [entry(2, 2)] }));
    core.member.completeWrite();
    expect([core.status.stableIndex, core.take('append-response')]).toEqual([1, []]);
    expect(placesOf(core.writes.at(-1))).toEqual(['2@2']);
    core.member.completeWrite();
    expect(core.only('append-response')).toMatchObject({ to: 'c', term: 2, index: 2 });
  });

  test('trap 16: a member that is the whole cluster commits only what is on its disk', () => {
    const core = alone();
    core.lead();
    core.member.writesAtOnce = false;
    core.propose('x');
    // Behind the write under way, so not part of it.
    core.propose('y');
    expect([core.status.lastIndex, core.status.commitIndex, core.applied.length]).toEqual([3, 1, 1]);
    core.member.completeWrite();
    expect([core.status.commitIndex, core.applied.length]).toEqual([2, 2]);
  });

  test('trap 16: nor does it lead before its own vote is', () => {
    const core = alone();
    core.member.writesAtOnce = false;
    core.timeOut();
    expect([core.status.role, core.status.term]).toEqual(['candidate', 1]);
    core.member.completeWrite();
    expect(core.status.role).toBe('leader');
  });
});
