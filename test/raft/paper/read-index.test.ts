import { describe, expect, test } from 'vitest';
import { Cluster } from '../harness/cluster.ts';
import { from, membership, restored } from '../harness/fixtures.ts';
import { InvariantChecker } from '../harness/invariants.ts';
import { LoneCore } from '../harness/lone-core.ts';

const roundsOf = (core: LoneCore) => core.take('heartbeat-request').map(({ to, readRound }) => `${to} ${readRound}`);

describe('ReadIndex on the leader (dissertation, section 6.4)', () => {
  test('a read is confirmed by a quorum that answers a heartbeat sent after it', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.read(7);
    expect(roundsOf(core)).toEqual(['b 1', 'c 1']);
    core.step(from.heartbeatAnswer({ readRound: 0 }));
    expect(core.reads).toEqual([]);
    core.step(from.heartbeatAnswer({ readRound: 1 }));
    expect(core.reads).toEqual([{ context: 7, index: 1 }]);
  });

  test('its index is the commit index at its arrival, or later, never earlier', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.propose('x');
    core.read(1);
    core.acknowledge(['b']);
    core.read(2);
    core.step(from.heartbeatAnswer({ readRound: 1 }), from.heartbeatAnswer({ readRound: 2 }));
    expect(core.reads).toEqual([
      { context: 1, index: 1 },
      { context: 2, index: 2 },
    ]);
  });

  test('reads that come while a round is under way share the next', () => {
    const core = new LoneCore();
    core.leadOpened();
    for (const context of [1, 2, 3]) core.read(context);
    expect(roundsOf(core)).toEqual(['b 1', 'c 1']);
    core.step(from.heartbeatAnswer({ readRound: 1 }));
    expect([core.reads.map(({ context }) => context), roundsOf(core)]).toEqual([[1], ['b 2', 'c 2']]);
    core.step(from.heartbeatAnswer({ from: 'c', readRound: 2 }));
    expect(core.reads.map(({ context }) => context)).toEqual([1, 2, 3]);
  });

  test('a round whose heartbeats were lost is tried again with the next heartbeat', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.read(1);
    core.take();
    core.tick(2);
    expect(roundsOf(core)).toEqual(['b 1', 'c 1']);
  });

  test('a heartbeat takes along what has gathered', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.read(1);
    core.read(2);
    core.take();
    core.tick(2);
    expect(roundsOf(core)).toEqual(['b 2', 'c 2']);
    core.step(from.heartbeatAnswer({ readRound: 2 }));
    expect(core.reads).toHaveLength(2);
  });

  test('answers that change places confirm nothing twice', () => {
    const core = new LoneCore(restored({ voters: ['a', 'b', 'c', 'd', 'e'] }));
    core.leadOpened();
    core.read(1);
    core.step(from.heartbeatAnswer({ readRound: 1 }), from.heartbeatAnswer({ readRound: 0 }));
    expect(core.reads).toEqual([]);
    core.step(from.heartbeatAnswer({ from: 'c', readRound: 1 }), from.heartbeatAnswer({ from: 'd', readRound: 1 }));
    expect(core.reads).toEqual([{ context: 1, index: 1 }]);
  });

  test('each half of a changing membership has to confirm it', () => {
    const changing = membership({ voters: ['a', 'b'], votersOutgoing: ['c', 'd'] });
    const core = new LoneCore(restored({ membership: changing }));
    core.leadOpened();
    core.read(1);
    core.step(from.heartbeatAnswer({ readRound: 1 }), from.heartbeatAnswer({ from: 'c', readRound: 1 }));
    expect(core.reads).toEqual([]);
    core.step(from.heartbeatAnswer({ from: 'd', readRound: 1 }));
    expect(core.reads).toHaveLength(1);
  });

  test('a member that is the whole cluster confirms at once', () => {
    const core = new LoneCore(restored({ voters: ['a'] }));
    core.lead();
    core.read(1);
    expect(core.reads).toEqual([{ context: 1, index: 1 }]);
  });

  test('and also when a heartbeat happens to begin the round, where nobody will ever answer', () => {
    const core = new LoneCore(restored({ voters: ['a'] }));
    core.lead();
    core.core.readIndex(1);
    for (let ticks = 0; ticks < 2; ticks++) core.core.tick();
    core.member.pump();
    core.read(2);
    expect(core.reads).toEqual([
      { context: 1, index: 1 },
      { context: 2, index: 1 },
    ]);
  });

  test('a leader that steps down fails its reads, its own and those of others', () => {
    const core = new LoneCore();
    core.leadOpened();
    core.read(1);
    core.step({ type: 'read-index-request', from: 'b', to: 'a', term: 1, context: 55 });
    core.tick(10);
    expect(core.reads).toEqual([{ context: 1, index: null }]);
    expect(core.only('read-index-response')).toMatchObject({ to: 'b', context: 55, index: null });
  });
});

describe('ReadIndex on a follower (dissertation, section 6.4)', () => {
  test('it asks its leader, and hands on what that answers', () => {
    const core = new LoneCore();
    core.step(from.append());
    core.take();
    core.read(7);
    const { to, context } = core.only('read-index-request');
    core.step({ type: 'read-index-response', from: to, to: 'a', term: 1, context, index: 9 });
    core.step({ type: 'read-index-response', from: to, to: 'a', term: 1, context, index: 9 });
    expect(core.reads).toEqual([{ context: 7, index: 9 }]);
  });

  test('with no leader there is nobody to ask', () => {
    const core = new LoneCore();
    core.read(7);
    expect(core.reads).toEqual([{ context: 7, index: null }]);
  });

  test('it gives up when no answer comes within an election timeout, though the leader lives', () => {
    const core = new LoneCore();
    core.step(from.append());
    core.read(7);
    for (let ticks = 0; ticks < 10; ticks++) {
      expect(core.reads).toEqual([]);
      core.tick();
      core.step(from.heartbeat());
    }
    expect(core.reads).toEqual([{ context: 7, index: null }]);
  });

  test('it gives up at once when its leader is lost, and when it campaigns', () => {
    const core = new LoneCore();
    core.step(from.append());
    core.tick(9);
    core.read(7);
    core.tick(1);
    expect([core.status.role, core.reads]).toEqual(['pre-candidate', [{ context: 7, index: null }]]);
  });

  test('asked itself, it says that it does not lead', () => {
    const core = new LoneCore();
    core.step({ type: 'read-index-request', from: 'b', to: 'a', term: 1, context: 55 });
    expect(core.only('read-index-response')).toMatchObject({ context: 55, index: null, term: 1 });
  });

  test('asked before its term is open, a leader answers when it is', () => {
    const core = new LoneCore();
    core.lead();
    core.step({ type: 'read-index-request', from: 'b', to: 'a', term: 1, context: 55 });
    expect(core.take('read-index-response')).toEqual([]);
    core.acknowledge(['b']);
    core.step(from.heartbeatAnswer({ readRound: 1 }));
    expect(core.only('read-index-response')).toMatchObject({ to: 'b', context: 55, index: 1 });
  });

  test('a read through any member sees what was committed before it was asked', () => {
    const checker = new InvariantChecker();
    const cluster = new Cluster({ observer: checker });
    cluster.elect('a');
    let context = 0;
    for (const command of ['1', '2', '3']) {
      cluster.propose('a', command);
      cluster.settle();
      checker.check(cluster);
      for (const id of ['a', 'b', 'c']) {
        context++;
        checker.readAsked(id, context);
        cluster.read(id, context);
        cluster.settle();
      }
    }
    expect([checker.readsConfirmed, checker.unansweredReads]).toEqual([9, []]);
  });
});
