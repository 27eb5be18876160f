import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from './fault.ts';
import { readAllAtTheEnd } from './final-reads.ts';
import type { LeaseCounts } from './leases.ts';
import { plan } from './plan.ts';
import { Stage } from './stage.ts';
import { pause, play, progress, type StepReport } from './step.ts';
import type { TrafficCounts } from './traffic.ts';
import { changesIn, judgeTraffic, thinness } from './verdict.ts';

const leasesRunOutWithinMs = 60_000;
const sameStateWithinMs = 60_000;

export interface RunOptions {
  readonly seed: string;
  readonly members: number;
  readonly faults: readonly Fault[];
  /** No step begins later than this, once every fault has happened. */
  readonly lastsMs: number;
  readonly say: (line: string) => void;
  /** Ends the run after the step that is under way; it is judged all the same. */
  readonly signal?: AbortSignal;
}

export interface RunReport {
  readonly verdict: 'passed' | 'failed';
  readonly seed: string;
  readonly members: number;
  readonly durationMs: number;
  readonly steps: readonly StepReport[];
  readonly skipped: readonly { readonly fault: string; readonly reason: string }[];
  readonly traffic: TrafficCounts;
  readonly leases: LeaseCounts;
  readonly history: {
    readonly verdict: string;
    readonly operations: number;
    readonly keys: number;
    readonly unknownOutcomes: number;
    readonly undecidedKeys: number;
  };
  /** Instances of which it was certain, without knowing the order of concurrent writes, what a reader must find. */
  readonly certainKeys: number;
  /** Of every member's state, at the end; `null` when they did not come to one. */
  readonly stateHash: string | null;
  readonly violations: readonly string[];
  /** With the history and the members' logs, after a failure. */
  readonly keptIn: string | null;
}

/** Runs a cluster under planned faults, and judges all that its clients saw. */
export async function runChaos(options: RunOptions): Promise<RunReport> {
  const beganMs = performance.now();
  const stage = await Stage.set(options.seed, options.members);
  try {
    const skipped = options.faults.flatMap((fault) => {
      const reason = fault.impossible(stage.cluster);
      return reason === null ? [] : [{ fault: fault.name, reason }];
    });
    const faults = options.faults.filter((fault) => fault.impossible(stage.cluster) === null);
    for (const { fault, reason } of skipped) options.say(`skipped ${fault}: ${reason}`);
    const steps = await playAll(stage, faults, options);
    const end = await comeToRest(stage);
    const { traffic } = stage;
    const changes = changesIn(faults);
    const judgement = judgeTraffic(traffic, changes);
    const leases = stage.leases.counts;
    for (const reason of thinness(steps, faults, traffic.counts, leases, end.certainKeys)) traffic.violation(reason);
    const hasFailed = traffic.violations.length > 0;
    return {
      verdict: hasFailed ? 'failed' : 'passed',
      seed: options.seed,
      members: options.members,
      durationMs: performance.now() - beganMs,
      steps,
      skipped,
      traffic: traffic.counts,
      leases,
      history: {
        verdict: judgement.verdict,
        operations: judgement.operations,
        keys: judgement.keys,
        unknownOutcomes: judgement.unknownOutcomes,
        undecidedKeys: judgement.undecidedKeys.length,
      },
      ...end,
      violations: traffic.violations,
      keptIn: hasFailed ? keep(stage, options.seed, { ...changes }) : null,
    };
  } finally {
    await stage.cluster.stop();
  }
}

async function playAll(stage: Stage, faults: readonly Fault[], options: RunOptions): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  const startedMs = performance.now();
  const isOver = () => reports.length >= faults.length && performance.now() - startedMs >= options.lastsMs;
  stage.start();
  await progress(stage, startedMs, 'before any fault');
  for (const step of faults.length > 0 ? plan(options.seed, faults) : []) {
    try {
      const report = await play(stage, options.seed, step);
      reports.push(report);
      options.say(tell(report));
    } catch (error) {
      // What comes after is not what was planned: the run ends, and is judged as far as it went.
      const names = step.faults.map(({ name }) => name).join(' with ');
      stage.traffic.violation(`step ${step.number}, ${names}: ${messageOf(error)}`);
      break;
    }
    if (isOver() || options.signal?.aborted) break;
    await pause(step.restMs);
  }
  return reports;
}

/** Heals all, ends the clients, and looks at what is left. */
async function comeToRest(stage: Stage): Promise<{ certainKeys: number; stateHash: string | null }> {
  const { traffic, leases, cluster } = stage;
  const attempt = async <T>(what: string, act: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      traffic.violation(`${what}: ${messageOf(error)}`);
      return otherwise;
    }
  };
  await attempt('healing', () => stage.heal(), undefined);
  await stage.stopClients();
  await attempt('leases at the end', () => leases.stop(leasesRunOutWithinMs), undefined);
  return {
    certainKeys: await attempt('reading at the end', () => readAllAtTheEnd(stage), 0),
    stateHash: await attempt('states at the end', () => cluster.processes.sameState(sameStateWithinMs), null),
  };
}

function keep({ cluster, traffic }: Stage, seed: string, changes: Readonly<Record<string, unknown>>): string {
  const directory = join(tmpdir(), `manifest-chaos-${seed}`);
  mkdirSync(directory, { recursive: true });
  traffic.recorder.writeTo(join(directory, 'history.jsonl'), 'registry', changes);
  for (const name of readdirSync(cluster.processes.directory).filter((each) => each.endsWith('.log'))) {
    cpSync(join(cluster.processes.directory, name), join(directory, name));
  }
  return directory;
}

function tell({ step, faults, what, durationMs, recoveryMs, longestGapMs }: StepReport): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  return (
    `step ${step}: ${faults.join(' with ')} (${what}), ${seconds(durationMs)}, ` +
    `serving ${seconds(recoveryMs)} after it, longest time without an acknowledged write ${seconds(longestGapMs)}`
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
