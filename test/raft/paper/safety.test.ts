import { describe, expect, test } from 'vitest';
import { Cluster } from '../harness/cluster.ts';
import { from, restored } from '../harness/fixtures.ts';
import { InvariantChecker } from '../harness/invariants.ts';
import { LoneCore } from '../harness/lone-core.ts';

describe('the election restriction (paper, section 5.4.1)', () => {
  test.each([
    ['the same log', [1, 1], 2, 1, true],
    ['a longer log of the same term', [1, 1], 3, 1, true],
    ['a shorter log of the same term', [1, 1], 1, 1, false],
    ['a shorter log of a later term', [1, 1], 1, 2, true],
    ['a longer log of an earlier term', [1, 2], 9, 1, false],
    ['an empty log, where nothing is held', [], 0, 0, true],
  ] as const)('a candidate with %s', (_, terms, lastLogIndex, lastLogTerm, granted) => {
    const core = new LoneCore(restored({ terms }));
    core.step(from.voteRequest({ term: 5, lastLogIndex, lastLogTerm }));
    expect(core.only('vote-response').granted).toBe(granted);
    expect(core.status.votedFor).toBe(granted ? 'b' : null);
  });

  test('counts what is in the log, whether or not it is on disk yet', () => {
    const core = new LoneCore();
    core.member.writesAtOnce = false;
    core.step(from.append({ entries: [{ index: 1, term: 1, kind: 'command', data: new Uint8Array() }] }));
    core.step(from.voteRequest({ from: 'c', term: 2, transfer: true }));
    while (core.disk.underWay !== null) core.member.completeWrite();
    expect(core.only('vote-response').granted).toBe(false);
  });
});

describe('committing entries of earlier terms (paper, section 5.4.2)', () => {
  /**
   * Figure 8 up to (c): a and b hold entry 2 of term 2, e another one of term 3. a leads again, in term 4, and brings its
   * old entry to c, one entry an append. Its own opening entry is still in flight.
   */
  function figure8c() {
    const checker = new InvariantChecker();
    const cluster = new Cluster({
      ids: ['a', 'b', 'c', 'd', 'e'],
      terms: { a: [1, 2], b: [1, 2], c: [1], d: [1], e: [1, 3] },
      config: { maxBytesPerAppend: 1 },
      observer: checker,
    });
    // The term that a was in when it crashed; e has been in the next one since.
    cluster.member('a').step(from.heartbeatAnswer({ term: 3 }));
    cluster.electBy('a', ['b', 'c', 'd']);
    expect(cluster.status('a')).toMatchObject({ role: 'leader', term: 4 });
    cluster.deliver('a', 'c');
    cluster.deliver('c', 'a');
    cluster.deliver('a', 'c', 1);
    cluster.deliver('c', 'a');
    cluster.inFlight = cluster.inFlight.filter(({ from: sender, to }) => sender === 'a' && to !== 'e');
    checker.check(cluster);
    return { cluster, checker };
  }

  /** e was away; its next campaign is for term 5. */
  function learnTerm4(cluster: Cluster): void {
    cluster.member('e').step(from.heartbeatAnswer({ to: 'e', term: 4 }));
  }

  test('figure 8 (d): an entry on a majority of disks is not committed, and may still be replaced', () => {
    const { cluster, checker } = figure8c();
    const holders = cluster.up.filter(({ disk }) => disk.termAt(2) === 2).map(({ id }) => id);
    expect([holders, cluster.status('a').commitIndex]).toEqual([['a', 'b', 'c'], 1]);
    cluster.crash('a');
    learnTerm4(cluster);
    cluster.electBy('e', ['b', 'c', 'd']);
    cluster.settle();
    cluster.restart('a');
    cluster.pass(5);
    checker.check(cluster);
    for (const { core } of cluster.up) expect([core.termAt(2), core.status().commitIndex]).toEqual([3, 3]);
  });

  test('figure 8 (e): once an entry of its own term followed to a majority, both stay', () => {
    const { cluster, checker } = figure8c();
    cluster.isolate('d');
    cluster.isolate('e');
    cluster.settle();
    checker.check(cluster);
    expect(cluster.status('a').commitIndex).toBe(3);
    cluster.crash('a');
    cluster.healAll();
    learnTerm4(cluster);
    expect(() => cluster.electBy('e', ['b', 'c', 'd'])).toThrow('e was not elected');
    cluster.restart('a');
    cluster.extraElectionTicks.set('b', 0);
    cluster.passUntil(() => cluster.leaderId !== null);
    cluster.pass(5);
    checker.check(cluster);
    for (const { core } of cluster.up) expect([core.termAt(2), core.termAt(3)]).toEqual([2, 4]);
  });

  test('figure 8, at its leader: old entries on every disk stay uncommitted until one of its own term is on a majority', () => {
    const core = new LoneCore(restored({ voters: ['a', 'b', 'c', 'd', 'e'], terms: [1, 2], term: 3, commitIndex: 1 }));
    core.lead();
    for (const id of ['b', 'c', 'd', 'e']) core.step(from.accepted(2, { from: id, term: 4 }));
    expect(core.status).toMatchObject({ commitIndex: 1, termOpened: false });
    core.step(from.accepted(3, { from: 'b', term: 4 }));
    expect(core.status.commitIndex).toBe(1);
    core.step(from.accepted(3, { from: 'c', term: 4 }));
    expect(core.status).toMatchObject({ commitIndex: 3, termOpened: true });
  });
});
