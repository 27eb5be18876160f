import { expect, test } from 'vitest';
import { describeViolation } from '../simulation/replay.ts';
import { simulate } from '../simulation/run.ts';

/** A few runs of whole clusters, for the branches that only much traffic and many faults come to. */
test.each([102, 103, 105, 110])('under seed %i', async (seed) => {
  const result = await simulate(seed);
  expect(result.violation, describeViolation(result)).toBeNull();
});
