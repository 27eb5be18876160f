import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { isInstalled } from './load/run-program.ts';
import { type CpuProfile, sharesOf } from './report/profile.ts';
import { cellsOf, plainTable } from './report/table.ts';
import { writeReport } from './report/write-report.ts';
import type { ScenarioResult } from './results.ts';
import { runBench } from './run-bench.ts';
import type { StageSettings } from './scenario.ts';
import { allScenarios, scenariosNamed } from './scenarios/all.ts';

const exitCodes = { done: 0, failed: 1, badInput: 64, interrupted: 130 };

const quickSettings: StageSettings = { quick: true, rounds: 1, durationMs: 1_500, warmUpMs: 500 };
const fullSettings: StageSettings = { quick: false, rounds: 5, durationMs: 6_000, warmUpMs: 2_000 };

interface Flags {
  readonly quick?: boolean;
  readonly only?: readonly string[];
  readonly rounds?: number;
  readonly seconds?: number;
  readonly etcd: boolean;
  readonly dir: string;
  readonly json?: string;
  readonly cpuProfile?: string;
  readonly list?: boolean;
  readonly report?: string;
}

function commandLine(): Command {
  return new Command('npm run bench --')
    .description(
      'Measures a cluster of this project and one of etcd, with real processes on a real disk, one after the other in turn.',
    )
    .option('--quick', 'about three minutes: fewer cases, one short round each')
    .option('--only <NAMES>', 'only these scenarios, with commas between them', (text: string) => text.split(','))
    .option('--rounds <COUNT>', `repeat each measurement so often (default: ${fullSettings.rounds})`, count)
    .option('--seconds <SECONDS>', `length of one measurement (default: ${fullSettings.durationMs / 1_000})`, count)
    .option('--no-etcd', 'measure this project only; also when etcd is not installed')
    .option('--dir <DIRECTORY>', 'keep the data in here while it runs; must be on a disk', tmpdir())
    .option('--json <FILE>', 'write all results to this file, after each scenario')
    .option(
      '--cpu-profile <DIRECTORY>',
      'let every member leave a CPU profile here, and show where the time went; costs some speed',
    )
    .option('--report <FILE>', 'measure nothing: make docs/performance.md and its plots from results of --json')
    .option('--list', 'name the scenarios and end')
    .exitOverride()
    .addHelpText(
      'after',
      `
Scenarios:
${allScenarios.map(({ name, title }) => `  ${name.padEnd(18)} ${title}`).join('\n')}

Asks with wrk and h2load when they are on the PATH (Debian: wrk, nghttp2-client), otherwise with generators of its own, which cost
more. Compares with etcd when it is on the PATH (Debian: etcd-server).

Examples:
  $ npm run bench -- --quick
  $ npm run bench -- --only heartbeat-rest,heartbeat-grpc --rounds 3 --seconds 5
  $ npm run bench -- --only register-grpc --no-etcd --cpu-profile profiles
  $ npm run bench -- --json results.json && npm run bench -- --report results.json

Exit codes: ${exitCodes.done} done, ${exitCodes.failed} a scenario failed, ${exitCodes.badInput} bad input, ${exitCodes.interrupted} interrupted. Goals that are not met are no failure.`,
    );
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function show({ title, seconds, measured, error }: ScenarioResult): void {
  say(`\n${title} (${seconds.toFixed(0)} s)`);
  if (error !== undefined) say(`FAILED: ${error}`);
  if (measured) {
    say(plainTable(cellsOf(measured)));
    for (const { text, wanted, measured: found, met } of measured.goals) {
      say(`${met ? 'met    ' : 'NOT MET'} ${text}: ${found}; wanted: ${wanted}`);
    }
  }
  say('');
}

function profilesIn(directory: string): string[] {
  return readdirSync(directory).filter((file) => file.endsWith('.cpuprofile'));
}

/** Where the members' time went, in the profiles that were not there before. */
function showProfiles(directory: string, before: readonly string[]): void {
  const files = profilesIn(directory).filter((file) => !before.includes(file));
  const profiles = files.map((file) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as CpuProfile);
  const { parts, functions } = sharesOf(profiles);
  for (const [title, shares] of [
    ['part', parts],
    ['function', functions],
  ] as const) {
    say(`CPU time of ${files.length} members by ${title}:`);
    for (const { what, share } of shares.slice(0, 20)) say(`${(share * 100).toFixed(1).padStart(6)} %  ${what}`);
  }
}

function report(resultsFile: string): number {
  try {
    for (const file of writeReport(resultsFile)) say(file);
    return exitCodes.done;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return exitCodes.badInput;
  }
}

async function main(parameters: readonly string[]): Promise<number> {
  const program = commandLine();
  try {
    program.parse([...parameters], { from: 'user' });
  } catch (error) {
    return error instanceof CommanderError && error.exitCode === 0 ? exitCodes.done : exitCodes.badInput;
  }
  const flags = program.opts<Flags>();
  if (flags.list) {
    for (const { name, title } of allScenarios) say(`${name.padEnd(18)} ${title}`);
    return exitCodes.done;
  }
  if (flags.report !== undefined) return report(flags.report);
  const base = flags.quick ? quickSettings : fullSettings;
  const settings = {
    ...base,
    rounds: flags.rounds ?? base.rounds,
    durationMs: flags.seconds === undefined ? base.durationMs : flags.seconds * 1_000,
  };
  const interrupted = new AbortController();
  // A second signal ends the program at once, and leaves processes and directories behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const withEtcd = flags.etcd && isInstalled('etcd');
  if (flags.etcd && !withEtcd) say('etcd is not on the PATH: nothing is compared (Debian: apt install etcd-server).');
  try {
    // A mistake in a name is to show before an hour of work, not behind it.
    if (flags.json !== undefined) writeFileSync(flags.json, '');
    if (flags.cpuProfile !== undefined) mkdirSync(flags.cpuProfile, { recursive: true });
    const profilesBefore = flags.cpuProfile === undefined ? [] : profilesIn(flags.cpuProfile);
    const results = await runBench({
      scenarios: flags.only ? scenariosNamed(flags.only) : allScenarios.filter(({ quick }) => quick || !flags.quick),
      settings,
      withEtcd,
      parentDirectory: flags.dir,
      cpuProfileDirectory: flags.cpuProfile,
      signal: interrupted.signal,
      say,
      finished(result, soFar) {
        show(result);
        if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(soFar, null, 2)}\n`);
      },
    });
    if (flags.cpuProfile !== undefined) showProfiles(flags.cpuProfile, profilesBefore);
    return results.scenarios.some(({ error }) => error !== undefined) ? exitCodes.failed : exitCodes.done;
  } catch (error) {
    if (interrupted.signal.aborted) return exitCodes.interrupted;
    process.stderr.write(`${(error as Error).message} See --help.\n`);
    return exitCodes.badInput;
  }
}

process.exitCode = await main(process.argv.slice(2));
