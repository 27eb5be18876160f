import { describe, expect, test } from 'vitest';
import { Cluster } from '../harness/cluster.ts';
import { from, membership, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

describe('leadership transfer (dissertation, section 3.10)', () => {
  test('a successor that is level is asked at once', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.transferTo('b');
    expect(core.only('timeout-now')).toEqual({ type: 'timeout-now', from: 'a', to: 'b', term: 1 });
    expect(core.status.transferTarget).toBe('b');
  });

  test('one that is behind is brought level first', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.propose('x');
    core.transferTo('b');
    expect(core.take('timeout-now')).toEqual([]);
    core.step(from.accepted(2, { from: 'c' }));
    expect(core.take('timeout-now')).toEqual([]);
    core.step(from.accepted(2));
    expect(core.take('timeout-now')).toHaveLength(1);
  });

  test('one that did not hear is asked again when it answers a heartbeat', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.transferTo('b');
    core.take();
    core.step(from.heartbeatAnswer());
    expect(core.take('timeout-now')).toHaveLength(1);
  });

  test('nothing is proposed meanwhile', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.transferTo('b');
    expect(core.propose('x')).toEqual({ ok: false, reason: 'transferring' });
  });

  test('it is given up after an election timeout, and the leader goes on', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.transferTo('b');
    for (let ticks = 0; ticks < 10; ticks++) {
      expect(core.status.transferTarget).toBe('b');
      core.tick();
      core.step(from.heartbeatAnswer({ from: 'c' }));
    }
    expect(core.status).toMatchObject({ role: 'leader', transferTarget: null });
    expect(core.propose('x').ok).toBe(true);
  });

  test('another successor may be named; the same one again does not begin anew', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.transferTo('b');
    core.tick(5);
    core.transferTo('b');
    core.transferTo('c');
    expect(core.take('timeout-now').map(({ to }) => to)).toEqual(['b', 'c']);
    expect(core.status.transferTarget).toBe('c');
  });

  test.each(['a', 'x', 'd'])('%s cannot be named: itself, a stranger, a learner', (id) => {
    const core = new LoneCore(restored({ membership: membership({ voters: ['a', 'b', 'c'], learners: ['d'] }) }));
    core.leadOpened();
    core.transferTo(id);
    expect(core.status.transferTarget).toBeNull();
  });

  test('the successor campaigns without asking first, and says by whose wish', () => {
    const core = new LoneCore();
    core.step(from.append());
    core.take();
    core.step({ type: 'timeout-now', from: 'b', to: 'a', term: 1 });
    expect(core.take().map(({ type, term }) => [type, term])).toEqual([
      ['vote-request', 2],
      ['vote-request', 2],
    ]);
  });

  test('for such a campaign voters let go of the leader they hear', () => {
    const core = new LoneCore();
    core.step(from.append());
    core.take();
    core.step(from.voteRequest({ from: 'c', term: 2, transfer: true }));
    expect(core.only('vote-response')).toMatchObject({ granted: true, term: 2 });
  });

  test('a leader that is asked to campaign, and a learner, do not', () => {
    const leader = new LoneCore();
    leader.leadOpened();
    leader.step({ type: 'timeout-now', from: 'b', to: 'a', term: 1 });
    expect(leader.status).toMatchObject({ role: 'leader', term: 1 });
    const learner = new LoneCore(restored({ voters: ['b', 'c'] }));
    learner.step({ type: 'timeout-now', from: 'b', to: 'a', term: 1 });
    expect(learner.status).toMatchObject({ role: 'follower', term: 1 });
  });

  test('in a cluster it takes a few round trips and loses nothing', () => {
    const cluster = new Cluster();
    cluster.elect('a');
    cluster.propose('a', 'x');
    cluster.transfer('a', 'c');
    cluster.settle();
    expect(cluster.leaderId).toBe('c');
    cluster.propose('c', 'y');
    cluster.settle();
    expect(cluster.up.map(({ commands }) => commands)).toEqual([
      ['x', 'y'],
      ['x', 'y'],
      ['x', 'y'],
    ]);
  });

  test('a successor that is cut off does not cost the cluster its leader', () => {
    const cluster = new Cluster();
    cluster.elect('a');
    cluster.isolate('c');
    cluster.transfer('a', 'c');
    cluster.pass(30);
    expect(cluster.leaderId).toBe('a');
    expect(cluster.propose('a', 'x')).toBe(true);
  });
});
