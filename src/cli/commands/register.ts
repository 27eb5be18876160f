import type { Command } from 'commander';
import { ChildCommand, obstacleTo } from '../child-command.ts';
import type { CommandIo } from '../command-io.ts';
import { addConnectionOptions, type ConnectionFlags, connectionFrom } from '../connection-options.ts';
import { CommandEnded, CommandError, exitCodes, exitCodesHelp } from '../exit-codes.ts';
import { collect } from '../flag-values.ts';
import { type IdentifiedRecord, KeptLease } from '../kept-lease.ts';
import { renderData } from '../output.ts';
import { type RecordFlags, recordFrom } from '../record-flags.ts';
import { ask, type Connection } from '../registry-client.ts';

interface RegisterFlags extends ConnectionFlags, RecordFlags {
  readonly keepAlive?: boolean;
}

export function addRegisterCommand(program: Command, io: CommandIo, trailing: readonly string[]): void {
  addConnectionOptions(program.command('register'))
    .argument('[NAME]', 'name of the service')
    .argument('[COMMAND...]', 'with --keep-alive, after --: what to run')
    .usage('[options] [NAME] [--keep-alive -- COMMAND…]')
    .summary('register an instance, once or while a command runs')
    .description(
      'Registers an instance and prints its id. It stays listed for as long as somebody sends its heartbeats: 60 s without. ' +
        'With --keep-alive it runs a command, heartbeats while that lives, and deregisters when it ends.',
    )
    .option('--id <ID>', 'id of the instance; made up when absent')
    .option('--version <SEMVER>', 'version of the service')
    .option('--interface <TYPE=ADDRESS>', 'an interface, such as REST=http://10.0.0.7:9000; may be repeated', collect)
    .option('--tag <TAG>', 'a tag; may be repeated', collect)
    .option('--dependency <SERVICE>', 'a service that it depends on; may be repeated', collect)
    .option('--description <TEXT>', 'what it is')
    .option('--environment <NAME>', 'development, staging or production')
    .option('--region <NAME>', 'where it runs')
    .option('--owner <NAME>', 'whose it is')
    .option('--metadata <JSON>', 'more metadata, as a JSON object')
    .option('--heartbeat-interval <SECONDS>', 'a heartbeat interval of its own')
    .option('--unhealthy-after <SECONDS>', 'its own time without a heartbeat until it is unhealthy')
    .option('--remove-after <SECONDS>', 'its own time without a heartbeat until it is removed')
    .option('--file <FILE>', 'read the whole record from a JSON file instead; - for standard input')
    .option('--keep-alive', 'run the command after --, and keep the instance registered until it ends')
    .addHelpText(
      'after',
      `
With --keep-alive, all output of the command is its own, signals are forwarded to it, and its exit code is this one's (128
and its number for a signal, 127 where there is no such program: then nothing is registered). It starts although no member
answers, and is registered as soon as one does; where the registry refuses the record, it does not start.

Examples:
  $ chora-manifest register billing --version 2.1.0 --interface REST=http://10.0.0.7:9000 --tag core
  $ chora-manifest register --file billing.json
  $ chora-manifest register billing --version 2.1.0 --interface REST=http://10.0.0.7:9000 --keep-alive -- node server.js
  $ chora-manifest register --file billing.json --keep-alive -- ./billing --port 9000
  $ chora-manifest get billing billing-1 -o json | chora-manifest register --file - --url http://other:8500
${exitCodesHelp}`,
    )
    .action((_name: unknown, _command: unknown, flags: RegisterFlags, { args }: Command) => {
      const [name, ...others] = args.slice(0, args.length - trailing.length);
      if (others.length > 0) throw new CommandError(`one NAME only, not also "${others.join(' ')}"`, exitCodes.usage);
      return register(name, trailing, flags, io);
    });
}

async function register(
  name: string | undefined,
  command: readonly string[],
  flags: RegisterFlags,
  io: CommandIo,
): Promise<void> {
  if (flags.keepAlive && command.length === 0) {
    throw new CommandError(
      '--keep-alive needs a command after --',
      exitCodes.usage,
      'such as: --keep-alive -- node server.js',
    );
  }
  if (!flags.keepAlive && command.length > 0) {
    throw new CommandError('a command to run goes with --keep-alive', exitCodes.usage);
  }
  const connection = connectionFrom(flags);
  const record = recordFrom(name, flags, io);
  if (flags.keepAlive) return runRegistered(connection, record, command, io);
  // It has its id, so a second member may be asked without listing it twice.
  const { body } = await ask(connection, { method: 'POST', path: '/v1/services', body: record, repeatable: true });
  io.write(renderData(body, flags.output) ?? `${(body as { readonly id?: string } | null)?.id ?? record.id}\n`);
}

async function runRegistered(
  connection: Connection,
  record: Readonly<Record<string, unknown>>,
  command: readonly string[],
  io: CommandIo,
): Promise<void> {
  const { name, id } = record;
  if (typeof name !== 'string' || typeof id !== 'string') {
    throw new CommandError('the record must have a name, and an id that is a text', exitCodes.usage);
  }
  const tell = (text: string) => io.writeError(`chora-manifest: ${text}\n`);
  const obstacle = await obstacleTo(command);
  if (obstacle !== null) {
    tell(obstacle.message);
    throw new CommandEnded(obstacle.exitCode);
  }
  const child = new ChildCommand(io.signals, process.stdin.isTTY === true);
  const lease = new KeptLease(connection, { ...record, name, id } satisfies IdentifiedRecord, tell);
  try {
    await lease.begin();
    const exitCode = await child.run(command, tell);
    await lease.end();
    throw new CommandEnded(exitCode);
  } finally {
    child.release();
  }
}
