import { describe, expect, test } from 'vitest';
import { quorumAgeTicks, quorumValue, voteOutcome } from '../../src/raft/quorum.ts';
import { membership } from './harness/fixtures.ts';

const three = membership({ voters: ['a', 'b', 'c'] });
const joint = membership({ voters: ['a', 'b', 'c'], votersOutgoing: ['c', 'd', 'e'] });
const reached = (values: Readonly<Record<string, number>>) => (id: string) => values[id] ?? 0;
const votes = (values: Readonly<Record<string, boolean>>) => new Map(Object.entries(values));

describe('the value that a quorum has reached', () => {
  test.each([
    ['one voter', ['a'], { a: 7 }, 7],
    ['two voters need both', ['a', 'b'], { a: 7, b: 3 }, 3],
    ['three voters need two', ['a', 'b', 'c'], { a: 9, b: 4, c: 1 }, 4],
    ['four voters need three', ['a', 'b', 'c', 'd'], { a: 9, b: 8, c: 5, d: 1 }, 5],
    ['five voters need three', ['a', 'b', 'c', 'd', 'e'], { a: 9, b: 8, c: 5, d: 2, e: 1 }, 5],
  ])('%s', (_, voters, values, expected) => {
    expect(quorumValue(membership({ voters }), reached(values))).toBe(expected);
  });

  test('trap 14: does not depend on the order in which members are listed or counted', () => {
    const values = { a: 1, b: 10, c: 9 };
    for (const voters of [
      ['a', 'b', 'c'],
      ['b', 'c', 'a'],
      ['c', 'a', 'b'],
      ['b', 'a', 'c'],
    ]) {
      expect(quorumValue(membership({ voters }), reached(values))).toBe(9);
    }
  });

  test('compares as numbers, not as text', () => {
    expect(quorumValue(three, reached({ a: 100, b: 20, c: 3 }))).toBe(20);
  });

  test('a joint membership needs a majority of both halves', () => {
    expect(quorumValue(joint, reached({ a: 9, b: 9, c: 1, d: 2, e: 2 }))).toBe(2);
    expect(quorumValue(joint, reached({ a: 1, b: 2, c: 9, d: 9, e: 9 }))).toBe(2);
  });

  test('learners count for nothing', () => {
    const withLearners = membership({ voters: ['a', 'b', 'c'], learners: ['d', 'e'] });
    expect(quorumValue(withLearners, reached({ a: 5, d: 99, e: 99 }))).toBe(0);
  });

  test('is not defined for nobody', () => {
    expect(() => quorumValue(membership({}), () => 1)).toThrow('a majority of no voters');
  });
});

describe('the age of the freshest quorum', () => {
  test('is the oldest contact that a quorum needs', () => {
    expect(quorumAgeTicks(three, reached({ a: 0, b: 4, c: 30 }))).toBe(4);
    expect(quorumAgeTicks(joint, reached({ a: 0, b: 4, c: 30, d: 12, e: 50 }))).toBe(30);
  });

  test('is never below zero, nor minus zero', () => {
    expect(
      Object.is(
        quorumAgeTicks(membership({ voters: ['a'] }), () => 0),
        0,
      ),
    ).toBe(true);
    expect(quorumAgeTicks(membership({ voters: ['a'] }), () => -3)).toBe(0);
  });
});

describe('the outcome of a vote', () => {
  test.each([
    ['nobody answered', {}, 'pending'],
    ['one of three granted', { a: true }, 'pending'],
    ['two of three granted', { a: true, b: true }, 'won'],
    ['one granted, one refused', { a: true, b: false }, 'pending'],
    ['two refused', { a: true, b: false, c: false }, 'lost'],
    ['two refused and one is silent', { b: false, c: false }, 'lost'],
    ['strangers granted', { a: true, x: true, y: true }, 'pending'],
  ] as const)('%s', (_, given, expected) => {
    expect(voteOutcome(three, votes(given))).toBe(expected);
  });

  test('of four voters, two are not a majority', () => {
    const four = membership({ voters: ['a', 'b', 'c', 'd'] });
    expect(voteOutcome(four, votes({ a: true, b: true }))).toBe('pending');
    expect(voteOutcome(four, votes({ a: true, b: true, c: false, d: false }))).toBe('lost');
  });

  test.each([
    ['only the incoming half granted', { a: true, b: true }, 'pending'],
    ['only the outgoing half granted', { d: true, e: true }, 'pending'],
    ['both halves granted', { a: true, c: true, d: true }, 'won'],
    ['the incoming half refused', { a: false, b: false, c: true, d: true }, 'lost'],
    ['the outgoing half refused', { a: true, b: true, d: false, e: false }, 'lost'],
  ] as const)('in a joint membership, %s', (_, given, expected) => {
    expect(voteOutcome(joint, votes(given))).toBe(expected);
  });

  test('is not defined for nobody', () => {
    expect(() => voteOutcome(membership({}), votes({}))).toThrow('an election among no voters');
  });
});
