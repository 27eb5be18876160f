import { describe, expect, test } from 'vitest';
import { Postings } from '../../src/registry/postings.ts';
import { SeededRandom } from '../transport/random-messages.ts';

const limit = 4;

function filled(count: number) {
  const incomplete = new Set<Postings<number>>();
  const postings = new Postings<number>(limit, incomplete);
  for (let member = 0; member < count; member++) postings.add(member);
  return { postings, incomplete };
}

describe('postings', () => {
  test('know their members while they are few, and their number always', () => {
    const { postings } = filled(2 * limit);
    expect(postings.members).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
    postings.add(8);
    expect(postings.members).toBeNull();
    expect(postings.size).toBe(9);
  });

  test('are incomplete from when they are few again until the last member is told of', () => {
    const { postings, incomplete } = filled(9);
    for (let member = 8; member > limit; member--) postings.remove(member);
    expect(incomplete.size).toBe(0);
    postings.remove(limit);
    expect(incomplete).toEqual(new Set([postings]));
    for (const member of [2, 0, 2, 3]) postings.restore(member);
    expect(postings.members).toBeNull();
    postings.restore(1);
    expect(postings.members).toEqual(new Set([0, 1, 2, 3]));
    expect(incomplete.size).toBe(0);
  });

  test('are complete when those who were not told of are gone', () => {
    const { postings, incomplete } = filled(9);
    for (let member = 8; member >= limit; member--) postings.remove(member);
    postings.restore(0);
    postings.add(20);
    for (const member of [1, 2, 3]) postings.remove(member);
    expect(postings.members).toEqual(new Set([0, 20]));
    expect(incomplete.size).toBe(0);
  });

  test('are not waited for when they become many before all are told of', () => {
    const { postings, incomplete } = filled(9);
    for (let member = 8; member >= limit; member--) postings.remove(member);
    for (let member = 10; member < 15; member++) postings.add(member);
    expect(postings.members).toBeNull();
    expect(incomplete.size).toBe(0);
    for (let member = 0; member < limit; member++) postings.restore(member);
    expect(postings.members).toBeNull();
  });

  test.each([1, 2, 3])(
    'of random history %i tell of nobody but the members, and of all when they were told',
    (seed) => {
      const random = new SeededRandom(seed);
      const { postings, incomplete } = filled(0);
      const expected = new Set<number>();
      let completed = 0;
      for (let step = 0; step < 5_000; step++) {
        const member = random.integer(14);
        // More come in one half of the time, and more go in the other.
        const comes = random.integer(4) === 0 ? step % 100 >= 50 : step % 100 < 50;
        if (random.integer(3) === 0) {
          if (expected.has(member)) postings.restore(member);
        } else if (comes && !expected.has(member)) {
          expected.add(member);
          postings.add(member);
        } else if (!comes && expected.delete(member)) {
          postings.remove(member);
        }
        expect(postings.size).toBe(expected.size);
        if (postings.members !== null) expect(postings.members).toEqual(expected);
        else if (expected.size <= limit) expect(incomplete.has(postings)).toBe(true);
        if (!incomplete.has(postings)) continue;
        expect(postings.members).toBeNull();
        if (random.integer(4) > 0) continue;
        for (const each of expected) postings.restore(each);
        expect(postings.members).toEqual(expected);
        expect(incomplete.size).toBe(0);
        completed++;
      }
      expect(completed).toBeGreaterThan(20);
    },
  );
});
