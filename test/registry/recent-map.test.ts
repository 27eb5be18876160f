import { expect, test } from 'vitest';
import { RecentMap } from '../../src/registry/recent-map.ts';

function filled(count: number): RecentMap<number, string> {
  const map = new RecentMap<number, string>(6);
  for (let i = 0; i < count; i++) map.set(i, `value ${i}`);
  return map;
}

test.each([
  [3, [0, 1, 2]],
  [6, [0, 1, 2, 3, 4, 5]],
  [7, [3, 4, 5, 6]],
  [9, [3, 4, 5, 6, 7, 8]],
  [20, [15, 16, 17, 18, 19]],
])('of %d entries the newest are known', (count, newest) => {
  for (const i of newest) expect(filled(count).get(i)).toBe(`value ${i}`);
  const gone = Array.from({ length: count }, (_, i) => i).filter((i) => !newest.includes(i));
  for (const i of gone) expect(filled(count).get(i)).toBeUndefined();
});

test('what is asked for again and again stays', () => {
  const map = filled(1);
  for (let i = 1; i < 20; i++) {
    map.set(i, 'another');
    expect(map.get(0)).toBe('value 0');
  }
});

test('what is put in again counts as it is now', () => {
  const map = filled(4);
  map.set(0, 'new');
  expect(map.get(0)).toBe('new');
  for (let i = 20; i < 24; i++) map.set(i, 'another');
  expect(map.get(0)).not.toBe('value 0');
});
