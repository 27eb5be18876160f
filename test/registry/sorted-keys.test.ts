import { expect, test } from 'vitest';
import { lowerBound, SortedKeys } from '../../src/registry/sorted-keys.ts';
import { SeededRandom } from '../transport/random-messages.ts';

test('keys come in order, whatever was added and taken out between looks', () => {
  const random = new SeededRandom(3);
  const keys = new SortedKeys();
  const expected = new Set<string>();
  for (let step = 0; step < 5_000; step++) {
    const key = `${random.oneOf(['a', 'B', '-', ''])}${random.integer(200)}`;
    if (expected.delete(key)) {
      keys.delete(key);
    } else {
      expected.add(key);
      keys.add(key);
    }
    if (random.integer(40) === 0) expect(keys.all()).toEqual([...expected].sort());
  }
});

test('keys that come and go while nobody looks do not pile up', () => {
  const keys = new SortedKeys();
  for (let i = 0; i < 100_000; i++) {
    keys.add(`key-${i}`);
    if (i >= 50) keys.delete(`key-${i - 50}`);
  }
  expect(keys.held).toBeLessThan(300);
  expect(keys.all()).toHaveLength(50);
});

test('the lower bound is the first key that is not before the one asked for', () => {
  const keys = ['a', 'ab', 'b', 'd'];
  expect(['', 'a', 'aa', 'b', 'c', 'd', 'e'].map((bound) => lowerBound(keys, bound))).toEqual([0, 0, 1, 2, 3, 3, 4]);
  expect(lowerBound([], 'a')).toBe(0);
});
