import { type Judgement, judge } from '../linearizability/judge.ts';
import { registryModel, type SpontaneousChanges } from '../linearizability/models/registry.ts';
import type { RegistryInput, RegistryOutput } from '../linearizability/models/registry-operations.ts';
import { describeJudgement } from '../linearizability/timeline.ts';
import type { Fault } from './fault.ts';
import type { LeaseCounts } from './leases.ts';
import type { StepReport } from './step.ts';
import type { Traffic, TrafficCounts } from './traffic.ts';

/** Less than this a step means that nothing could have gone wrong: such a run shows nothing. */
const leastPerStep = { acknowledgedWrites: 20, reads: 10, renewals: 10, looks: 5 };

/** Of all instances; more than that undecided would be no verdict. */
const undecidedShareMax = 0.01;

/** Leases that clients share outlast the longest run, and so do tombstones the use of an instance. */
export function changesIn(faults: readonly Fault[]): SpontaneousChanges {
  return {
    removal: false,
    unhealthy: false,
    coldStart: faults.some(({ mayColdStart }) => mayColdStart),
    forgetting: false,
  };
}

export type HistoryJudgement = Judgement<RegistryInput, RegistryOutput>;

/** Judges the clients' history, and puts down what is wrong with it. */
export function judgeTraffic(traffic: Traffic, changes: SpontaneousChanges): HistoryJudgement {
  const model = registryModel(changes);
  const judgement = judge(traffic.recorder.history(), model);
  const undecided = judgement.undecidedKeys.length;
  if (judgement.verdict === 'not-linearizable' || undecided > undecidedShareMax * judgement.keys) {
    traffic.violation(describeJudgement(judgement, model));
  }
  return judgement;
}

/** @returns why the run shows nothing, though nothing went wrong in it; empty when it does show something */
export function thinness(
  steps: readonly StepReport[],
  expected: readonly Fault[],
  counts: TrafficCounts,
  leases: LeaseCounts,
  certainKeys: number,
): string[] {
  const happened = new Set(steps.flatMap(({ faults }) => faults));
  const had = { ...counts, ...leases };
  const reasons = expected.filter(({ name }) => !happened.has(name)).map(({ name }) => `${name} never happened`);
  for (const [what, least] of Object.entries(leastPerStep)) {
    const found = had[what as keyof typeof leastPerStep];
    if (found < least * steps.length) reasons.push(`too thin: ${found} ${what} in ${steps.length} steps`);
  }
  if (steps.length === 0) reasons.push('no fault was brought about');
  if (certainKeys < steps.length) reasons.push(`too thin: only of ${certainKeys} instances the end was certain`);
  return reasons;
}
