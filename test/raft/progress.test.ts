import { describe, expect, test } from 'vitest';
import { Progress } from '../../src/raft/progress.ts';

const limits = { maxInflightAppends: 3, maxInflightBytes: 100 };
/** A peer of a leader whose log ended at 10 when it began to lead. */
const probing = () => new Progress('b', 11, false, 0, limits);
/** The same, once it has acknowledged what it was first asked. */
const replicating = (matchIndex = 10) => {
  const peer = probing();
  peer.accepted(matchIndex, 0);
  return peer;
};
const shape = (peer: Progress) => `${peer.mode} ${peer.matchIndex}..${peer.nextIndex}`;

describe('a peer being probed', () => {
  test('gets one append at a time', () => {
    const peer = probing();
    expect(peer.permission).toBe('entries');
    expect(peer.needsEmptyAppend(0)).toBe(true);
    peer.appendSent(11, 5, 0);
    expect([peer.permission, shape(peer)]).toEqual(['none', 'probe 0..11']);
  });

  test('gets the next one when a heartbeat shows that it lives', () => {
    const peer = probing();
    peer.appendSent(10, 0, 0);
    peer.heartbeatAnswered(10);
    expect(peer.permission).toBe('entries');
  });

  test('goes over to replication when it accepts', () => {
    const peer = probing();
    peer.appendSent(12, 5, 0);
    peer.accepted(12, 0);
    expect(shape(peer)).toBe('replicate 12..13');
  });

  test('is tried further back when it refuses, by its hint', () => {
    const peer = probing();
    expect(peer.refused(10, 4)).toBe(true);
    expect([shape(peer), peer.permission]).toEqual(['probe 0..5', 'entries']);
  });

  test('is tried at least one further back, whatever the hint', () => {
    const peer = probing();
    peer.refused(10, 99);
    expect(shape(peer)).toBe('probe 0..10');
  });

  test('is not tried again for a refusal of something else', () => {
    const peer = probing();
    expect(peer.refused(7, 3)).toBe(false);
    expect(shape(peer)).toBe('probe 0..11');
  });

  test('trap 12: is never tried at or behind what it acknowledged', () => {
    const peer = replicating(10);
    peer.unreachable();
    expect(peer.refused(10, 2)).toBe(true);
    expect(shape(peer)).toBe('probe 10..11');
  });

  test('stays when an acknowledgement from before comes late', () => {
    const peer = replicating(10);
    peer.unreachable();
    peer.accepted(6, 0);
    expect(shape(peer)).toBe('probe 10..11');
  });

  test('has no lost appends to be told of', () => {
    const peer = probing();
    peer.unreachable();
    expect(shape(peer)).toBe('probe 0..11');
  });
});

describe('a peer being replicated to', () => {
  test('gets appends one behind the other, up to the limit in number', () => {
    const peer = replicating();
    for (const lastIndex of [11, 12, 13]) {
      expect(peer.permission).toBe('entries');
      peer.appendSent(lastIndex, 1, 0);
    }
    expect([peer.permission, shape(peer)]).toEqual(['none', 'replicate 10..14']);
    expect(() => peer.appendSent(14, 1, 0)).toThrow('past the in-flight limit');
    peer.accepted(12, 0);
    expect([peer.permission, peer.view(true).inflightAppends]).toEqual(['entries', 1]);
  });

  test('and up to the limit in bytes, which acknowledgements free again', () => {
    const peer = replicating();
    peer.appendSent(11, 60, 0);
    peer.appendSent(12, 60, 0);
    expect(peer.permission).toBe('none');
    peer.accepted(11, 0);
    expect(peer.permission).toBe('entries');
    peer.accepted(12, 0);
    expect(peer.view(true).inflightAppends).toBe(0);
  });

  test('trap 12: an acknowledgement that comes late changes nothing', () => {
    const peer = replicating();
    peer.appendSent(12, 1, 0);
    peer.accepted(12, 0);
    peer.accepted(11, 0);
    expect(shape(peer)).toBe('replicate 12..13');
  });

  test('is told of a new commit index once, even when there are no entries', () => {
    const peer = replicating();
    expect(peer.needsEmptyAppend(10)).toBe(true);
    peer.appendSent(10, 0, 10);
    expect(peer.needsEmptyAppend(10)).toBe(false);
    // What it has not been sent, it cannot commit.
    expect(peer.needsEmptyAppend(11)).toBe(false);
    peer.appendSent(11, 1, 10);
    peer.commitSent(11);
    expect(peer.needsEmptyAppend(11)).toBe(false);
  });

  test('is nudged after a heartbeat when it lags, even with the window full', () => {
    const peer = replicating();
    for (const lastIndex of [11, 12, 13]) peer.appendSent(lastIndex, 1, 0);
    peer.heartbeatAnswered(13);
    expect([peer.permission, peer.needsEmptyAppend(0)]).toEqual(['empty-only', true]);
    peer.appendSent(13, 0, 0);
    expect(peer.permission).toBe('none');
  });

  test('is not nudged when it is level', () => {
    const peer = replicating();
    peer.heartbeatAnswered(10);
    expect(peer.needsEmptyAppend(0)).toBe(false);
  });

  test.each([
    ['it refuses something it has not acknowledged', (peer: Progress) => peer.refused(12, 11)],
    ['messages to it were lost', (peer: Progress) => peer.unreachable()],
  ])('is probed again from its acknowledged end when %s', (_, event) => {
    const peer = replicating();
    peer.appendSent(13, 1, 0);
    event(peer);
    expect([shape(peer), peer.permission, peer.view(true).inflightAppends]).toEqual(['probe 10..11', 'entries', 0]);
  });

  test('goes on when it seems to refuse what it has acknowledged: that is an old answer', () => {
    const peer = replicating();
    expect(peer.refused(9, 3)).toBe(false);
    expect(shape(peer)).toBe('replicate 10..11');
  });
});

describe('a peer that needs a snapshot', () => {
  const needing = () => {
    const peer = probing();
    peer.refused(10, 2);
    peer.snapshotNeeded();
    return peer;
  };

  test('gets nothing until the transfer ends', () => {
    const peer = needing();
    peer.heartbeatAnswered(10);
    expect([peer.permission, peer.refused(2, 1), shape(peer)]).toEqual(['none', false, 'snapshot 0..1']);
  });

  test('is probed behind it, once it, or a heartbeat, was answered', () => {
    const peer = needing();
    peer.snapshotEnded(8);
    expect([shape(peer), peer.permission]).toEqual(['probe 0..9', 'none']);
    peer.heartbeatAnswered(10);
    expect(peer.permission).toBe('entries');
  });

  test('is replicated to as soon as it acknowledges what the log still holds, by whatever way it got there', () => {
    const peer = needing();
    peer.accepted(4, 5);
    expect(peer.mode).toBe('snapshot');
    peer.accepted(6, 5);
    expect(shape(peer)).toBe('replicate 6..7');
    // The transfer that ends only now has nothing to say any more.
    peer.snapshotEnded(4);
    expect(shape(peer)).toBe('replicate 6..7');
  });
});

describe('the view of a peer', () => {
  test('shows its state', () => {
    const peer = new Progress('b', 3, true, 7, limits);
    peer.answered(9);
    expect([peer.sinceTick, peer.answeredTick]).toEqual([7, 9]);
    expect(peer.view(false)).toEqual({
      id: 'b',
      mode: 'probe',
      matchIndex: 0,
      nextIndex: 3,
      inflightAppends: 0,
      recentlyActive: false,
      learner: true,
    });
  });
});
