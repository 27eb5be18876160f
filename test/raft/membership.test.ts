import { describe, expect, test } from 'vitest';
import {
  decodeMembership,
  encodeMembership,
  initialMembership,
  isVoter,
  MembershipHistory,
  memberIds,
} from '../../src/raft/membership.ts';
import { bytes, membership, text } from './harness/fixtures.ts';

const joint = membership({
  voters: ['a', 'b', 'd'],
  votersOutgoing: ['a', 'b', 'c'],
  learners: ['e'],
  learnersNext: ['c'],
});

describe('a membership', () => {
  test('of a new cluster names its voters in order', () => {
    expect(initialMembership(['c', 'a', 'b'])).toEqual(membership({ voters: ['a', 'b', 'c'] }));
  });

  test('knows who has a say, and who takes part', () => {
    expect(['a', 'c', 'd', 'e', 'x'].map((id) => isVoter(joint, id))).toEqual([true, true, true, false, false]);
    expect(memberIds(joint)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('survives encoding, always in the same bytes', () => {
    expect(decodeMembership(encodeMembership(joint))).toEqual(joint);
    const { learnersNext, learners, votersOutgoing, voters } = joint;
    const shuffled = { learnersNext, learners, votersOutgoing, voters };
    expect(text(encodeMembership(shuffled))).toBe(text(encodeMembership(joint)));
  });

  test.each([
    ['nobody votes', membership({ learners: ['a'] }), 'at least one voter'],
    ['a name is empty', membership({ voters: ['a', ''] }), 'membership.voters must not hold an empty name'],
    ['a voter stands twice', membership({ voters: ['a', 'a'] }), 'membership.voters names a member twice'],
    [
      'an outgoing voter stands twice',
      membership({ voters: ['a'], votersOutgoing: ['b', 'b'] }),
      'votersOutgoing names a member twice',
    ],
    ['a learner votes', membership({ voters: ['a'], learners: ['a'] }), 'must not name a voter'],
    [
      'a learner votes in the outgoing half',
      membership({ voters: ['a'], votersOutgoing: ['b'], learners: ['b'] }),
      'must not name a voter',
    ],
    [
      'a future learner does not go out',
      membership({ voters: ['a'], votersOutgoing: ['b'], learnersNext: ['a'] }),
      'outgoing voters only',
    ],
  ])('is refused when %s', (_, wrong, message) => {
    expect(() => encodeMembership(wrong)).toThrow(message);
    expect(() => decodeMembership(bytes(JSON.stringify(wrong)))).toThrow(message);
  });

  test.each([
    ['null', 'must hold an object'],
    ['7', 'must hold an object'],
    ['{}', 'membership.voters must be a list'],
    ['{"voters":["a"],"votersOutgoing":[],"learners":"b","learnersNext":[]}', 'membership.learners must be a list'],
    ['{"voters":["a",7],"votersOutgoing":[],"learners":[],"learnersNext":[]}', 'must hold names only'],
    ['{"voters":', 'JSON'],
  ])('is refused when it was stored as %s', (stored, message) => {
    expect(() => decodeMembership(bytes(stored))).toThrow(message);
  });

  test('is refused when its bytes are no text', () => {
    expect(() => decodeMembership(Uint8Array.of(0x22, 0xff, 0x22))).toThrow();
  });
});

describe('the history of memberships', () => {
  const [first, second, third] = [initialMembership(['a']), initialMembership(['a', 'b']), joint];

  test('tells which was in force at an index', () => {
    const history = new MembershipHistory(5, first);
    history.changed(8, second);
    history.changed(9, third);
    expect([5, 7, 8, 9, 100].map((index) => history.at(index))).toEqual([first, first, second, third, third]);
    expect(history.current).toBe(third);
    expect(() => history.at(4)).toThrow('the membership at index 4 is older than the oldest kept snapshot');
  });

  test('moves forward only', () => {
    const history = new MembershipHistory(5, first);
    history.changed(8, second);
    expect(() => history.changed(8, third)).toThrow('membership entry 8 was applied out of order');
  });

  test('forgets what no snapshot can ask for any more, and keeps what one at that index needs', () => {
    const history = new MembershipHistory(5, first);
    history.changed(8, second);
    history.changed(12, third);
    history.forgetBefore(7);
    expect(history.at(7)).toBe(first);
    history.forgetBefore(10);
    expect(history.at(10)).toBe(second);
    expect(() => history.at(7)).toThrow('older than the oldest kept snapshot');
    expect(history.current).toBe(third);
  });
});
