import { parseArgs } from 'node:util';
import { describeCatcher } from './catching.ts';
import { allMutations } from './lists/all.ts';
import type { Mutation } from './mutation.ts';
import { describe, isCaught, type Output, outputs, trapName } from './report.ts';
import { tryMutations } from './run.ts';

const exitCodes = { allCaught: 0, notAll: 1, badInput: 64 };

const help = `Tries the net of tests: puts one known bug after the other back into a copy of the project, and runs only what
has to catch it, a few tests or the simulator. A bug that survives is a hole in the tests.

  npm run mutations -- [options]

  --only TRAP|TITLE  only the bugs of this trap, or those whose title holds this text; may be repeated
  --jobs 1|2         bugs tried side by side, each in a copy of its own (default 1)
  --list             the bugs and what has to catch them; runs nothing
  -o, --output ${outputs.join('|')}   the form of the result (default text); progress goes to standard error
  --help

Examples
  npm run mutations -- --only 13                       what holds against trap 13
  npm run mutations -- --only "commits more" --jobs 2
  npm run mutations -- -o markdown > table.md          the table of docs/correctness.md

Each bug is a text to replace in one file, in test/mutations/lists/. When that file is rewritten, its bugs have to be written
anew: the text has to be there exactly once, and test/mutations/lists.test.ts says where it is not.

Exit codes: ${exitCodes.allCaught} every bug was caught, ${exitCodes.notAll} some were not, or the tests fail without any, ${exitCodes.badInput} bad input.
`;

interface Given {
  readonly mutations: readonly Mutation[];
  readonly jobs: number;
  readonly list: boolean;
  readonly output: Output;
}

/** @returns `null` when help was asked for. @throws Error that says what is wrong */
export function readArguments(parameters: readonly string[]): Given | null {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      jobs: { type: 'string', default: '1' },
      list: { type: 'boolean', default: false },
      output: { type: 'string', short: 'o', default: 'text' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const jobs = Number(values.jobs);
  if (jobs !== 1 && jobs !== 2) throw new Error(`--jobs must be 1 or 2; "${values.jobs}" is not.`);
  const output = outputs.find((each) => each === values.output);
  if (!output) throw new Error(`--output must be one of ${outputs.join(', ')}; "${values.output}" is not.`);
  return { mutations: chosen(values.only), jobs, list: values.list, output };
}

function chosen(only: readonly string[]): readonly Mutation[] {
  if (only.length === 0) return allMutations;
  const meets = ({ trap, title }: Mutation, wish: string) =>
    /^\d+$/.test(wish) ? trap === Number(wish) : title.toLowerCase().includes(wish.toLowerCase());
  for (const wish of only) {
    if (!allMutations.some((mutation) => meets(mutation, wish))) {
      throw new Error(`--only "${wish}" is neither a trap nor a part of a title here; --list shows them all.`);
    }
  }
  return allMutations.filter((mutation) => only.some((wish) => meets(mutation, wish)));
}

/** Runs one command line. @returns the exit code */
export async function runMutations(parameters: readonly string[]): Promise<number> {
  let given: Given | null;
  try {
    given = readArguments(parameters);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)} See --help.\n`);
    return exitCodes.badInput;
  }
  if (given === null) {
    process.stdout.write(help);
    return exitCodes.allCaught;
  }
  const { mutations, jobs, list, output } = given;
  if (list) {
    for (const mutation of mutations) process.stdout.write(`${listed(mutation)}\n`);
    return exitCodes.allCaught;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort(new Error(`stopped by ${signal}`)));
  }
  const say = (line: string) => process.stderr.write(`${line}\n`);
  try {
    const tried = await tryMutations({ mutations, jobs, say, signal: interrupted.signal });
    process.stdout.write(`\n${describe(tried, output)}\n`);
    return tried.every(isCaught) ? exitCodes.allCaught : exitCodes.notAll;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return exitCodes.notAll;
  }
}

function listed(mutation: Mutation): string {
  const catchers = mutation.caughtBy.map((catcher) => `\n      ${describeCatcher(catcher)}`);
  return `${trapName(mutation).padStart(4)}  ${mutation.title} (${mutation.file})${catchers.join('')}`;
}
