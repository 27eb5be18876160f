import { setMaxListeners } from 'node:events';
import type { Command } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { type AddressFlags, addAddressOptions, connectionFrom } from '../connection-options.ts';
import { CommandError, exitCodes, exitCodesHelp } from '../exit-codes.ts';
import { addTraitOptions, conditionsFrom, type FilterFlags } from '../filter-options.ts';
import { durationMsOf, wholeNumberOf } from '../flag-values.ts';
import { untilUp, type WaitedFor } from '../until-up.ts';

interface WaitFlags extends AddressFlags, FilterFlags {
  readonly timeout: string;
  readonly count: string;
}

export function addWaitCommand(program: Command, io: CommandIo): void {
  const command = program
    .command('wait')
    .argument('<NAME...>', 'services to wait for')
    .summary('wait until services are up, for scripts')
    .description(
      'Waits until every one of these services has an instance that is up and meets all the conditions. Says on standard ' +
        'error what it waits for and what has come; also waits for the registry itself to answer.',
    );
  addAddressOptions(
    addTraitOptions(command)
      .option('--count <COUNT>', 'so many instances of each', '1')
      .option('--timeout <TIME>', 'how long to wait, such as 90s or 5m', '60s'),
  )
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest wait orchestrator billing && ./start.sh
  $ chora-manifest wait billing --version '^2' --count 3 --timeout 5m
  $ chora-manifest wait billing --timeout 10s || echo "gave up with $?"
${exitCodesHelp}`,
    )
    .action((names: readonly string[], flags: WaitFlags) => wait([...new Set(names)], flags, io));
}

async function wait(names: readonly string[], flags: WaitFlags, io: CommandIo): Promise<void> {
  const connection = connectionFrom({ ...flags, timeout: answerTimeout });
  const timeoutMs = Math.ceil(durationMsOf(flags.timeout, '--timeout'));
  const count = wholeNumberOf(flags.count, '--count', 1);
  const conditions = conditionsFrom(flags);
  const deadline = AbortSignal.timeout(timeoutMs);
  // Each service that is waited for listens.
  setMaxListeners(0, deadline);
  io.writeError(`waiting for ${names.join(', ')} (at most ${flags.timeout})\n`);
  const all = await Promise.all(
    names.map(async (name) => {
      const outcome = await untilUp(connection, { name, conditions, count }, deadline);
      if (outcome.isUp) io.writeError(`${name} is up\n`);
      return outcome;
    }),
  );
  const missing = all.filter(({ isUp }) => !isUp);
  if (missing.length === 0) return;
  throw new CommandError(
    `not up after ${flags.timeout}:\n${missing.map((one) => `  ${describe(one)}`).join('\n')}`,
    exitCodes.timedOut,
  );
}

/** For one member's answer beside the time that it holds it. */
const answerTimeout = '10s';

function describe({ name, instances, trouble }: WaitedFor): string {
  if (trouble !== null) return `${name}: ${trouble.split('\n').join('\n  ')}`;
  if (instances.length === 0) return `${name}: no such instance is registered`;
  return `${name}: ${instances.map(({ id, status }) => `${id} is ${status}`).join(', ')}`;
}
