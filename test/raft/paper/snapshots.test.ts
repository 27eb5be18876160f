import { describe, expect, test } from 'vitest';
import { Cluster } from '../harness/cluster.ts';
import { entriesOf, entry, from, membership, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

const voters = membership({ voters: ['a', 'b', 'c'] });
const received = (index: number, term: number, messageTerm = term) =>
  ({
    type: 'snapshot-received',
    from: 'b',
    to: 'a',
    term: messageTerm,
    snapshot: { index, term, membership: voters },
  }) as const;

describe('taking a snapshot (paper, section 7)', () => {
  const withFive = () => {
    const core = new LoneCore();
    core.step(from.append({ entries: entriesOf([1, 1, 1, 1, 1]), commitIndex: 4 }));
    return core;
  };

  test('the log forgets what it holds, but a tail for members that lag a little', () => {
    const core = withFive();
    core.member.takeSnapshot(2);
    expect(core.status).toMatchObject({ snapshotIndex: 4, logStart: { index: 2, term: 1 }, lastIndex: 5 });
    expect([core.core.termAt(2), core.core.termAt(1)]).toEqual([1, null]);
  });

  test('an older one than what is there already changes nothing', () => {
    const core = withFive();
    core.member.takeSnapshot();
    core.core.compact({ index: 3, term: 1, membership: voters }, 3);
    expect(core.status).toMatchObject({ snapshotIndex: 4, logStart: { index: 4 } });
  });

  test.each([
    ['of what is not applied', { index: 5, term: 1 }, 5, 'snapshot 5 was taken before it was applied'],
    ['of another term than the log', { index: 4, term: 2 }, 4, 'snapshot 4 has another term than the log'],
    ['that does not hold what is forgotten', { index: 3, term: 1 }, 4, 'entries up to 4 are not in snapshot 3'],
  ])('one %s stops the member', (_, place, keepAfterIndex, message) => {
    expect(() => withFive().core.compact({ ...place, membership: voters }, keepAfterIndex)).toThrow(message);
  });

  test('applying what was not handed out stops the member', () => {
    expect(() => withFive().core.applied(5)).toThrow('index 5 was applied, but 5..4 are to be applied');
    expect(() => withFive().core.applied(3)).toThrow('index 3 was applied');
  });

  test('a member starts from it, and applies only what comes after', () => {
    const core = withFive();
    core.member.takeSnapshot(2);
    core.restart();
    expect(core.status).toMatchObject({ commitIndex: 4, appliedIndex: 4, snapshotIndex: 4 });
    core.step(from.append({ prevLogIndex: 5, prevLogTerm: 1, commitIndex: 5 }));
    expect(core.applied.map(({ index }) => index)).toEqual([5]);
  });
});

describe('sending a snapshot (paper, section 7)', () => {
  /** A leader whose log begins behind 5; b needs what was before. */
  const compacted = () => {
    const core = new LoneCore(restored({ snapshot: { index: 5, term: 1 }, terms: [1], commitIndex: 6 }));
    core.lead();
    return core;
  };

  test('a peer that needs what was forgotten gets one, and nothing else meanwhile', () => {
    const core = compacted();
    core.step(from.refused(6, 2, 1, { term: 2 }));
    expect(core.snapshotsWanted).toEqual(['b']);
    expect(core.status.progress[0]).toMatchObject({ mode: 'snapshot' });
    core.take();
    core.propose('x');
    core.step(from.heartbeatAnswer({ term: 2 }));
    expect(core.take('append-request').map(({ to }) => to)).not.toContain('b');
    expect(core.snapshotsWanted).toEqual(['b']);
  });

  test('the wish for one is something to do', () => {
    const { core } = compacted();
    core.step(from.refused(6, 2, 1, { term: 2 }));
    expect(core.hasReady()).toBe(true);
    expect(core.takeReady().snapshotsWanted).toEqual(['b']);
    expect(core.hasReady()).toBe(false);
  });

  test('a peer that never answered is not sent one; its first answer brings it on the way', () => {
    const core = new LoneCore(restored({ terms: [1] }));
    core.lead();
    core.acknowledge(['c']);
    core.propose('x', 'y');
    core.acknowledge(['c']);
    core.member.takeSnapshot();
    core.tick(2);
    expect(core.snapshotsWanted).toEqual([]);
    core.step(from.heartbeatAnswer({ term: 2 }));
    expect(core.snapshotsWanted).toEqual(['b']);
  });

  test('when it has arrived, the log goes on behind it', () => {
    const core = compacted();
    core.step(from.refused(6, 2, 1, { term: 2 }));
    core.core.snapshotFinished('b', 'completed', 5);
    core.take();
    core.step(from.accepted(5, { term: 2 }));
    expect(core.only('append-request', 'b')).toMatchObject({ prevLogIndex: 5, entries: [{ index: 6 }, { index: 7 }] });
  });

  test('when it failed, the peer is asked where it stands, at the end of the log, once it shows that it lives', () => {
    const core = compacted();
    core.step(from.refused(6, 2, 1, { term: 2 }));
    core.core.snapshotFinished('b', 'failed', 5);
    core.core.snapshotFinished('x', 'failed', 5);
    core.member.pump();
    core.take();
    core.step(from.heartbeatAnswer({ term: 2 }));
    expect([core.snapshotsWanted, core.only('append-request', 'b').prevLogIndex]).toEqual([['b'], 7]);
    // Still in need: the next one is asked for. Level by now: the log goes on.
    core.step(from.refused(7, 2, 1, { term: 2 }));
    expect(core.snapshotsWanted).toEqual(['b', 'b']);
    core.core.snapshotFinished('b', 'failed', 5);
    core.step(from.heartbeatAnswer({ term: 2 }), from.refused(7, 5, 1, { term: 2 }));
    expect([core.snapshotsWanted.length, core.status.progress[0]?.mode]).toEqual([2, 'probe']);
  });
});

describe('receiving a snapshot (paper, section 7)', () => {
  test('it takes the place of a log that lacks its last entry', () => {
    const core = new LoneCore(restored({ terms: [1, 1, 1], commitIndex: 1 }));
    core.step(received(3, 2));
    expect(core.status).toMatchObject({
      lastIndex: 3,
      commitIndex: 3,
      appliedIndex: 3,
      logStart: { index: 3, term: 2 },
    });
    expect(core.restoredSnapshots.map(({ index }) => index)).toEqual([3]);
    expect(core.only('append-response')).toMatchObject({ accepted: true, index: 3, term: 2 });
  });

  test('it only shows what is committed to a log that has its last entry, and the rest of that stays', () => {
    const core = new LoneCore(restored({ terms: [1, 1, 1], commitIndex: 1 }));
    core.step(received(2, 1));
    expect(core.status).toMatchObject({ lastIndex: 3, commitIndex: 2, logStart: { index: 0 }, snapshotIndex: 0 });
    expect([core.restoredSnapshots, core.applied.map(({ index }) => index)]).toEqual([[], [1, 2]]);
    expect(core.only('append-response')).toMatchObject({ accepted: true, index: 2 });
  });

  test('it is acknowledged when it is on disk', () => {
    const core = new LoneCore();
    core.step(from.append());
    core.take();
    core.member.writesAtOnce = false;
    core.step(received(5, 1));
    expect([core.take(), core.restoredSnapshots]).toEqual([[], []]);
    core.member.completeWrite();
    expect([core.only('append-response').index, core.restoredSnapshots.length]).toEqual([5, 1]);
  });

  test('one at a time: another that comes while the first is restored is left for the leader to send again', () => {
    const core = new LoneCore();
    core.member.appliesAtOnce = false;
    core.step(received(5, 1));
    core.take();
    core.step(received(9, 1));
    expect([core.status.lastIndex, core.take('append-response')]).toEqual([5, []]);
    core.member.applyHandedOut();
    core.step(received(9, 1));
    expect([core.status.lastIndex, core.only('append-response').index]).toEqual([9, 9]);
  });

  test('nobody campaigns while one is being restored', () => {
    const core = new LoneCore();
    core.member.appliesAtOnce = false;
    core.step(received(5, 1));
    core.tick(50);
    expect(core.status.role).toBe('follower');
    core.member.applyHandedOut();
    core.timeOut();
    expect(core.status.role).toBe('pre-candidate');
  });

  test('a write that was under way before it ends without making it durable', () => {
    const core = new LoneCore();
    core.member.writesAtOnce = false;
    core.step(from.append({ entries: [entry(1, 1)] }));
    core.step(received(5, 1));
    core.member.completeWrite();
    expect([core.status.stableIndex, core.restoredSnapshots]).toEqual([0, []]);
    core.member.completeWrite();
    expect([core.status.stableIndex, core.restoredSnapshots.length]).toEqual([5, 1]);
  });

  test('a member that was down while the log was compacted comes back by one', () => {
    const cluster = new Cluster();
    cluster.elect('a');
    cluster.pass(2);
    cluster.crash('c');
    cluster.propose('a', '1', '2', '3');
    cluster.pass(4);
    cluster.takeSnapshot('a');
    cluster.propose('a', '4');
    cluster.restart('c');
    cluster.passUntil(() => cluster.member('c').commands.length === 4);
    expect(cluster.member('c').commands).toEqual(['1', '2', '3', '4']);
    expect(cluster.status('c')).toMatchObject({ snapshotIndex: 4, leaderId: 'a' });
  });
});
