import { simulate } from '../simulation/run.ts';

/** What the search found, as one line of JSON on standard output. */
export interface SeedReport {
  /** The first seed that broke a promise; `null` when all of them held. */
  readonly seed: number | null;
  readonly seeds: number;
  readonly check: string;
  readonly message: string;
}

/** Runs seeds from `from` on, in a process of its own: it simulates the program that lies beside it. */
async function firstFailingSeed(seeds: number, from: number): Promise<SeedReport> {
  for (let seed = from; seed < from + seeds; seed++) {
    const { violation } = await simulate(seed);
    if (violation) return { seed, seeds, check: violation.check, message: violation.message };
  }
  return { seed: null, seeds, check: '', message: '' };
}

console.log(JSON.stringify(await firstFailingSeed(Number(process.argv[2]), Number(process.argv[3]))));
