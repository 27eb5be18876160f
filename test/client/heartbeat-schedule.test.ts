import { describe, expect, test } from 'vitest';
import { HeartbeatSchedule } from '../../src/client/heartbeat-schedule.ts';

const [soonest, latest] = [new HeartbeatSchedule(() => 0), new HeartbeatSchedule(() => 1)];

describe('the time between heartbeats', () => {
  test('is the interval or up to a tenth less, and never more', () => {
    expect([soonest.nextMs(10_000, 0), latest.nextMs(10_000, 0)]).toEqual([9_000, 10_000]);
  });

  test('spreads those that registered at once over half of the interval', () => {
    expect([soonest.firstMs(10_000), latest.firstMs(10_000)]).toEqual([5_000, 10_000]);
  });

  test('after failures in a row is 1, 2 and 4 s or a little less, then the interval again', () => {
    expect([1, 2, 3, 4, 5].map((failures) => latest.nextMs(10_000, failures))).toEqual([
      1_000, 2_000, 4_000, 10_000, 10_000,
    ]);
    expect([1, 2, 3].map((failures) => soonest.nextMs(10_000, failures))).toEqual([750, 1_500, 3_000]);
  });

  test('after a failure is no longer than the interval', () => {
    expect([1, 2, 3, 4].map((failures) => latest.nextMs(1_500, failures))).toEqual([1_000, 1_500, 1_500, 1_500]);
  });
});
