import { describe, expect, test } from 'vitest';
import { faultsNamed } from './catalogue.ts';
import { describeRun, rowsOf } from './report.ts';
import type { RunReport } from './run.ts';
import { longestGap, type StepReport } from './step.ts';
import { thinness } from './verdict.ts';

const step = (fault: string, more: Partial<StepReport> = {}): StepReport => ({
  step: 1,
  faults: [fault],
  what: 'node-1',
  durationMs: 5_000,
  recoveryMs: 100,
  longestGapMs: 700,
  ...more,
});

const counts = { acknowledgedWrites: 900, reads: 400, unknown: 3, refused: 5 };
const leases = { renewals: 300, looks: 200, expiredFairly: 0 };

const report: RunReport = {
  verdict: 'failed',
  seed: 'abc',
  members: 3,
  durationMs: 61_000,
  steps: [
    step('kill-all', { longestGapMs: 3_000 }),
    step('kill-all', { longestGapMs: 2_000, recoveryMs: 900 }),
    step('partition'),
  ],
  skipped: [{ fault: 'full-disk', reason: 'no mounts here' }],
  traffic: counts,
  leases,
  history: { verdict: 'linearizable', operations: 1_300, keys: 40, unknownOutcomes: 3, undecidedKeys: 0 },
  certainKeys: 30,
  stateHash: 'f00dbeef0123456789',
  violations: ['node-2 said too much'],
  keptIn: '/somewhere',
};

describe('the report of a run', () => {
  test('has the worst of each fault', () => {
    expect(rowsOf(report.steps)).toEqual([
      { fault: 'kill-all', times: 2, worstGapMs: 3_000, worstRecoveryMs: 900 },
      { fault: 'partition', times: 1, worstGapMs: 700, worstRecoveryMs: 100 },
    ]);
  });

  test('counts a fault that accompanied another, and does not blame it', () => {
    const beside = step('kill-all', { faults: ['slow-network', 'kill-all'], longestGapMs: 9_000 });
    expect(rowsOf([step('slow-network'), beside])).toEqual([
      { fault: 'slow-network', times: 2, worstGapMs: 700, worstRecoveryMs: 100 },
      { fault: 'kill-all', times: 1, worstGapMs: 9_000, worstRecoveryMs: 100 },
    ]);
  });

  test('says how much was done, what was skipped, the verdict with its reasons, and where the evidence is', () => {
    const text = describeRun(report);
    for (const part of [
      /kill-all +2 +3000 ms +900 ms/,
      /skipped full-disk: no mounts here/,
      /900 acknowledged writes/,
      /1300 operations on 40 instances/,
      /failed: seed abc/,
      /! node-2 said too much/,
      /\/somewhere/,
    ]) {
      expect(text).toMatch(part);
    }
  });
});

test('a report with very many violations shows some, and how many there are', () => {
  const violations = Array.from({ length: 300 }, (_, i) => `violation ${i}`);
  const text = describeRun({ ...report, violations });
  expect(text).toContain('! violation 19\n  and 280 more');
});

describe('the longest time without an acknowledged write', () => {
  test('counts from the beginning of the fault to the end of its healing', () => {
    expect(longestGap([110, 150, 190], 100, 200)).toBe(40);
    expect(longestGap([150], 100, 300)).toBe(150);
    expect(longestGap([], 100, 300)).toBe(200);
  });

  test('leaves out what was acknowledged before', () => {
    expect(longestGap([50, 60, 180], 100, 200)).toBe(80);
  });
});

describe('a run that shows nothing', () => {
  const faults = faultsNamed(['kill-all', 'partition']);

  test('is none with enough traffic and every fault', () => {
    expect(thinness(report.steps, faults, counts, leases, 30)).toEqual([]);
  });

  test('is one in which a fault never happened', () => {
    const missing = thinness(report.steps, [...faults, ...faultsNamed(['slow-disk'])], counts, leases, 30);
    expect(missing).toEqual(['slow-disk never happened']);
    expect(thinness([], faults, counts, leases, 30)).toContain('no fault was brought about');
  });

  test('is one whose clients did too little', () => {
    expect(thinness(report.steps, faults, { ...counts, acknowledgedWrites: 59 }, leases, 30)).toEqual([
      'too thin: 59 acknowledgedWrites in 3 steps',
    ]);
    expect(thinness(report.steps, faults, counts, { ...leases, looks: 14 }, 30)).toEqual([
      'too thin: 14 looks in 3 steps',
    ]);
    expect(thinness(report.steps, faults, counts, leases, 2)).toHaveLength(1);
  });
});
