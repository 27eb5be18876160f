import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { allFaults, faultsNamed } from './catalogue.ts';
import type { Fault } from './fault.ts';
import { describeRun } from './report.ts';
import { runChaos } from './run.ts';

const exitCodes = { passed: 0, failed: 1, badInput: 64 };

const help = `Runs a cluster of real processes under faults, and judges all that its clients saw.

  npm run chaos -- [options]

  --minutes N        how long; every fault comes once all the same (default 5)
  --seed TEXT        plans the same faults again; how processes run is not in its hands (default: a new one)
  --members 3|5      (default 3)
  --faults A,B,…     only these (default: all)
  --json FILE        the report, for programs
  --help

Faults: ${allFaults.map(({ name }) => name).join(', ')}

Exit codes: ${exitCodes.passed} passed, ${exitCodes.failed} failed, ${exitCodes.badInput} bad input.
`;

interface Given {
  readonly seed: string;
  readonly minutes: number;
  readonly members: number;
  readonly faults: readonly Fault[];
  readonly jsonFile: string | null;
}

/** @returns `null` when help was asked for. @throws Error that says what is wrong */
function readArguments(parameters: readonly string[]): Given | null {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: randomBytes(4).toString('hex') },
      members: { type: 'string', default: '3' },
      faults: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0; "${values.minutes}" is not.`);
  const members = Number(values.members);
  if (members !== 3 && members !== 5) throw new Error(`--members must be 3 or 5; "${values.members}" is not.`);
  if (!/^[\w-]{1,64}$/.test(values.seed)) throw new Error('--seed may hold letters, digits, hyphens and underscores.');
  return {
    seed: values.seed,
    minutes,
    members,
    faults: values.faults === undefined ? allFaults : faultsNamed(values.faults.split(',')),
    jsonFile: values.json ?? null,
  };
}

async function main(parameters: readonly string[]): Promise<number> {
  let given: Given | null;
  try {
    given = readArguments(parameters);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)} See --help.\n`);
    return exitCodes.badInput;
  }
  if (given === null) {
    process.stdout.write(help);
    return exitCodes.passed;
  }
  const { seed, minutes, members, faults, jsonFile } = given;
  const interrupted = new AbortController();
  // A second signal ends the program at once, and leaves processes and mounts behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const say = (line: string) => process.stdout.write(`${line}\n`);
  say(`seed ${seed}, ${members} members, ${minutes} minutes, faults: ${faults.map(({ name }) => name).join(', ')}`);
  const report = await runChaos({
    seed,
    members,
    faults,
    lastsMs: minutes * 60_000,
    say,
    signal: interrupted.signal,
  });
  say(`\n${describeRun(report)}`);
  if (jsonFile !== null) writeFileSync(jsonFile, `${JSON.stringify(report, null, 2)}\n`);
  return exitCodes[report.verdict];
}

process.exitCode = await main(process.argv.slice(2));
