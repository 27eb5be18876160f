import { describe, expect, test } from 'vitest';
import { Cluster } from '../harness/cluster.ts';
import { entry, from, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

describe('leader election (paper, section 5.2)', () => {
  test('a member starts as a follower and stays one while it hears a leader', () => {
    const core = new LoneCore();
    expect(core.status).toMatchObject({ role: 'follower', leaderId: null, term: 0, leaderContactAgeTicks: null });
    for (let i = 0; i < 20; i++) {
      core.tick(9);
      core.step(i % 2 === 0 ? from.heartbeat() : from.append());
    }
    expect(core.status).toMatchObject({ role: 'follower', leaderId: 'b', term: 1, leaderContactAgeTicks: 0 });
  });

  test('an election timeout no longer than a heartbeat makes no sense, and is refused', () => {
    expect(() => new LoneCore(restored(), { electionTicks: 2, heartbeatTicks: 2 })).toThrow('must be greater');
  });

  test('a member that hears nobody for an election timeout begins an election', () => {
    const core = new LoneCore();
    core.tick(9);
    expect(core.status.role).toBe('follower');
    core.tick(1);
    expect(core.status.role).toBe('pre-candidate');
    core.step(from.preVoteResponse());
    expect(core.status).toMatchObject({ role: 'candidate', term: 1, votedFor: 'a', leaderId: null });
  });

  test('election timeouts are drawn at random from one to two times the shortest, anew for each election', () => {
    const draws = [3, 9, 0];
    const core = new LoneCore(restored(), { randomInteger: (bound) => (bound === 10 ? (draws.shift() ?? 0) : 0) });
    const ticksToAsk = () => {
      core.take();
      for (let ticks = 1; ; ticks++) {
        core.tick();
        if (core.take('pre-vote-request').length > 0) return ticks;
      }
    };
    expect([ticksToAsk(), ticksToAsk(), ticksToAsk()]).toEqual([13, 19, 10]);
  });

  test('it asks every voter but itself, with the end of its log', () => {
    const core = new LoneCore(restored({ terms: [1, 2] }));
    core.timeOut();
    expect(core.take('pre-vote-request')).toEqual(
      ['b', 'c'].map((to) => ({
        ...from.preVoteRequest({ from: 'a', to, term: 3, lastLogIndex: 2, lastLogTerm: 2 }),
      })),
    );
  });

  test.each([
    ['three', ['a', 'b', 'c'], 1],
    ['four', ['a', 'b', 'c', 'd'], 2],
    ['five', ['a', 'b', 'c', 'd', 'e'], 2],
  ])('of %s members a majority elects', (_, voters, needed) => {
    const core = new LoneCore(restored({ voters }));
    core.campaign();
    for (const id of core.peers.slice(0, needed)) {
      expect(core.status.role).toBe('candidate');
      core.step(from.voteResponse({ from: id }));
    }
    expect(core.status).toMatchObject({ role: 'leader', leaderId: 'a', leaderContactAgeTicks: 0 });
  });

  test('a vote counts once, however often it comes, and stays what it was first', () => {
    const core = new LoneCore(restored({ voters: ['a', 'b', 'c', 'd', 'e'] }));
    core.campaign();
    for (let i = 0; i < 5; i++) core.step(from.voteResponse());
    expect(core.status.role).toBe('candidate');
    core.step(from.voteResponse({ from: 'c', granted: false }), from.voteResponse({ from: 'c' }));
    expect(core.status.role).toBe('candidate');
  });

  test('votes of strangers count for nothing', () => {
    const core = new LoneCore();
    core.campaign();
    core.step(from.voteResponse({ from: 'x' }), from.voteResponse({ from: 'y' }));
    expect(core.status.role).toBe('candidate');
  });

  test('votes that come to somebody who does not campaign, or asked for pre-votes, mean nothing', () => {
    const core = new LoneCore();
    core.step(from.voteResponse({ term: 1 }));
    expect(core.status).toMatchObject({ role: 'follower', term: 1 });
    core.timeOut();
    core.step(from.voteResponse({ term: 1 }), from.voteResponse({ from: 'c', term: 1 }));
    expect(core.status.role).toBe('pre-candidate');
  });

  test('a member votes for one candidate a term, first come first served', () => {
    const core = new LoneCore();
    core.step(from.voteRequest({ term: 2 }), from.voteRequest({ from: 'c', term: 2 }));
    expect(core.take('vote-response').map(({ to, granted }) => [to, granted])).toEqual([
      ['b', true],
      ['c', false],
    ]);
    core.step(from.voteRequest({ from: 'c', term: 3 }));
    expect(core.only('vote-response')).toMatchObject({ to: 'c', granted: true, term: 3 });
  });

  test('giving a vote puts off the own campaign, refusing one does not', () => {
    const core = new LoneCore(restored({ terms: [1] }));
    core.tick(9);
    core.step(from.voteRequest({ term: 2, lastLogIndex: 1, lastLogTerm: 1 }));
    core.tick(9);
    expect(core.status.role).toBe('follower');
    core.step(from.voteRequest({ from: 'c', term: 2, lastLogIndex: 1, lastLogTerm: 1 }));
    core.tick(1);
    expect(core.status.role).toBe('pre-candidate');
  });

  test('a pre-candidate that votes for another gives its own campaign up', () => {
    const core = new LoneCore(restored({ term: 3 }));
    core.timeOut();
    core.step(from.voteRequest({ term: 3 }));
    expect(core.status).toMatchObject({ role: 'follower', votedFor: 'b' });
  });

  test('no vote is given in a term whose leader is known', () => {
    const core = new LoneCore();
    core.step(from.append({ term: 2 }));
    core.take();
    core.tick(9);
    core.step(from.voteRequest({ from: 'c', term: 2 }));
    expect(core.only('vote-response').granted).toBe(false);
  });

  test.each([
    ['an append', from.append({ term: 1 })],
    ['a heartbeat', from.heartbeat({ term: 1 })],
  ])('a candidate follows whoever shows by %s that it won the same term', (_, message) => {
    const core = new LoneCore();
    core.campaign();
    core.step(message);
    expect(core.status).toMatchObject({ role: 'follower', leaderId: 'b', term: 1, votedFor: 'a' });
  });

  test('a candidate whom a majority refuses is a follower again, with a new timeout', () => {
    const core = new LoneCore();
    core.campaign();
    core.tick(9);
    core.step(from.voteResponse({ granted: false }), from.voteResponse({ from: 'c', granted: false }));
    core.tick(9);
    expect(core.status.role).toBe('follower');
    core.tick(1);
    expect(core.status.role).toBe('pre-candidate');
  });

  test('a split vote ends with a new election in a new term', () => {
    const core = new LoneCore(restored({ voters: ['a', 'b', 'c', 'd'] }));
    core.campaign();
    core.step(from.voteResponse(), from.voteResponse({ from: 'c', granted: false }));
    core.tick(20);
    core.step(from.preVoteResponse({ term: 2 }), from.preVoteResponse({ from: 'c', term: 2 }));
    expect(core.status).toMatchObject({ role: 'candidate', term: 2 });
  });

  test.each([
    ['a refusal', from.voteResponse({ granted: false, term: 7 })],
    ['a refused pre-vote', from.preVoteResponse({ granted: false, term: 7 })],
    ['an acknowledgement', from.accepted(1, { term: 7 })],
    ['an answered heartbeat', from.heartbeatAnswer({ term: 7 })],
    ['a vote request', from.voteRequest({ term: 7, transfer: true, lastLogIndex: 9, lastLogTerm: 6 })],
    ['an append', from.append({ term: 7 })],
  ])('a leader that hears of a later term from %s steps down', (_, message) => {
    const core = new LoneCore();
    core.leadOpened();
    core.step(message);
    expect(core.status).toMatchObject({ role: 'follower', term: 7 });
  });

  test('two leaders in one term stop the member: a vote was lost or given twice', () => {
    const core = new LoneCore();
    core.step(from.append({ term: 2 }));
    expect(() => core.step(from.append({ from: 'c', term: 2 }))).toThrow('two leaders in term 2: b and c');
    const leader = new LoneCore();
    leader.leadOpened();
    expect(() => leader.step(from.heartbeat())).toThrow('two leaders in term 1: a and b');
  });

  test('whoever is behind is told of the present term, except by silence where nobody asked', () => {
    const core = new LoneCore(restored({ term: 5 }));
    core.step(
      from.append(),
      from.heartbeat(),
      from.voteRequest({ term: 2 }),
      from.preVoteRequest({ term: 2 }),
      { type: 'read-index-request', from: 'b', to: 'a', term: 2, context: 9 },
      from.accepted(1),
      { type: 'timeout-now', from: 'b', to: 'a', term: 4 },
    );
    expect(core.take().map((message) => [message.type, message.term])).toEqual([
      ['heartbeat-response', 5],
      ['heartbeat-response', 5],
      ['vote-response', 5],
      ['pre-vote-response', 5],
      ['read-index-response', 5],
    ]);
    expect(core.status).toMatchObject({ role: 'follower', term: 5 });
  });

  test('a learner neither campaigns nor is asked', () => {
    const { status } = new LoneCore(restored({ voters: ['b', 'c'] }));
    expect(status.membership.voters).toEqual(['b', 'c']);
    const core = new LoneCore(restored({ voters: ['b', 'c'] }));
    core.step(from.append());
    core.tick(100);
    expect(core.status).toMatchObject({ role: 'follower', leaderId: null, term: 1 });
  });

  test('three members elect one of them, and another one when it dies', () => {
    const cluster = new Cluster();
    cluster.extraElectionTicks.set('b', 0);
    cluster.passUntil(() => cluster.leaderId !== null);
    expect(cluster.leaderId).toBe('b');
    cluster.crash('b');
    cluster.extraElectionTicks.set('c', 0);
    cluster.passUntil(() => cluster.leaderId === 'c');
    cluster.restart('b');
    cluster.pass(3);
    expect(cluster.status('b')).toMatchObject({ role: 'follower', leaderId: 'c' });
  });

  test('equal timeouts split the vote until the draws differ', () => {
    const cluster = new Cluster();
    for (let i = 0; i < 15; i++) for (const id of ['a', 'b', 'c']) cluster.tick(id);
    expect(cluster.up.map(({ core }) => core.status().role)).toEqual(Array(3).fill('pre-candidate'));
    cluster.extraElectionTicks.set('a', 9);
    cluster.extraElectionTicks.set('b', 4);
    cluster.passUntil(() => cluster.leaderId !== null);
    expect(cluster.up.filter(({ core }) => core.status().role === 'leader')).toHaveLength(1);
  });

  test('a leader beats regularly while it has nothing else to say', () => {
    const core = new LoneCore();
    core.leadOpened();
    const beats: number[] = [];
    for (let tick = 0; tick < 8; tick++) {
      core.tick();
      beats.push(core.take('heartbeat-request').length);
      core.step(from.heartbeatAnswer());
    }
    expect(beats).toEqual([0, 2, 0, 2, 0, 2, 0, 2]);
  });

  test('a member that has restarted asks with the log it has, not the one it was sent', () => {
    const core = new LoneCore();
    core.member.writesAtOnce = false;
    core.step(from.append({ entries: [entry(1, 1)] }));
    core.restart();
    expect(core.status).toMatchObject({ lastIndex: 0, term: 0 });
  });
});
