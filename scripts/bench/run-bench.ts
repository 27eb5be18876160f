import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Generators } from './load/generators.ts';
import { busyWarning, describeMachine, refuseVolatile, versions } from './machine.ts';
import type { Results, ScenarioResult } from './results.ts';
import { RunStage } from './run-stage.ts';
import type { Scenario, StageSettings } from './scenario.ts';

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly settings: StageSettings;
  readonly withEtcd: boolean;
  /** Data directories go here; on a disk. */
  readonly parentDirectory: string;
  readonly cpuProfileDirectory?: string | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Called after each scenario, with all results up to then. */
  readonly finished: (result: ScenarioResult, soFar: Results) => void;
}

/** Runs the scenarios one after the other; one that fails does not end the others. @throws when it is interrupted */
export async function runBench(options: BenchOptions): Promise<Results> {
  const { scenarios, settings, parentDirectory, signal } = options;
  refuseVolatile(parentDirectory);
  const directory = mkdtempSync(join(resolve(parentDirectory), 'manifest-bench-'));
  // Clusters make their directories where the system keeps temporary files.
  process.env.TMPDIR = directory;
  const generators = new Generators(directory);
  // A load that runs for long is not waited for.
  signal.addEventListener('abort', () => generators.stop(), { once: true });
  const startedAt = new Date();
  const results: ScenarioResult[] = [];
  try {
    const machine = describeMachine(directory);
    const found = versions();
    options.say(`${machine.processor}, ${machine.cores} cores, ${machine.memoryGib} GiB, ${machine.fileSystem}`);
    options.say(`Manifest ${found.manifest}, Node ${found.node}, etcd ${found.etcd ?? 'not installed'}`);
    const warning = busyWarning(machine);
    if (warning !== null) options.say(warning);
    const soFar = (): Results => ({
      startedAt: startedAt.toISOString(),
      seconds: (Date.now() - startedAt.getTime()) / 1_000,
      settings,
      machine,
      versions: found,
      scenarios: results,
    });
    for (const scenario of scenarios) {
      signal.throwIfAborted();
      options.say(`${scenario.name}: ${scenario.title}`);
      const result = await runScenario(scenario, options, directory, generators);
      signal.throwIfAborted();
      results.push(result);
      options.finished(result, soFar());
    }
    return soFar();
  } finally {
    generators.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runScenario(
  { name, title, run }: Scenario,
  options: BenchOptions,
  directory: string,
  generators: Generators,
): Promise<ScenarioResult> {
  const stage = new RunStage({ ...options, directory, generators });
  const startedMs = performance.now();
  const secondsSince = () => (performance.now() - startedMs) / 1_000;
  try {
    const measured = await run(stage);
    return { name, title, seconds: secondsSince(), measured };
  } catch (error) {
    return { name, title, seconds: secondsSince(), error: (error as Error).message };
  } finally {
    await stage.endAll();
  }
}
