import { expect, test } from 'vitest';
import { DeadlineWheel } from '../../src/node/deadline-wheel.ts';

test('a lease is looked at when it is due, not before, and at most a bucket later', () => {
  const wheel = new DeadlineWheel(1_000);
  wheel.add(1, 1_250);
  for (let nowMs = 1_000; nowMs < 1_250; nowMs += 10) expect(wheel.takeDue(nowMs)).toEqual([]);
  expect(wheel.takeDue(1_300)).toEqual([1]);
  expect(wheel.takeDue(9_000)).toEqual([]);
});

test('a deadline that has passed is due at once', () => {
  const wheel = new DeadlineWheel(5_000);
  wheel.add(1, 100);
  expect(wheel.takeDue(5_000)).toEqual([1]);
});

test('every one of many leases is taken out exactly once, however the clock jumps', () => {
  const wheel = new DeadlineWheel(0);
  for (let leaseId = 0; leaseId < 5_000; leaseId++) wheel.add(leaseId, (leaseId * 37) % 20_000);
  const taken: number[] = [];
  for (let nowMs = 0; nowMs <= 21_000; nowMs += 1 + ((nowMs * 31) % 700)) {
    for (const leaseId of wheel.takeDue(nowMs)) {
      expect((leaseId * 37) % 20_000).toBeLessThanOrEqual(nowMs);
      taken.push(leaseId);
    }
  }
  expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 5_000 }, (_, i) => i));
});
