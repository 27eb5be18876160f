import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type ChildResult, runChild } from './child.ts';
import type { SeedReport } from './first-failing-seed.ts';
import type { Catcher, SimulatorCatcher, TestCatcher } from './mutation.ts';

/**
 * - `caught`: tests failed, or a seed broke a promise
 * - `survived`: everything passed
 * - `broken`: nothing can be said, as nothing ran, or it did not end: a program that does not even load is no proof of
 *   tests that would find the bug
 */
export interface Outcome {
  readonly result: 'caught' | 'survived' | 'broken';
  /** What caught it, or what went wrong. */
  readonly by: string;
  /** How many of the tests failed, or how many seeds it took. */
  readonly effort: string;
  readonly tookMs: number;
}

/** As an outcome, with everything that failed. */
export interface Finding extends Omit<Outcome, 'by' | 'tookMs'> {
  readonly by: readonly string[];
}

const timeoutMs = 300_000;

/** Runs one catcher in the copy of the project at `directory`. A test that names `trap` is told of before others. */
export async function tryCatcher(
  catcher: Catcher,
  directory: string,
  signal: AbortSignal,
  trap: number | null = null,
): Promise<Outcome> {
  const beganMs = performance.now();
  const { result, effort, by } = await find(catcher, directory, signal);
  const name = new RegExp(`trap ${trap}\\b`);
  const told = by.find((each) => name.test(each)) ?? by[0] ?? '';
  return { result, effort, by: told, tookMs: performance.now() - beganMs };
}

export function describeCatcher(catcher: Catcher): string {
  if ('simulatorSeeds' in catcher)
    return `simulator, up to ${catcher.simulatorSeeds} seeds from ${catcher.from ?? 1} on`;
  return catcher.named === undefined ? catcher.test : `${catcher.test} "${catcher.named}"`;
}

export function find(catcher: Catcher, cwd: string, signal: AbortSignal): Promise<Finding> {
  if ('simulatorSeeds' in catcher) return simulator(catcher, cwd, signal);
  return catcher.test.endsWith('.py') ? unittest(catcher, cwd, signal) : vitest([catcher], cwd, signal);
}

function broken(why: string, { stdout, stderr, timedOut }: ChildResult): Finding {
  const said = `${stdout}\n${stderr}`.trim().slice(-600);
  return { result: 'broken', by: [timedOut ? `did not end in ${timeoutMs / 1_000} s` : `${why}: ${said}`], effort: '' };
}

async function simulator(
  { simulatorSeeds: seeds, from = 1 }: SimulatorCatcher,
  cwd: string,
  signal: AbortSignal,
): Promise<Finding> {
  const child = await runChild(
    process.execPath,
    ['--import', './scripts/run-typescript.mjs', 'test/mutations/first-failing-seed.ts', String(seeds), String(from)],
    { cwd, timeoutMs, signal },
  );
  if (child.exitCode !== 0) return broken('the simulator ended', child);
  const { seed, check } = JSON.parse(child.stdout) as SeedReport;
  if (seed === null) return { result: 'survived', by: [], effort: `${seeds} seeds` };
  const tried = seed - from + 1;
  return { result: 'caught', by: [`simulator: ${check}`], effort: tried === 1 ? '1 seed' : `${tried} seeds` };
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly message?: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Runs the tests of several files at once; `named` counts for one file only. */
export async function vitest(catchers: readonly TestCatcher[], cwd: string, signal: AbortSignal): Promise<Finding> {
  const reportFile = join(cwd, 'vitest-report.json');
  rmSync(reportFile, { force: true });
  const named = catchers.length === 1 ? catchers[0]?.named : undefined;
  const child = await runChild(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project=unit',
      '--reporter=json',
      `--outputFile=${reportFile}`,
      ...(named === undefined ? [] : ['-t', escaped(named)]),
      ...catchers.map(({ test }) => test),
    ],
    { cwd, timeoutMs, signal },
  );
  const report = readReport(reportFile);
  if (!report) return broken('no test ran', child);
  const files = report.testResults;
  const tests = files.flatMap((file) =>
    file.assertionResults.map(({ status, fullName }) => ({
      status,
      name: `${basename(file.name)}: ${fullName.trim()}`,
    })),
  );
  const ran = tests.filter(({ status }) => status === 'passed' || status === 'failed');
  const failed = ran.filter(({ status }) => status === 'failed').map(({ name }) => name);
  if (failed.length > 0) return caught(failed, ran.length);
  const unloaded = files.find((file) => file.status === 'failed');
  if (unloaded) return broken(`${unloaded.name} does not load: ${unloaded.message ?? ''}`, child);
  if (ran.length === 0 || child.exitCode !== 0) return broken('no test ran', child);
  return { result: 'survived', by: [], effort: `${ran.length} tests` };
}

function readReport(path: string): VitestReport | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as VitestReport;
  } catch {
    return null;
  }
}

async function unittest({ test, named }: TestCatcher, cwd: string, signal: AbortSignal): Promise<Finding> {
  const child = await runChild(
    process.env.PYTHON ?? 'python3',
    [
      ...['-m', 'unittest', 'discover', '-s', 'clients/python/tests', '-p', basename(test)],
      ...(named === undefined ? [] : ['-k', named]),
    ],
    { cwd, timeoutMs, signal },
  );
  const ran = Number(/^Ran (\d+) tests?/m.exec(child.stderr)?.[1] ?? 0);
  const failed = [...child.stderr.matchAll(/^(?:FAIL|ERROR): (\w+) \((.*)\)/gm)];
  if (ran === 0 || failed.some(([, , where]) => where?.includes('_FailedTest'))) return broken('no test ran', child);
  if (failed.length > 0) {
    // One for each of its sub-tests.
    const names = new Set(failed.map(([, name]) => `${basename(test)}: ${name}`));
    return caught([...names], ran);
  }
  if (child.exitCode !== 0) return broken('Python ended', child);
  return { result: 'survived', by: [], effort: `${ran} tests` };
}

const caught = (failed: readonly string[], ran: number): Finding => ({
  result: 'caught',
  by: failed,
  effort: `${failed.length} of ${ran} tests`,
});

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
