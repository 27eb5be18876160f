import { expect, test } from 'vitest';
import { inOneGo, Pace, type Sliced } from '../../src/registry/slices.ts';

test('work in slices is the same in one go', () => {
  function* counting(): Sliced<number> {
    let count = 0;
    while (count < 3) {
      yield;
      count++;
    }
    return count;
  }
  expect(inOneGo(counting())).toBe(3);
});

test('a pace asks for a pause after so many steps, and the first time sooner: many may begin at once', () => {
  const pace = new Pace(80);
  const pauses: number[] = [];
  for (let step = 1; step <= 250; step++) if (pace.isOver()) pauses.push(step);
  expect(pauses).toEqual([10, 90, 170, 250]);
});

test('steps that come many at a time are counted, and the rest of them is not carried over', () => {
  const pace = new Pace(10);
  expect([1, 1, 9, 1, 30, 9, 1].map((steps) => pace.isOver(steps))).toEqual([
    false,
    true,
    false,
    true,
    true,
    false,
    true,
  ]);
});
