import { Command, InvalidArgumentError } from 'commander';
import { replay } from './replay.ts';
import { type FaultKind, faultKinds, type Overrides } from './scenario.ts';
import { search } from './search.ts';

interface Flags {
  readonly seed?: number;
  readonly seeds?: number;
  readonly from: number;
  readonly jobs: number;
  readonly without?: readonly FaultKind[];
  readonly clients?: number;
  readonly duration?: number;
  readonly trace: boolean;
  readonly keepGoing?: boolean;
  readonly history?: string;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('It is a whole number.');
  return value;
}

function kinds(text: string): readonly FaultKind[] {
  return text.split(',').map((name) => {
    const kind = faultKinds.find((each) => each === name);
    if (!kind) throw new InvalidArgumentError(`Kinds of fault are: ${faultKinds.join(', ')}.`);
    return kind;
  });
}

/** Runs one command line. Returns the exit code: 0 when every promise held. */
export async function runSimulator(args: readonly string[]): Promise<number> {
  const program = new Command('simulate')
    .description('Runs whole clusters of the production member in a simulated world in which everything fails.')
    .option('--seed <number>', 'replay one seed, with a trace', wholeNumber)
    .option('--seeds <number>', 'search this many seeds', wholeNumber)
    .option('--from <number>', 'the first seed of a search', wholeNumber, 1)
    .option('--jobs <number>', 'processes that search side by side', wholeNumber, 1)
    .option('--keep-going', 'go on after a failing seed')
    .option('--without <kinds>', 'leave out these kinds of fault, separated by commas', kinds)
    .option('--clients <number>', 'at most this many clients of each kind', wholeNumber)
    .option('--duration <milliseconds>', 'length of the phase with faults, in virtual time', wholeNumber)
    .option('--no-trace', 'replay without a trace')
    .option('--history <file>', 'with --seed: write what clients did to this file, for npm run judge')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run simulate -- --seed 42                   what happens under seed 42, line by line
  $ npm run simulate -- --seeds 5000 --jobs 2       look for a seed that breaks a promise
  $ npm run simulate -- --seed 42 --no-trace --history /tmp/42.jsonl && npm run judge -- /tmp/42.jsonl`,
    );
  program.parse([...args], { from: 'user' });
  const flags = program.opts<Flags>();
  const overrides: Overrides = {
    ...(flags.without ? { without: flags.without } : {}),
    ...(flags.clients === undefined ? {} : { clients: flags.clients }),
    ...(flags.duration === undefined ? {} : { durationMs: flags.duration }),
  };
  if (flags.seed !== undefined) return replay(flags.seed, overrides, flags.trace, flags.history ?? null);
  if (flags.history !== undefined) program.error('--history is of one run: name it with --seed.');
  const { from, seeds = 100, jobs, keepGoing = false } = flags;
  return search({ from, seeds, jobs, keepGoing, overrides });
}
