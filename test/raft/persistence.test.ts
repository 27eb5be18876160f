import { describe, expect, test } from 'vitest';
import { RaftLog } from '../../src/raft/log.ts';
import { Persistence } from '../../src/raft/persistence.ts';
import type { RaftMessage } from '../../src/raft/types.ts';
import { entriesOf, entry, from, membership } from './harness/fixtures.ts';

function persistence(terms: readonly number[] = []) {
  const log = new RaftLog({ index: 0, term: 0 }, entriesOf(terms), 0);
  return { log, kept: new Persistence(log, { term: terms.at(-1) ?? 0, votedFor: null, commitIndex: 0 }) };
}

const said = (kept: Persistence) => kept.takeMessages().map(({ type }) => type);
const granted = (term: number, to = 'b'): RaftMessage => from.voteResponse({ from: 'a', to, term });
const acknowledged = (index: number, term = 1): RaftMessage => from.accepted(index, { from: 'a', to: 'b', term });
const alive = (readRound: number, term = 1): RaftMessage =>
  from.heartbeatAnswer({ from: 'a', to: 'b', term, readRound });

describe('what rests on nothing new', () => {
  test('is said at once, and handed out once', () => {
    const { kept } = persistence([1]);
    kept.send(alive(0));
    expect(kept.hasMessages).toBe(true);
    expect(said(kept)).toEqual(['heartbeat-response']);
    expect(said(kept)).toEqual([]);
  });
});

describe('a vote', () => {
  test('trap 4: is said only when it is durable, and goes to disk together with its term', () => {
    const { kept } = persistence();
    kept.enterTerm(3);
    kept.voteFor('b');
    kept.send(granted(3));
    expect(said(kept)).toEqual([]);
    const write = kept.beginWrite(0);
    expect(write).toMatchObject({ hardState: { term: 3, votedFor: 'b' }, entries: [], snapshot: null });
    expect(said(kept)).toEqual([]);
    kept.endWrite(write?.id ?? 0);
    expect(said(kept)).toEqual(['vote-response']);
  });

  test('that came too late for the write under way waits for the next', () => {
    const { kept } = persistence();
    kept.enterTerm(3);
    const first = kept.beginWrite(0);
    kept.voteFor('b');
    kept.send(granted(3));
    kept.endWrite(first?.id ?? 0);
    expect([said(kept), kept.isStateDurable]).toEqual([[], false]);
    const second = kept.beginWrite(0);
    kept.endWrite(second?.id ?? 0);
    expect([said(kept), kept.isStateDurable]).toEqual([['vote-response'], true]);
  });

  test('is given once a term, and may be said again', () => {
    const { kept } = persistence();
    kept.enterTerm(1);
    kept.voteFor('b');
    kept.voteFor('b');
    expect(() => kept.voteFor('c')).toThrow('a second vote in term 1: b, then c');
    kept.enterTerm(2);
    expect(kept.votedFor).toBeNull();
  });

  test('the term never falls', () => {
    const { kept } = persistence([4]);
    expect(() => kept.enterTerm(4)).toThrow('the term would go from 4 to 4');
  });
});

describe('an acknowledgement', () => {
  test('is said only when the log is durable so far', () => {
    const { log, kept } = persistence([1]);
    log.append(entriesOf([1, 1], 1));
    kept.send(acknowledged(2), 2);
    kept.send(acknowledged(1), 1);
    expect(said(kept)).toEqual(['append-response']);
    const write = kept.beginWrite(0);
    expect(write?.entries.map(({ index }) => index)).toEqual([2, 3]);
    kept.endWrite(write?.id ?? 0);
    expect(said(kept)).toEqual(['append-response']);
  });

  test('trap 15: is never said any more in a later term', () => {
    const { log, kept } = persistence([1]);
    log.append([entry(2, 1)]);
    kept.send(acknowledged(2), 2);
    const write = kept.beginWrite(0);
    kept.enterTerm(2);
    kept.endWrite(write?.id ?? 0);
    const next = kept.beginWrite(0);
    kept.endWrite(next?.id ?? 0);
    expect(said(kept)).toEqual([]);
  });
});

describe('while a disk hangs', () => {
  test('an answer that is repeated waits once', () => {
    const { log, kept } = persistence([1]);
    log.append(entriesOf([1, 1], 1));
    kept.send(alive(0));
    kept.takeMessages();
    kept.enterTerm(2);
    kept.beginWrite(0);
    for (let round = 1; round <= 50; round++) {
      kept.send(acknowledged(3, 2), 3);
      kept.send(alive(round, 2));
    }
    kept.endWrite(1);
    const messages = kept.takeMessages();
    expect(messages).toEqual([acknowledged(3, 2), alive(50, 2)]);
  });

  test('different answers all wait', () => {
    const { log, kept } = persistence([1]);
    log.append(entriesOf([1, 1], 1));
    const different = [
      acknowledged(2),
      acknowledged(3),
      from.accepted(3, { from: 'a', to: 'c' }),
      from.refused(3, 1, 1, { from: 'a', to: 'b' }),
      from.refused(3, 1, 1, { from: 'a', to: 'b' }),
    ];
    for (const message of different) kept.send(message, message.type === 'append-response' ? message.index : 0);
    kept.enterTerm(2);
    const stale = kept.takeMessages().length;
    const answers = [alive(2, 2), alive(1, 2), granted(2, 'b'), granted(2, 'c')];
    for (const message of answers) kept.send(message);
    const write = kept.beginWrite(0);
    kept.endWrite(write?.id ?? 0);
    expect([stale, kept.takeMessages()]).toEqual([0, answers]);
  });
});

describe('writing', () => {
  test('nothing is written when nothing is new', () => {
    const { kept } = persistence([1]);
    expect([kept.canBeginWrite, kept.beginWrite(0)]).toEqual([false, null]);
  });

  test('one write is under way at a time, and the rest gathers', () => {
    const { log, kept } = persistence();
    kept.enterTerm(1);
    const first = kept.beginWrite(5);
    log.append(entriesOf([1, 1]));
    expect([kept.beginWrite(6), kept.writeAgeTicks(9)]).toEqual([null, 4]);
    expect(() => kept.endWrite(99)).toThrow('write 99 completed, but write 1 is under way');
    kept.endWrite(first?.id ?? 0);
    expect(() => kept.endWrite(1)).toThrow('write 1 completed, but write undefined is under way');
    expect(kept.writeAgeTicks(9)).toBe(0);
    expect(kept.beginWrite(9)).toMatchObject({ id: 2, hardState: null, entries: [{ index: 1 }, { index: 2 }] });
  });

  test('the commit index is stored along with something else', () => {
    const { log, kept } = persistence([1, 1]);
    log.commitTo(2);
    expect(kept.canBeginWrite).toBe(false);
    log.append([entry(3, 1)]);
    expect(kept.beginWrite(0)?.hardState).toEqual({ term: 1, votedFor: null, commitIndex: 2 });
  });

  test('trap 18: a received snapshot and the term are one write, with a commit index that this write holds', () => {
    const { log, kept } = persistence([1]);
    const snapshot = { index: 9, term: 2, membership: membership({ voters: ['a'] }) };
    kept.enterTerm(2);
    log.restartAt(snapshot);
    kept.snapshotReceived(snapshot);
    log.append([entry(10, 2)]);
    log.commitTo(10);
    kept.send(acknowledged(10, 2), 10);
    const first = kept.beginWrite(0);
    expect(first).toMatchObject({ hardState: { term: 2, commitIndex: 9 }, entries: [], snapshot: { index: 9 } });
    expect(kept.endWrite(first?.id ?? 0)).toBe(snapshot);
    expect(said(kept)).toEqual([]);
    const second = kept.beginWrite(0);
    expect(second).toMatchObject({ hardState: { term: 2, commitIndex: 10 }, entries: [{ index: 10 }], snapshot: null });
    expect(kept.endWrite(second?.id ?? 0)).toBeNull();
    expect(said(kept)).toEqual(['append-response']);
  });
});
