import type { Command } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { addConnectionOptions, type ConnectionFlags, connectionFrom } from '../connection-options.ts';
import { exitCodesHelp } from '../exit-codes.ts';
import { renderData } from '../output.ts';
import { ask } from '../registry-client.ts';

export function addDeregisterCommand(program: Command, io: CommandIo): void {
  addConnectionOptions(program.command('deregister'))
    .argument('<NAME>', 'name of the service')
    .argument('<ID>', 'id of the instance')
    .summary('remove an instance from the registry')
    .description('Removes an instance from the registry. Its heartbeats are refused from then on.')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest deregister billing billing-1a2b3c4d
  $ MANIFEST_AUTH_TOKEN=… chora-manifest deregister billing billing-1a2b3c4d -o json
${exitCodesHelp}`,
    )
    .action((name: string, id: string, flags: ConnectionFlags) => deregister(name, id, flags, io));
}

async function deregister(name: string, id: string, flags: ConnectionFlags, io: CommandIo): Promise<void> {
  const path = `/v1/services/${encodeURIComponent(name)}/${encodeURIComponent(id)}`;
  await ask(connectionFrom(flags), { method: 'DELETE', path, repeatable: false });
  io.write(renderData({ name, id, deregistered: true }, flags.output) ?? `deregistered ${name} ${id}\n`);
}
