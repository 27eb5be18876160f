import { describe, expect, test } from 'vitest';
import { encodeMembership } from '../../../src/raft/membership.ts';
import type { Entry, Membership } from '../../../src/raft/types.ts';
import { Cluster } from '../harness/cluster.ts';
import { from, membership, restored } from '../harness/fixtures.ts';
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
