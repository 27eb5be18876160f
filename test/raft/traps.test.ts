import { describe, expect, test } from 'vitest';
import { encodeMembership } from '../../src/raft/membership.ts';
import type { Entry, LogWrite, Membership } from '../../src/raft/types.ts';
import { Cluster } from './harness/cluster.ts';
import { bytes, entriesOf, entry, from, membership, restored } from './harness/fixtures.ts';
import { LoneCore } from './harness/lone-core.ts';

/*
 * Ways in which other implementations have failed, each as the shortest script of messages that shows it. The numbers
 * are those that the comments in src/raft/ name. A test here fails when the guard that such a comment stands at is gone.
 */

const alone = (options = {}, config = {}) => new LoneCore(restored({ voters: ['a'], ...options }), config);
const membershipEntry = (index: number, term: number, value: Membership): Entry => ({
  index,
  term,
  kind: 'membership',
  data: encodeMembership(value),
});
const placesOf = (write: LogWrite | undefined) => write?.entries.map(({ index, term }) => `${index}@${term}`);
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

describe('votes and terms', () => {
  test('trap 1: an entry of an earlier term is not committed by counting its replicas', () => {
    const core = new LoneCore(restored({ terms: [1, 2], term: 3 }));
    core.lead();
    core.step(from.accepted(2, { term: 4 }), from.accepted(2, { from: 'c', term: 4 }));
    expect(core.status.commitIndex).toBe(0);
    // With an entry of its own term on a majority, everything before it is committed too (figure 8).
    core.step(from.accepted(3, { term: 4 }));
    expect(core.status.commitIndex).toBe(3);
  });

  test('trap 2: a vote given in an earlier term is not counted', () => {
    const core = new LoneCore();
    core.campaign();
    core.tick(20);
    core.step(from.preVoteResponse({ term: 2 }));
    expect([core.status.term, core.status.role]).toEqual([2, 'candidate']);
    core.step(from.voteResponse({ term: 1 }), from.voteResponse({ from: 'c', term: 1 }));
    expect(core.status.role).toBe('candidate');
    core.step(from.voteResponse({ term: 2 }));
    expect(core.status.role).toBe('leader');
  });

  test('trap 2: a pre-vote given for an earlier campaign is not counted', () => {
    const core = new LoneCore();
    core.timeOut();
    core.step(from.append({ term: 5 }));
    core.timeOut();
    expect([core.status.role, core.status.term]).toEqual(['pre-candidate', 5]);
    core.step(from.preVoteResponse({ term: 5 }), from.preVoteResponse({ term: 7 }));
    expect(core.status.role).not.toBe('candidate');
  });

  test('trap 3: a candidate that steps down within its term keeps the vote it gave itself', () => {
    const core = new LoneCore();
    core.campaign();
    core.step(
      from.voteResponse({ granted: false, term: 1 }),
      from.voteResponse({ from: 'c', granted: false, term: 1 }),
    );
    expect([core.status.role, core.status.term, core.status.votedFor]).toEqual(['follower', 1, 'a']);
    core.take();
    core.step(from.voteRequest({ term: 1 }));
    expect(core.only('vote-response').granted).toBe(false);
  });

  test('trap 4: a vote is said only when term and vote are on disk, in one write', () => {
    const core = new LoneCore();
    core.member.writesAtOnce = false;
    core.step(from.voteRequest({ term: 3 }));
    expect(core.take()).toEqual([]);
    expect(core.writes.map(({ hardState }) => hardState)).toEqual([{ term: 3, votedFor: 'b', commitIndex: 0 }]);
    core.member.completeWrite();
    expect(core.only('vote-response').granted).toBe(true);
  });

  test('trap 4: a vote that was said survives a crash', () => {
    const core = new LoneCore();
    core.step(from.voteRequest({ term: 3 }));
    core.restart();
    core.step(from.voteRequest({ from: 'c', term: 3 }));
    expect(core.only('vote-response')).toMatchObject({ granted: false, term: 3 });
  });

  test.each([
    ['longer and older', 9, 2, false],
    ['shorter and newer', 1, 4, true],
    ['as new and shorter', 2, 3, false],
    ['the same', 3, 3, true],
  ])(
    'trap 5: a candidate whose log is %s is judged by its last term first',
    (_, lastLogIndex, lastLogTerm, granted) => {
      const core = new LoneCore(restored({ terms: [1, 1, 3] }));
      core.step(from.voteRequest({ term: 5, lastLogIndex, lastLogTerm }));
      expect(core.only('vote-response').granted).toBe(granted);
    },
  );

  test("trap 6: the same candidate's repeated request is granted again", () => {
    const core = new LoneCore();
    core.step(from.voteRequest({ term: 3 }));
    core.take();
    core.step(from.voteRequest({ term: 3 }));
    expect(core.only('vote-response').granted).toBe(true);
  });

  test('trap 7: a member that hears its leader lets nobody raise the term', () => {
    const core = new LoneCore();
    core.step(from.append({ term: 2 }));
    core.take();
    core.tick(9);
    core.step(from.voteRequest({ from: 'c', term: 9 }), from.preVoteRequest({ from: 'c', term: 9 }));
    expect([core.status.term, core.status.leaderId, core.take()]).toEqual([2, 'b', []]);
  });

  test('trap 7: a leader does not listen to whoever campaigns against it', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.step(from.voteRequest({ term: 9, lastLogIndex: 9, lastLogTerm: 8 }));
    expect([core.status.role, core.status.term]).toEqual(['leader', 1]);
  });

  test('trap 7: a member that is cut off one way asks for ever and raises no term', () => {
    const cluster = new Cluster();
    cluster.elect('a');
    cluster.cut('a', 'c');
    cluster.pass(200);
    expect([cluster.leaderId, cluster.status('a').term, cluster.status('c').term]).toEqual(['a', 1, 1]);
    cluster.heal('a', 'c');
    cluster.pass(10);
    expect([cluster.leaderId, cluster.status('c').leaderId, cluster.status('c').term]).toEqual(['a', 'a', 1]);
  });

  test('trap 7: with one link of three down, the leader stays', () => {
    const cluster = new Cluster();
    cluster.elect('a');
    cluster.cut('a', 'c');
    cluster.cut('c', 'a');
    cluster.pass(200);
    expect([cluster.leaderId, cluster.status('a').term]).toEqual(['a', 1]);
    expect(cluster.propose('a', 'x')).toBe(true);
    cluster.pass(3);
    expect(cluster.member('b').commands).toEqual(['x']);
  });

  test('trap 7: a leader that nobody answers steps down', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.tick(9);
    expect(core.status.role).toBe('leader');
    core.tick(1);
    expect([core.status.role, core.status.leaderId]).toEqual(['follower', null]);
  });

  test.each(['timeout', 'timeout-now'])('trap 8: nobody campaigns before it applied a new membership (%s)', (way) => {
    const core = new LoneCore();
    core.member.appliesAtOnce = false;
    const change = membershipEntry(1, 1, membership({ voters: ['a'], learners: ['b', 'c'] }));
    core.step(from.append({ entries: [change], commitIndex: 1 }));
    const campaign = () => {
      if (way === 'timeout') core.tick(30);
      else core.step({ type: 'timeout-now', from: 'b', to: 'a', term: 1 });
    };
    campaign();
    expect([core.status.role, core.status.term]).toEqual(['follower', 1]);
    core.member.applyHandedOut();
    campaign();
    expect([core.status.role, core.status.term]).toEqual(['leader', 2]);
  });
});

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

describe('membership', () => {
  test('trap 22: commits are counted anew by a new membership', () => {
    const core = new LoneCore(
      restored({
        membership: membership({ voters: ['a'], votersOutgoing: ['b', 'c'] }),
        terms: [1],
        entries: [membershipEntry(1, 1, membership({ voters: ['a'] }))],
      }),
    );
    core.member.appliesAtOnce = false;
    core.lead();
    core.acknowledge(['b', 'c'], 2);
    core.propose('x');
    expect(core.status.commitIndex).toBe(2);
    // With b and c gone, what a holds is committed at once: nobody is left whose answer would start the count.
    core.member.applyHandedOut();
    expect([core.status.membership.voters, core.status.commitIndex]).toEqual([['a'], 3]);
  });

  test('trap 22: votes are counted by both halves of a membership that is changing', () => {
    const changing = membership({ voters: ['a', 'b', 'c'], votersOutgoing: ['a', 'd', 'e'] });
    const core = new LoneCore(restored({ membership: changing }));
    core.campaign();
    core.step(from.voteResponse({ from: 'b' }), from.voteResponse({ from: 'c' }));
    expect(core.status.role).toBe('candidate');
    core.step(from.voteResponse({ from: 'd' }));
    expect(core.status.role).toBe('leader');
  });

  test('trap 23: after a restart the membership is the one of snapshot and log', () => {
    const core = new LoneCore();
    const change = membershipEntry(1, 1, membership({ voters: ['a', 'b', 'd'] }));
    core.step(from.append({ entries: [change, entry(2, 1)], commitIndex: 2 }));
    core.member.takeSnapshot(0);
    core.step(from.append({ prevLogIndex: 2, prevLogTerm: 1, entries: [entry(3, 1)], commitIndex: 3 }));
    core.restart();
    expect(core.status.membership.voters).toEqual(['a', 'b', 'd']);
    const next = membershipEntry(4, 1, membership({ voters: ['a', 'd'] }));
    core.step(from.append({ prevLogIndex: 3, prevLogTerm: 1, entries: [next, entry(5, 1)], commitIndex: 4 }));
    core.step(from.append({ prevLogIndex: 5, prevLogTerm: 1, entries: [entry(6, 1)], commitIndex: 6 }));
    core.restart();
    // Not snapshot: the change is found in the log again, as soon as it is applied again.
    expect([core.status.membership.voters, core.core.membershipAt(3).voters]).toEqual([
      ['a', 'd'],
      ['a', 'b', 'd'],
    ]);
  });
});

describe('reads', () => {
  test('trap 24: no read is confirmed before the leader committed in its term', () => {
    const core = new LoneCore(restored({ terms: [1, 1], commitIndex: 1 }));
    core.lead();
    core.read(7);
    core.tick(2);
    for (const id of core.peers) core.step(from.heartbeatAnswer({ from: id, term: 2, readRound: 0 }));
    expect([core.reads, core.take('heartbeat-request').map(({ readRound }) => readRound)]).toEqual([[], [0, 0]]);
    core.step(from.accepted(3, { term: 2 }));
    core.step(from.heartbeatAnswer({ term: 2, readRound: 1 }));
    // Entry 2 was committed by an earlier leader, which this one could not know: its read index is past it.
    expect(core.reads).toEqual([{ context: 7, index: 3 }]);
  });

  test('trap 25: an answer meant for the process before the restart confirms nothing', () => {
    let draw = 0;
    const core = new LoneCore(restored(), { randomInteger: (bound) => (bound === 2 ** 31 ? ++draw : 0) });
    core.step(from.append());
    core.take();
    core.read(1);
    const { context } = core.only('read-index-request');
    core.restart();
    core.step(from.append());
    core.read(1);
    core.step({ type: 'read-index-response', from: 'b', to: 'a', term: 1, context, index: 0 });
    expect(core.reads).toEqual([]);
  });

  test('trap 25: a read that was asked of one leader is not answered under the next', () => {
    const core = new LoneCore();
    core.step(from.append({ term: 1 }));
    core.take();
    core.read(1);
    const { context } = core.only('read-index-request');
    core.step(from.append({ from: 'c', term: 2 }));
    expect(core.reads).toEqual([{ context: 1, index: null }]);
    core.step({ type: 'read-index-response', from: 'c', to: 'a', term: 2, context, index: 0 });
    expect(core.reads).toHaveLength(1);
  });

  test('trap 26: no read survives the handing over of leadership', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.read(1);
    core.transferTo('b');
    expect(core.reads).toEqual([{ context: 1, index: null }]);
    core.step(from.heartbeatAnswer({ readRound: 1 }), from.heartbeatAnswer({ from: 'c', readRound: 1 }));
    core.read(2);
    expect(core.reads).toEqual([
      { context: 1, index: null },
      { context: 2, index: null },
    ]);
  });

  test('trap 30: a member that starts answers no read before it knows what was committed', () => {
    // Three entries were acknowledged; the commit index is stored lazily, and was not.
    const core = alone({ terms: [1, 1, 1], commitIndex: 0 });
    core.read(1);
    expect(core.reads).toEqual([{ context: 1, index: null }]);
    core.member.writesAtOnce = false;
    core.timeOut();
    core.member.completeWrite();
    core.read(2);
    core.tick(4);
    expect(core.reads).toHaveLength(1);
    core.member.completeWrite();
    expect(core.reads.at(-1)).toEqual({ context: 2, index: 4 });
  });
});

describe('disk', () => {
  test('trap 31: a leader whose disk hangs steps down although everybody answers', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.member.writesAtOnce = false;
    core.core.propose([bytes('x')]);
    core.member.pump();
    for (let ticks = 0; ticks < 39; ticks++) {
      core.tick();
      core.step(from.heartbeatAnswer(), from.heartbeatAnswer({ from: 'c' }));
    }
    expect(core.status.role).toBe('leader');
    core.tick();
    expect(core.status.role).toBe('follower');
    // And it does not come back while its disk does not.
    core.tick(100);
    expect([core.status.role, core.status.term]).toEqual(['follower', 1]);
    core.member.completeWrite();
    core.timeOut();
    expect(core.status.role).toBe('pre-candidate');
  });
});
