import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { faultsNamed } from '../chaos/catalogue.ts';
import { describeRun } from '../chaos/report.ts';
import { runChaos } from '../chaos/run.ts';

/** One of each kind; `npm run chaos` has them all, and more time. */
const mix = [
  'kill-leader',
  'kill-all',
  'pause-leader',
  'partition-one-way',
  'partition-partial',
  'slow-network',
  'passing-clients',
  'slow-disk',
  'flipped-byte',
  'clock-jumps',
];

test(`a cluster goes through ${mix.length} kinds of faults, and what its clients saw has an order`, async () => {
  const seed = randomBytes(4).toString('hex');
  console.log(`npm run chaos -- --seed ${seed} --faults ${mix.join(',')}`);
  const report = await runChaos({
    seed,
    members: 3,
    faults: faultsNamed(mix),
    lastsMs: 0,
    say: (line) => console.log(line),
  });
  console.log(describeRun(report));
  expect(report.violations).toEqual([]);
  expect(report.verdict).toBe('passed');
}, 900_000);
