import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { addCounts, describeCounts, describeViolation, replayCommand } from './replay.ts';
import { type RunResult, simulate } from './run.ts';
import type { Overrides } from './scenario.ts';
import { shrink } from './shrink.ts';

export interface SearchOptions {
  readonly from: number;
  readonly seeds: number;
  readonly jobs: number;
  readonly keepGoing: boolean;
  readonly overrides: Overrides;
}

const progressEveryMs = 10_000;

/** What has been searched so far, and how fast. */
class Tally {
  readonly #began = performance.now();
  readonly #totals = new Map<string, number>();
  readonly failures: RunResult[] = [];
  seeds = 0;
  #virtualMs = 0;

  add(result: RunResult): void {
    this.seeds++;
    this.#virtualMs += result.virtualMs;
    addCounts(this.#totals, result.counts);
    if (result.violation) this.failures.push(result);
  }

  get rate(): string {
    const seconds = (performance.now() - this.#began) / 1_000;
    const times = Math.round(this.#virtualMs / 1_000 / seconds);
    return `${this.seeds} seeds in ${seconds.toFixed(0)} s (${Math.round((this.seeds / seconds) * 60)} a minute, ${times} times real time), ${this.failures.length} failing`;
  }

  get counts(): string {
    return describeCounts(this.#totals);
  }
}

/** Runs seeds until they are used up or one breaks a promise, which is then shrunk. Returns the exit code. */
export async function search(options: SearchOptions): Promise<number> {
  const tally = new Tally();
  const progress = setInterval(() => console.log(tally.rate), progressEveryMs);
  const seen = (result: RunResult): boolean => {
    tally.add(result);
    if (!result.violation) return true;
    console.log(`${describeViolation(result)}\n  ${replayCommand(result.seed, options.overrides)}`);
    return options.keepGoing;
  };
  try {
    if (options.jobs > 1) await searchInProcesses(options, seen);
    else await searchHere(options, seen);
  } finally {
    clearInterval(progress);
  }
  console.log(`${tally.rate}\n${tally.counts}`);
  const [first] = tally.failures;
  if (!first) return 0;
  console.log('shrinking ...');
  const { overrides, result, runs } = await shrink(first, options.overrides);
  console.log(`after ${runs} runs: ${describeViolation(result)}\n  ${replayCommand(first.seed, overrides)}`);
  return 1;
}

async function searchHere(
  { from, seeds, overrides }: SearchOptions,
  seen: (result: RunResult) => boolean,
): Promise<void> {
  for (let seed = from; seed < from + seeds; seed++) {
    const goesOn = seen(await simulate(seed, overrides));
    // Lets timers and signals in.
    await new Promise((resolve) => setImmediate(resolve));
    if (!goesOn) return;
  }
}

/** Each process asks for its next seed when it is done with the last. */
async function searchInProcesses(options: SearchOptions, seen: (result: RunResult) => boolean): Promise<void> {
  const { from, seeds, jobs, overrides } = options;
  let next = from;
  let stopped = false;
  const worker = fileURLToPath(new URL('./search-worker.ts', import.meta.url));
  await Promise.all(
    Array.from({ length: jobs }, () => {
      const child = fork(worker, { execArgv: process.execArgv });
      return new Promise<void>((resolve, reject) => {
        const goOn = () => {
          if (stopped || next >= from + seeds) child.disconnect();
          else child.send({ seed: next++, overrides });
        };
        child.on('message', (result: RunResult) => {
          if (!seen(result)) stopped = true;
          goOn();
        });
        child.on('error', reject);
        child.on('exit', (code) =>
          code === 0 ? resolve() : reject(new Error(`A searching process ended with ${code}.`)),
        );
        goOn();
      });
    }),
  );
}
