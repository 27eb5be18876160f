import type { Command } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { addConnectionOptions, type ConnectionFlags, connectionFrom } from '../connection-options.ts';
import { exitCodesHelp } from '../exit-codes.ts';
import { collect } from '../flag-values.ts';
import { renderJson } from '../output.ts';
import { recordsIn, renderRecords } from '../records.ts';
import { ask } from '../registry-client.ts';

const queryNames = ['status', 'tag', 'environment', 'dependency', 'interface', 'name', 'limit', 'offset'] as const;

type ListFlags = ConnectionFlags & Partial<Readonly<Record<(typeof queryNames)[number], string | readonly string[]>>>;

export function addListCommand(program: Command, io: CommandIo): void {
  addConnectionOptions(program.command('list'))
    .summary('list the registered instances')
    .description('Lists the registered instances that meet all the conditions, by name and id.')
    .option('--status <STATUS>', 'up, unhealthy or unknown')
    .option('--tag <TAG>', 'has this tag; may be repeated, all must match', collect)
    .option('--environment <NAME>', 'development, staging or production')
    .option('--dependency <SERVICE>', 'depends on this service')
    .option('--interface <TYPE>', 'offers this interface, such as gRPC')
    .option('--name <PREFIX>', 'its service name begins with this')
    .option('--limit <COUNT>', 'show at most so many', '1000')
    .option('--offset <COUNT>', 'leave out so many at the beginning', '0')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest list --status up --tag core
  $ chora-manifest list --dependency orchestrator -o json
  $ chora-manifest list --url http://10.0.0.1:8500,http://10.0.0.2:8500
${exitCodesHelp}`,
    )
    .action((flags: ListFlags) => list(flags, io));
}

async function list(flags: ListFlags, io: CommandIo): Promise<void> {
  const query = new URLSearchParams();
  for (const name of queryNames) {
    for (const value of [flags[name] ?? []].flat()) query.append(name, value);
  }
  const { body, headers } = await ask(connectionFrom(flags), {
    method: 'GET',
    path: `/v1/services?${query}`,
    repeatable: true,
  });
  const records = recordsIn(body);
  if (flags.output === 'json') return io.write(renderJson(records));
  if (records.length > 0) io.write(renderRecords(records, io.colour));
  else io.writeError('No registered instance meets this.\n');
  const beyond = Number(headers['x-total-count'] ?? 0) - Number(flags.offset) - records.length;
  if (records.length > 0 && beyond > 0)
    io.writeError(`${beyond} more: go on with --offset ${Number(flags.offset) + records.length}\n`);
}
