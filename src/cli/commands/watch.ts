import type { Command } from 'commander';
import { type CommandIo, hint } from '../command-io.ts';
import { addConnectionOptions, type ConnectionFlags, connectionFrom } from '../connection-options.ts';
import { plainLine, terminalLine } from '../event-lines.ts';
import { exitCodesHelp } from '../exit-codes.ts';
import { addFilterOptions, conditionsFrom, type FilterFlags } from '../filter-options.ts';
import { wholeNumberOf } from '../flag-values.ts';
import { type WatchedEvent, watchRegistry } from '../registry-watch.ts';
import { watchStopSignals } from '../stop-signals.ts';

interface WatchFlags extends ConnectionFlags, FilterFlags {
  readonly initial?: boolean;
  readonly from?: string;
}

export function addWatchCommand(program: Command, io: CommandIo): void {
  const command = program
    .command('watch')
    .argument('[NAME]', 'watch only this service')
    .summary('show changes as they happen')
    .description(
      'Shows every change of the instances that meet all the conditions, as it happens, until Ctrl+C. Where a member stops, ' +
        'the next one of --url goes on: nothing is lost, and nothing comes twice.',
    );
  addConnectionOptions(
    addFilterOptions(command)
      .option('--initial', 'begin with what there is')
      .option('--from <REVISION>', 'begin with what happened after this revision'),
    ['lines', 'json'],
  )
    .addHelpText(
      'after',
      `
A line is REVISION EVENT NAME/ID STATUS VERSION CHANGED where it is not for a terminal, and with -o json an object:
{"event", "revision", "record"}. Events are registered, updated, status, deregistered and expired; with --initial also
current (no revision) and synced. After "compacted" what there is follows anew.

Examples:
  $ chora-manifest watch
  $ chora-manifest watch billing --initial
  $ chora-manifest watch --tag core --status unhealthy -o json | jq -r .record.id
  $ chora-manifest watch --from 1200 --url http://10.0.0.1:8500,http://10.0.0.2:8500
${exitCodesHelp}`,
    )
    .action((name: string | undefined, flags: WatchFlags) => watch(name, flags, io));
}

async function watch(name: string | undefined, flags: WatchFlags, io: CommandIo): Promise<void> {
  const connection = connectionFrom(flags);
  const conditions = conditionsFrom(flags);
  if (name !== undefined) conditions.set('service', name);
  const from = flags.from === undefined ? null : wholeNumberOf(flags.from, '--from', 0);
  const request = { conditions, from, initial: flags.initial === true };

  const end = new AbortController();
  void watchStopSignals(io.signals).first.then(() => end.abort());
  hint(io, 'Watching; Ctrl+C ends it.\n');
  const tell = (text: string) => io.writeError(`${text}\n`);
  for await (const event of watchRegistry(connection, request, end.signal, tell)) {
    if (event.event === 'compacted' && from !== null && from > event.revision) {
      hint(io, `Revision ${from} has not been reached: the registry is at ${event.revision}. What there is follows.\n`);
    }
    io.write(lineOf(event, flags, io));
  }
}

function lineOf(event: WatchedEvent, { output }: WatchFlags, io: CommandIo): string {
  if (output === 'json') return `${JSON.stringify(event)}\n`;
  return io.isTerminal ? terminalLine(event, new Date().toTimeString().slice(0, 8), io.colour) : plainLine(event);
}
