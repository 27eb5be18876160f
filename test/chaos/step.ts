import { waitFor } from '../process/wait-for.ts';
import type { ActiveFault, Fault, Scene } from './fault.ts';
import { randomOf, type Step } from './plan.ts';
import type { Stage } from './stage.ts';

/** Within this, a cluster with a majority acknowledges a write that began after the fault: generous, for busy machines. */
const progressWithinMs = 45_000;
const readyWithinMs = 90_000;

export interface StepReport {
  readonly step: number;
  /** The step's own fault comes last. */
  readonly faults: readonly string[];
  /** Whom it struck. */
  readonly what: string;
  /** From the beginning of the fault until everybody served again. */
  readonly durationMs: number;
  /** From the end of the fault until everybody served again. */
  readonly recoveryMs: number;
  /** Longest time without an acknowledged write, all clients together, from the fault's beginning until everybody served. */
  readonly longestGapMs: number;
}

/** Brings the step's faults about, takes them back, and sees that the cluster serves while and after it should. */
export async function play(stage: Stage, seed: string, step: Step): Promise<StepReport> {
  const { cluster, traffic, leases } = stage;
  const mayColdStart = step.faults.some((fault) => fault.mayColdStart);
  const beganMs = performance.now();
  traffic.forgetBefore(beganMs);
  if (mayColdStart) leases.coldStartMayBegin();
  const active: ActiveFault[] = [];
  try {
    for (const fault of step.faults) active.push(await fault.begin(sceneOf(stage, seed, step, fault)));
    const inForceMs = performance.now();
    if (step.faults.every((fault) => fault.keepsMajority)) await progress(stage, inForceMs, 'while a majority is left');
    await pause(step.lastsMs - (performance.now() - inForceMs));
  } finally {
    for (const fault of active.toReversed()) await fault.heal();
  }
  const healedMs = performance.now();
  await cluster.processes.ready(readyWithinMs);
  await progress(stage, healedMs, 'after the fault is over');
  if (mayColdStart) leases.coldStartIsOver();
  const endMs = performance.now();
  return {
    step: step.number,
    faults: step.faults.map(({ name }) => name),
    what: active.map(({ what }) => what).join('; '),
    durationMs: endMs - beganMs,
    recoveryMs: endMs - healedMs,
    longestGapMs: longestGap(
      traffic.acknowledged.map(({ atMs }) => atMs),
      beganMs,
      endMs,
    ),
  };
}

/** @param timesMs ascending */
export function longestGap(timesMs: readonly number[], beginMs: number, endMs: number): number {
  let longestMs = 0;
  let lastMs = beginMs;
  for (const atMs of [...timesMs.filter((each) => each >= beginMs && each <= endMs), endMs]) {
    longestMs = Math.max(longestMs, atMs - lastMs);
    lastMs = atMs;
  }
  return longestMs;
}

export async function progress({ traffic }: Stage, afterMs: number, when: string): Promise<void> {
  await waitFor(() => traffic.acknowledged.findLast(({ beganMs }) => beganMs >= afterMs), {
    timeoutMs: progressWithinMs,
    everyMs: 10,
    what: `a write to be acknowledged ${when}`,
  });
}

export async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}

function sceneOf({ cluster, traffic, leases }: Stage, seed: string, step: Step, fault: Fault): Scene {
  return { cluster, traffic, leases, random: randomOf(seed, step, fault) };
}
