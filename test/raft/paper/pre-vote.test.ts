import { describe, expect, test } from 'vitest';
import { Cluster } from '../harness/cluster.ts';
import { from, membership, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

describe('pre-vote (dissertation, section 9.6)', () => {
  test('asking changes neither term nor vote, and nothing is written', () => {
    const core = new LoneCore(restored({ term: 4, votedFor: 'c' }));
    core.timeOut();
    expect(core.status).toMatchObject({ role: 'pre-candidate', term: 4, votedFor: 'c' });
    expect(core.writes).toEqual([]);
  });

  test('granting promises nothing: the same is granted to another', () => {
    const core = new LoneCore(restored({ term: 4, votedFor: 'c' }));
    core.step(from.preVoteRequest({ term: 5 }), from.preVoteRequest({ from: 'c', term: 5 }));
    expect(core.take('pre-vote-response').map(({ to, granted, term }) => [to, granted, term])).toEqual([
      ['b', true, 5],
      ['c', true, 5],
    ]);
    expect(core.status).toMatchObject({ term: 4, votedFor: 'c' });
    expect(core.writes).toEqual([]);
  });

  test('it is granted by the same rule about logs as a vote', () => {
    const core = new LoneCore(restored({ terms: [1, 3] }));
    core.step(from.preVoteRequest({ term: 9, lastLogIndex: 5, lastLogTerm: 2 }));
    expect(core.only('pre-vote-response')).toMatchObject({ granted: false, term: 3 });
  });

  test('a refusal tells the later term, which is then taken on', () => {
    const core = new LoneCore(restored({ term: 2 }));
    core.timeOut();
    core.step(from.preVoteResponse({ granted: false, term: 6 }));
    expect(core.status).toMatchObject({ role: 'follower', term: 6 });
  });

  test('a member that is one term behind is asked in the term that others are in, and helped if they are free', () => {
    const free = new LoneCore(restored({ term: 5 }));
    free.step(from.preVoteRequest({ term: 5 }));
    expect(free.only('pre-vote-response').granted).toBe(true);
    const taken = new LoneCore(restored({ term: 5, votedFor: 'c' }));
    taken.step(from.preVoteRequest({ term: 5 }));
    expect(taken.only('pre-vote-response')).toMatchObject({ granted: false, term: 5 });
  });

  test('a leader that is heard again ends it', () => {
    const core = new LoneCore();
    core.timeOut();
    core.step(from.heartbeat());
    core.step(from.preVoteResponse(), from.preVoteResponse({ from: 'c' }));
    expect(core.status).toMatchObject({ role: 'follower', term: 1, leaderId: 'b' });
  });

  test('refused by a majority it ends, and is tried again after another timeout', () => {
    const core = new LoneCore();
    core.timeOut();
    core.step(from.preVoteResponse({ granted: false, term: 0 }));
    const refusal = { granted: false, term: 1 };
    core.step(from.preVoteResponse(refusal));
    expect(core.status).toMatchObject({ role: 'follower', term: 1 });
    core.timeOut();
    core.step(from.preVoteResponse(refusal), from.preVoteResponse({ from: 'c', ...refusal }));
    expect(core.status.role).toBe('follower');
    core.timeOut();
    expect(core.status.role).toBe('pre-candidate');
  });

  test('a member whose log is behind does not keep the others from electing', () => {
    const cluster = new Cluster();
    cluster.elect('a');
    cluster.isolate('c');
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.crash('a');
    cluster.healAll();
    // c is always first to ask, and always refused.
    cluster.extraElectionTicks.set('c', 0);
    cluster.passUntil(() => cluster.leaderId === 'b');
    cluster.pass(3);
    expect(cluster.member('c').commands).toEqual(['x']);
  });
});

describe('CheckQuorum (dissertation, section 6.2)', () => {
  test('a leader says how long ago a quorum answered', () => {
    const core = new LoneCore();
    core.lead();
    core.tick(3);
    expect(core.status.quorumContactAgeTicks).toBe(3);
    core.step(from.heartbeatAnswer());
    core.tick(2);
    expect(core.status.quorumContactAgeTicks).toBe(2);
    expect(core.status.progress.map(({ id, recentlyActive }) => [id, recentlyActive])).toEqual([
      ['b', true],
      ['c', false],
    ]);
    core.step(from.heartbeatAnswer({ from: 'c' }));
    expect(core.status.quorumContactAgeTicks).toBe(0);
  });

  test('whoever does not lead says nothing about it', () => {
    expect(new LoneCore().status).toMatchObject({ quorumContactAgeTicks: null, termOpened: false, progress: [] });
  });

  test('answers of learners keep no leader in office', () => {
    const core = new LoneCore(restored({ membership: membership({ voters: ['a', 'b'], learners: ['c'] }) }));
    core.timeOut();
    core.step(from.preVoteResponse(), from.voteResponse());
    for (let i = 0; i < 10; i++) {
      core.tick();
      core.step(from.heartbeatAnswer({ from: 'c' }));
    }
    expect(core.status.role).toBe('follower');
  });

  test('each half of a changing membership has to answer', () => {
    const changing = membership({ voters: ['a', 'b'], votersOutgoing: ['c', 'd'] });
    const core = new LoneCore(restored({ membership: changing }));
    core.lead();
    for (let i = 0; i < 10; i++) {
      core.tick();
      core.step(from.heartbeatAnswer({ from: 'b' }), from.heartbeatAnswer({ from: 'c' }));
    }
    expect(core.status.role).toBe('follower');
  });

  test('a leader that can speak and cannot hear gives way to one that can', () => {
    const cluster = new Cluster();
    cluster.elect('a');
    cluster.extraElectionTicks.set('c', 9);
    cluster.cut('b', 'a');
    cluster.cut('c', 'a');
    cluster.passUntil(() => cluster.leaderId !== 'a' && cluster.leaderId !== null);
    expect(cluster.propose(cluster.leaderId ?? '', 'x')).toBe(true);
    cluster.pass(4);
    expect(cluster.member('b').commands).toEqual(['x']);
  });

  test('a member that went ahead in its term is won back', () => {
    const cluster = new Cluster();
    cluster.elect('a');
    // Its campaign began before the leader was heard, so its term is later than the leader's.
    const ahead = cluster.member('c');
    ahead.disk.begin({ id: 99, hardState: { term: 7, votedFor: 'c', commitIndex: 0 }, entries: [], snapshot: null });
    ahead.disk.complete();
    cluster.crash('c');
    cluster.restart('c');
    cluster.passUntil(() => cluster.leaderId !== null && cluster.status('c').leaderId === cluster.leaderId);
    expect(cluster.status('c').term).toBeGreaterThanOrEqual(7);
    expect(new Set(cluster.up.map(({ core }) => core.status().term)).size).toBe(1);
  });
});

describe('what a member vouches for', () => {
  test('it witnessed a leader whose term was open, for a while', () => {
    const core = new LoneCore();
    core.step(from.append({ entries: [], commitIndex: 0 }));
    expect(core.status.vouches).toBe(false);
    core.step(
      from.append({
        entries: [{ ...from.append(), index: 1, term: 1, kind: 'term-opening', data: new Uint8Array() }],
        commitIndex: 1,
      }),
    );
    expect(core.status.vouches).toBe(true);
    core.tick(100);
    expect(core.status.vouches).toBe(true);
    core.tick(1);
    expect(core.status.vouches).toBe(false);
  });

  test('a new leader learns it from those that elected it, and from nobody else', () => {
    const opening = (granted: boolean, vouches: boolean) => {
      const openings: boolean[] = [];
      const core = new LoneCore(restored({ voters: ['a', 'b', 'c', 'd', 'e'] }), {
        openTerm: ({ vouched }) => {
          openings.push(vouched);
          return new Uint8Array();
        },
      });
      core.campaign();
      core.step(from.voteResponse({ granted, vouches }));
      core.step(from.voteResponse({ from: 'c' }), from.voteResponse({ from: 'd' }), from.voteResponse({ from: 'e' }));
      return openings;
    };
    expect(opening(true, true)).toEqual([true]);
    expect(opening(true, false)).toEqual([false]);
    expect(opening(false, true)).toEqual([false]);
  });
});
