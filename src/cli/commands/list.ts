import type { Command } from 'commander';
import { type CommandIo, hint } from '../command-io.ts';
import { addConnectionOptions, type ConnectionFlags, connectionFrom } from '../connection-options.ts';
import { everyPage } from '../every-page.ts';
import { exitCodesHelp } from '../exit-codes.ts';
import { addFilterOptions, conditionsFrom, type FilterFlags } from '../filter-options.ts';
import { wholeNumberOf } from '../flag-values.ts';
import { recordFormats, renderRecords } from '../records.ts';

interface ListFlags extends ConnectionFlags, FilterFlags {
  readonly limit?: string;
  readonly offset: string;
}

export function addListCommand(program: Command, io: CommandIo): void {
  const command = program
    .command('list')
    .summary('list the registered instances')
    .description('Lists all registered instances that meet all the conditions, by name and id.');
  addConnectionOptions(
    addFilterOptions(command)
      .option('--limit <COUNT>', 'show at most so many; all when absent')
      .option('--offset <COUNT>', 'leave out so many at the beginning', '0'),
    recordFormats,
  )
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest list --status up --tag core
  $ chora-manifest list --version '^2.1' --region eu-1 --metadata zone=b -o wide
  $ chora-manifest list --dependency orchestrator -o json | jq -r '.[].interfaces.REST'
  $ chora-manifest list --name bill -o name
  $ chora-manifest list --url http://10.0.0.1:8500,http://10.0.0.2:8500
${exitCodesHelp}`,
    )
    .action((flags: ListFlags) => list(flags, io));
}

async function list(flags: ListFlags, io: CommandIo): Promise<void> {
  const limit = flags.limit === undefined ? null : wholeNumberOf(flags.limit, '--limit', 1);
  const offset = wholeNumberOf(flags.offset, '--offset', 0);
  const { records, total } = await everyPage(connectionFrom(flags), conditionsFrom(flags), offset, limit);
  io.write(renderRecords(records, flags.output, io.colour));
  if (records.length === 0) return hint(io, 'No registered instance meets this.\n');
  const beyond = total - offset - records.length;
  if (limit !== null && beyond > 0) hint(io, `${beyond} more: go on with --offset ${offset + records.length}\n`);
}
