import { describe, expect, test } from 'vitest';
import { judge } from '../linearizability/judge.ts';
import { registryModel } from '../linearizability/models/registry.ts';
import { describeViolation, replayCommand } from './replay.ts';
import { simulate } from './run.ts';
import { faultKinds, laterClientsFrom } from './scenario.ts';

/** The same for everybody: what they find can be compared. */
const fixedSeeds = [
  ...Array.from({ length: 10 }, (_, offset) => 101 + offset),
  ...Array.from({ length: 3 }, (_, offset) => laterClientsFrom + offset),
];

/** Worlds in which the simulator itself once took what was right for wrong: see docs/correctness.md. */
const onceMisjudged = [59_989, 74_003, 100_154];

/** Seeds that nobody has tried: the clock picks them, and each is printed when it fails. */
const firstFreshSeed = (Date.now() % 1_000_000_000) * 100;
const freshSeeds = Array.from({ length: 5 }, (_, offset) => firstFreshSeed + offset);

async function expectToHold(seed: number): Promise<void> {
  const result = await simulate(seed);
  expect(result.violation, `${describeViolation(result)}\nreplay it with: ${replayCommand(seed)}`).toBeNull();
}

/** A seed takes a second; on a machine that is busy with other tests, several. */
const limitMs = 120_000;

describe('a simulated cluster keeps its promises while everything fails', () => {
  test.each(fixedSeeds)('under seed %i', expectToHold, limitMs);

  test.each(onceMisjudged)('under seed %i, which was once misjudged', expectToHold, limitMs);

  test.each(freshSeeds)('under the fresh seed %i', expectToHold, limitMs);
});

describe('a simulation', { timeout: limitMs }, () => {
  test('is the same every time for a seed, to the last line of its trace', async () => {
    const first = await simulate(7);
    const second = await simulate(7);
    expect(second).toEqual(first);
  });

  test('differs from that of another seed', async () => {
    const [one, other] = [await simulate(8), await simulate(9)];
    expect(one.traceHash).not.toBe(other.traceHash);
  });

  test('traces the same whether somebody reads the trace or not', async () => {
    const lines: string[] = [];
    const read = await simulate(10, {}, { sink: { line: (_, text) => lines.push(text) } });
    expect(lines.length).toBeGreaterThan(1_000);
    expect((await simulate(10)).traceHash).toBe(read.traceHash);
  });

  test.each([3, 12, 101, laterClientsFrom])(
    'leaves a history, under seed %i, in which the judge finds an order, too',
    async (seed) => {
      const { history, counts, traceHash } = await simulate(seed, {}, { records: true });
      const judgement = judge(history?.history() ?? [], registryModel({ coldStart: (counts.coldStarts ?? 0) > 0 }));
      expect(judgement.verdict).toBe('linearizable');
      expect(judgement.operations).toBeGreaterThan(50);
      expect((await simulate(seed)).traceHash).toBe(traceHash);
    },
  );

  test('fails when nothing goes wrong in it, for it shows nothing then', async () => {
    expect((await simulate(11, { without: faultKinds })).violation?.check).toBe('too-thin');
  });
});
