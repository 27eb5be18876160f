import type { Command } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { addConnectionOptions, type ConnectionFlags, connectionFrom } from '../connection-options.ts';
import { exitCodesHelp } from '../exit-codes.ts';
import { recordFormats, recordsIn, renderRecords } from '../records.ts';
import { ask } from '../registry-client.ts';

export function addGetCommand(program: Command, io: CommandIo): void {
  addConnectionOptions(program.command('get'), recordFormats)
    .argument('<NAME>', 'name of the service')
    .argument('[ID]', 'id of one of its instances')
    .summary('show the instances of one service')
    .description(
      'Shows the instances of one service, healthy ones first, or one of them. As JSON or YAML: a list, or the one record.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest get orchestrator
  $ chora-manifest get orchestrator orchestrator-1 -o yaml
  $ chora-manifest get orchestrator -o json | jq -r '.[0].interfaces.REST'
${exitCodesHelp}`,
    )
    .action((name: string, id: string | undefined, flags: ConnectionFlags) => get(name, id, flags, io));
}

async function get(name: string, id: string | undefined, flags: ConnectionFlags, io: CommandIo): Promise<void> {
  const service = `/v1/services/${encodeURIComponent(name)}`;
  const path = id === undefined ? service : `${service}/${encodeURIComponent(id)}`;
  const records = recordsIn((await ask(connectionFrom(flags), { method: 'GET', path, repeatable: true })).body);
  io.write(renderRecords(records, flags.output, io.colour, id === undefined ? records : records[0]));
}
