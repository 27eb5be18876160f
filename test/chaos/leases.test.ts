import { describe, expect, test } from 'vitest';
import { unfairness } from './leases.ts';

const renewal = { beganMs: 10_000, atMs: 10_020 };
const never = Number.NEGATIVE_INFINITY;

describe('what a reader is told of an instance that reported', () => {
  test('is fair while it is up', () => {
    expect(unfairness('up', renewal, 99_000, never)).toBeNull();
  });

  test('is unfair when it is unhealthy within its time, and fair after it', () => {
    expect(unfairness('unhealthy', renewal, 11_500, never)).toMatch(/unhealthy 1500 ms after/);
    expect(unfairness('unhealthy', renewal, 12_100, never)).toBeNull();
  });

  test('is unfair when it is not listed within its time, and fair after it', () => {
    expect(unfairness('absent', renewal, 13_000, never)).toMatch(/absent 3000 ms after/);
    expect(unfairness('absent', renewal, 14_100, never)).toBeNull();
  });

  test('is unfair when it is unknown, unless the cluster began anew since', () => {
    expect(unfairness('unknown', renewal, 10_100, never)).toMatch(/unknown/);
    expect(unfairness('unknown', renewal, 10_100, 9_999)).toMatch(/unknown/);
    expect(unfairness('unknown', renewal, 10_100, 10_050)).toBeNull();
  });
});
