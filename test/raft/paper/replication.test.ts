import { describe, expect, test } from 'vitest';
import { entriesOf, entry, from, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

const indexes = (entries: readonly { readonly index: number }[]) => entries.map(({ index }) => index);

describe("the leader's side of log replication (paper, section 5.3)", () => {
  test('its first entry opens its term, and goes to everybody while it is being written here', () => {
    const core = new LoneCore(restored({ terms: [1], commitIndex: 1 }));
    core.campaign();
    core.member.writesAtOnce = false;
    core.take();
    core.step(from.voteResponse({ term: 2 }));
    expect(core.take('append-request')).toEqual(
      ['b', 'c'].map((to) =>
        from.append({
          from: 'a',
          to,
          term: 2,
          prevLogIndex: 1,
          prevLogTerm: 1,
          commitIndex: 1,
          entries: [entry(2, 2, 'open 2 cold', 'term-opening')],
        }),
      ),
    );
    expect(core.writes.at(-1)).toMatchObject({ entries: [{ index: 2 }] });
  });

  test('only a leader takes proposals', () => {
    const core = new LoneCore();
    expect(core.propose('x')).toEqual({ ok: false, reason: 'not-leader' });
    core.leadOpened();
    expect(core.propose('x', 'y')).toEqual({ ok: true, firstIndex: 2, term: 1 });
    expect(core.propose('z')).toEqual({ ok: true, firstIndex: 4, term: 1 });
  });

  test('what a majority has on disk is committed, applied, and told to all', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.propose('x');
    core.take();
    core.step(from.accepted(2));
    expect(core.applied.map(({ index }) => index)).toEqual([1, 2]);
    expect(core.take('append-request').map(({ to, commitIndex, entries }) => [to, commitIndex, entries])).toEqual([
      ['b', 2, []],
      ['c', 2, []],
    ]);
  });

  test('a majority without the leader commits too, and it applies when it has it on disk itself', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.member.writesAtOnce = false;
    core.propose('x');
    core.step(from.accepted(2));
    expect(core.status).toMatchObject({ commitIndex: 1 });
    core.step(from.accepted(2, { from: 'c' }));
    expect(core.status).toMatchObject({ commitIndex: 2, stableIndex: 1, appliedIndex: 1 });
    core.member.completeWrite();
    expect(core.status.appliedIndex).toBe(2);
  });

  test('one write is under way, and what comes meanwhile is the next', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.member.writesAtOnce = false;
    const before = core.writes.length;
    for (const command of ['1', '2', '3']) core.propose(command);
    core.member.completeWrite();
    expect(core.writes.slice(before).map(({ entries }) => indexes(entries))).toEqual([[2], [3, 4]]);
  });

  test('appends are cut at their size in bytes, and one larger entry goes alone', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.propose('x'.repeat(60), 'x'.repeat(40), 'x'.repeat(300), 'x');
    const appends = core.take('append-request').filter(({ to }) => to === 'b');
    expect(appends.map(({ entries }) => indexes(entries))).toEqual([[2, 3], [4], [5]]);
    expect(appends.map(({ prevLogIndex }) => prevLogIndex)).toEqual([1, 3, 4]);
  });

  test('committed entries are handed out in pieces of a limited size', () => {
    const entries = [1, 2, 3, 4].map((index) => entry(index, 1, 'x'.repeat(index === 3 ? 300 : 50)));
    const { core } = new LoneCore(restored({ entries, commitIndex: 4 }));
    const pieces = Array.from({ length: 4 }, () => indexes(core.takeReady().committedEntries));
    expect(pieces).toEqual([[1, 2], [3], [4], []]);
  });

  test('proposals are refused while too much is not committed, but never the first', () => {
    const core = new LoneCore();
    core.leadOpened();
    expect(core.propose('x'.repeat(5_000)).ok).toBe(true);
    expect(core.propose('y')).toEqual({ ok: false, reason: 'too-much-uncommitted' });
    core.acknowledge(['b']);
    expect(core.propose('y').ok).toBe(true);
  });

  test('what an earlier leader left uncommitted counts as well', () => {
    const core = new LoneCore(restored({ entries: [entry(1, 1, 'x'.repeat(1_999))] }));
    core.lead();
    expect(core.propose('yy').ok).toBe(false);
  });

  test('a refused append is followed by one that starts where the hint says', () => {
    const core = new LoneCore(restored({ terms: [1, 1, 4, 4, 5, 5, 6, 6, 6], term: 7 }));
    core.lead();
    core.step(from.refused(9, 9, 3, { term: 8 }));
    const append = core.only('append-request', 'b');
    expect(append).toMatchObject({ prevLogIndex: 2, prevLogTerm: 1 });
  });

  test('answers for an index past the end, of strangers, and of another term change nothing', () => {
    const core = new LoneCore();
    core.leadOpened();
    const before = core.status;
    core.step(
      from.accepted(99),
      from.accepted(1, { from: 'x' }),
      from.heartbeatAnswer({ from: 'x' }),
      from.heartbeatAnswer({ readRound: 5 }),
    );
    expect(core.status).toEqual(before);
    const follower = new LoneCore();
    follower.step(from.accepted(1), from.heartbeatAnswer());
    expect(follower.status).toMatchObject({ role: 'follower', term: 1 });
  });

  test('a peer that is unreachable is probed until it answers', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.propose('x');
    core.core.reportUnreachable('b');
    core.core.reportUnreachable('x');
    core.member.pump();
    expect(core.status.progress[0]).toMatchObject({ id: 'b', mode: 'probe', matchIndex: 1, nextIndex: 2 });
    core.take();
    core.propose('y');
    expect(core.take('append-request').filter(({ to }) => to === 'b')).toEqual([]);
    core.step(from.heartbeatAnswer());
    expect(core.only('append-request', 'b')).toMatchObject({ prevLogIndex: 1, entries: [{ index: 2 }, { index: 3 }] });
  });

  test('whoever does not lead has nothing to report to', () => {
    const core = new LoneCore();
    core.core.reportUnreachable('b');
    core.core.snapshotFinished('b', 'completed', 3);
    core.transferTo('b');
    expect([core.core.hasReady(), core.status.transferTarget]).toEqual([false, null]);
  });
});

describe("the follower's side of log replication (paper, section 5.3)", () => {
  test.each([
    ['after nothing', [], 0, 0, true],
    ['after an entry that matches', [1, 1], 2, 1, true],
    ['after an entry in the middle that matches', [1, 1], 1, 1, true],
    ['after an entry that is not there', [1, 1], 3, 1, false],
    ['after an entry of another term', [1, 1], 2, 2, false],
  ] as const)('an append %s', (_, terms, prevLogIndex, prevLogTerm, accepted) => {
    const core = new LoneCore(restored({ terms }));
    core.step(from.append({ term: 3, prevLogIndex, prevLogTerm, entries: [entry(prevLogIndex + 1, 3)] }));
    expect(core.only('append-response')).toMatchObject({ accepted, term: 3 });
    expect(core.status.lastIndex).toBe(accepted ? prevLogIndex + 1 : terms.length);
  });

  test('it acknowledges only what is on its disk', () => {
    const core = new LoneCore();
    core.step(from.append());
    core.member.writesAtOnce = false;
    core.take();
    core.step(from.append({ entries: entriesOf([1]) }));
    core.step(from.append({ prevLogIndex: 1, prevLogTerm: 1, entries: entriesOf([1, 1], 1) }));
    expect(core.take()).toEqual([]);
    core.member.completeWrite();
    expect(core.take('append-response').map(({ index }) => index)).toEqual([1]);
    core.member.completeWrite();
    expect(core.take('append-response').map(({ index }) => index)).toEqual([3]);
  });

  test('while its disk is busy it still answers heartbeats', () => {
    const core = new LoneCore();
    core.step(from.append());
    core.member.writesAtOnce = false;
    core.take();
    core.step(from.append({ entries: entriesOf([1]) }), from.heartbeat());
    expect(core.take().map(({ type }) => type)).toEqual(['heartbeat-response']);
  });

  test('it applies what is committed and on its disk, in order and once', () => {
    const core = new LoneCore();
    core.member.writesAtOnce = false;
    core.step(from.append({ entries: entriesOf([1, 1]), commitIndex: 2 }));
    expect([core.status.commitIndex, core.applied]).toEqual([2, []]);
    core.member.completeWrite();
    core.step(from.heartbeat({ commitIndex: 2 }));
    while (core.disk.underWay !== null) core.member.completeWrite();
    expect(indexes(core.applied)).toEqual([1, 2]);
  });

  test('a heartbeat that names what it does not have is not believed', () => {
    const core = new LoneCore();
    core.step(from.heartbeat({ commitIndex: 5 }));
    expect(core.status).toMatchObject({ commitIndex: 0, leaderId: null });
    expect(core.take()).toEqual([]);
  });

  // Figure 7 of the paper: what a follower may hold when a leader of term 8 comes to power.
  const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  test.each([
    ['a: one entry is missing', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b: many entries are missing', [1, 1, 1, 4]],
    ['c: one entry is too many', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d: entries of a later term are too many', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e: entries are missing and others are too many', [1, 1, 1, 4, 4, 4, 4]],
    ['f: entries of two other terms are too many', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
    ['it is empty', []],
  ])('figure 7, %s: in the end it equals the leader', (_, followerTerms) => {
    const leader = new LoneCore(restored({ terms: leaderTerms, term: 7, voters: ['a', 'b', 'c'] }));
    leader.campaign();
    leader.step(from.voteResponse({ from: 'c', term: 8 }));
    const follower = new LoneCore(restored({ terms: followerTerms, term: 7 }));
    let exchanges = 0;
    for (let appends = leader.take('append-request'); appends.length > 0; appends = leader.take('append-request')) {
      for (const append of appends.filter(({ to }) => to === 'b')) {
        follower.step({ ...append, from: 'b', to: 'a' });
        for (const answer of follower.take('append-response')) leader.step({ ...answer, from: 'b', to: 'a' });
        exchanges++;
      }
    }
    const terms = Array.from({ length: 11 }, (__, i) => follower.core.termAt(i + 1));
    expect([terms, follower.status.lastIndex]).toEqual([[...leaderTerms, 8], 11]);
    expect(follower.status.commitIndex).toBe(11);
    // Whole terms are skipped at a time: probe, at most two hints, the entries, the commit index.
    expect(exchanges).toBeLessThanOrEqual(5);
  });
});
