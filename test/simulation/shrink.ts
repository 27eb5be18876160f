import { type RunResult, simulate } from './run.ts';
import { type Overrides, scenarioOf } from './scenario.ts';

export interface Shrunk {
  readonly overrides: Overrides;
  readonly result: RunResult;
  readonly runs: number;
}

/** Looks for less that breaks the same promise: fewer kinds of fault, fewer clients, a shorter run. */
export async function shrink(failing: RunResult, given: Overrides, maxRuns = 60): Promise<Shrunk> {
  const check = failing.violation?.check;
  let best: Shrunk = { overrides: given, result: failing, runs: 0 };
  let runs = 0;
  const tryWith = async (overrides: Overrides): Promise<boolean> => {
    if (runs >= maxRuns) return false;
    runs++;
    const result = await simulate(failing.seed, overrides);
    if (result.violation?.check !== check) return false;
    best = { overrides, result, runs };
    return true;
  };
  const { faults, settings } = scenarioOf(failing.seed, given);
  for (const kind of faults) {
    await tryWith({ ...best.overrides, without: [...(best.overrides.without ?? []), kind] });
  }
  for (const clients of [0, 1, 2]) if (await tryWith({ ...best.overrides, clients })) break;
  for (let durationMs = scenarioOf(failing.seed, best.overrides).durationMs / 2; ; durationMs /= 2) {
    if (durationMs < settings.electionTimeoutMs) break;
    if (!(await tryWith({ ...best.overrides, durationMs: Math.round(durationMs) }))) break;
  }
  return { ...best, runs };
}
