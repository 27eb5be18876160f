import { describe, expect, test } from 'vitest';
import { encodeMembership } from '../../../src/raft/membership.ts';
import type { Membership } from '../../../src/raft/types.ts';
import { from, membership, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

/**
 * A leader of a, b and c whose term is open, and whose log holds a committed change of membership. It takes effect when
 * the leader applies it, which is the next thing to do.
 */
function leaderBeforeChange(to: Partial<Membership>): LoneCore {
  const data = encodeMembership(membership(to));
  const core = new LoneCore(restored({ entries: [{ index: 1, term: 1, kind: 'membership', data }] }));
  core.member.appliesAtOnce = false;
  core.lead();
  core.step(from.accepted(2, { term: 2 }), from.accepted(2, { from: 'c', term: 2 }));
  core.take();
  expect(core.status).toMatchObject({ termOpened: true, membership: { voters: ['a', 'b', 'c'] } });
  return core;
}

function change(core: LoneCore): void {
  core.member.applyHandedOut();
  core.member.appliesAtOnce = true;
  core.member.pump();
}

const followed = (core: LoneCore) => core.status.progress.map(({ id, learner }) => (learner ? `${id} learns` : id));

describe('a leader whose membership changes (dissertation, chapter 4)', () => {
  test('sends the log to whoever is new, and gives it time to answer', () => {
    const core = leaderBeforeChange({ voters: ['0', 'a', 'b', 'c', 'd'] });
    core.tick(8);
    core.step(from.heartbeatAnswer({ term: 2 }));
    change(core);
    expect(followed(core)).toEqual(['0', 'b', 'c', 'd']);
    const appends = core.take('append-request').filter(({ to }) => to === '0' || to === 'd');
    expect(appends.map(({ prevLogIndex }) => prevLogIndex)).toEqual([2, 2]);
    // c is long silent and b is not; a, b and the newcomers are a quorum that may still answer.
    core.tick(9);
    expect(core.status.role).toBe('leader');
    core.tick(1);
    expect(core.status.role).toBe('follower');
  });

  test('forgets whoever has left, and ignores what it still says', () => {
    const core = leaderBeforeChange({ voters: ['a', 'b'] });
    change(core);
    core.propose('x');
    expect(followed(core)).toEqual(['b']);
    expect(core.take('append-request').map(({ to }) => to)).toEqual(['b']);
    core.step(from.accepted(3, { from: 'c', term: 2 }), from.heartbeatAnswer({ from: 'c', term: 2 }));
    expect(core.status.commitIndex).toBe(2);
  });

  test('sends the log to a learner and does not count it', () => {
    const core = leaderBeforeChange({ voters: ['a', 'b'], learners: ['c', 'd'] });
    change(core);
    expect(followed(core)).toEqual(['b', 'c learns', 'd learns']);
    core.propose('x');
    core.step(from.accepted(3, { from: 'c', term: 2 }));
    expect(core.status.commitIndex).toBe(2);
    core.step(from.accepted(3, { term: 2 }));
    expect(core.status.commitIndex).toBe(3);
  });

  test('needs both halves while the change is joint', () => {
    const core = leaderBeforeChange({ voters: ['a', 'd', 'e'], votersOutgoing: ['a', 'b', 'c'] });
    change(core);
    core.propose('x');
    core.step(from.accepted(3, { term: 2 }), from.accepted(3, { from: 'c', term: 2 }));
    expect(core.status.commitIndex).toBe(2);
    core.step(from.accepted(3, { from: 'd', term: 2 }));
    expect(core.status.commitIndex).toBe(3);
  });

  test('trap 22: confirms reads anew', () => {
    const core = leaderBeforeChange({ voters: ['a'] });
    core.read(7);
    expect(core.reads).toEqual([]);
    change(core);
    expect(core.reads).toEqual([{ context: 7, index: 2 }]);
  });

  test('gives up the transfer to a successor that may not lead any more', () => {
    const core = leaderBeforeChange({ voters: ['a', 'b'], learners: ['c'] });
    core.transferTo('c');
    expect(core.status.transferTarget).toBe('c');
    change(core);
    expect(core.status.transferTarget).toBeNull();
    core.transferTo('b');
    expect(core.status.transferTarget).toBe('b');
  });

  test('keeps the transfer to one that still may', () => {
    const core = leaderBeforeChange({ voters: ['a', 'b'] });
    core.transferTo('b');
    change(core);
    expect(core.status.transferTarget).toBe('b');
  });

  test('steps down when it has no place in it, and fails its reads', () => {
    const core = leaderBeforeChange({ voters: ['b', 'c'] });
    core.read(7);
    change(core);
    expect(core.status).toMatchObject({ role: 'follower', term: 2, leaderId: null });
    expect(core.reads).toEqual([{ context: 7, index: null }]);
    core.tick(50);
    expect(core.status.role).toBe('follower');
  });
});
