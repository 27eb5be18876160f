import { describe, expect, test } from 'vitest';
import { bytes, from, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

/*
 * Ways in which other implementations have failed, each as the shortest script of messages that shows it. The numbers
 * are those that the comments in src/raft/ name. A test here fails when the guard that such a comment stands at is gone.
 */

const alone = (options = {}, config = {}) => new LoneCore(restored({ voters: ['a'], ...options }), config);

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
