import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { addConnectionOptions, type ConnectionFlags, connectionFrom } from '../connection-options.ts';
import { CommandError, exitCodes, exitCodesHelp } from '../exit-codes.ts';
import { collect, pairOf } from '../flag-values.ts';
import { renderData } from '../output.ts';
import { ask } from '../registry-client.ts';

interface RecordFlags {
  readonly id?: string;
  readonly version?: string;
  readonly interface?: readonly string[];
  readonly tag?: readonly string[];
  readonly dependency?: readonly string[];
  readonly description?: string;
  readonly environment?: string;
  readonly metadata?: string;
  readonly heartbeatInterval?: string;
  readonly unhealthyAfter?: string;
  readonly removeAfter?: string;
}

interface RegisterFlags extends ConnectionFlags, RecordFlags {
  readonly file?: string;
}

export function addRegisterCommand(program: Command, io: CommandIo): void {
  addConnectionOptions(program.command('register'))
    .argument('[NAME]', 'name of the service')
    .summary('register an instance, once')
    .description(
      'Registers an instance and prints its id. It stays listed for as long as somebody sends its heartbeats: 60 s without.',
    )
    .option('--id <ID>', 'id of the instance; made up when absent')
    .option('--version <SEMVER>', 'version of the service')
    .option('--interface <TYPE=ADDRESS>', 'an interface, such as REST=http://10.0.0.7:9000; may be repeated', collect)
    .option('--tag <TAG>', 'a tag; may be repeated', collect)
    .option('--dependency <SERVICE>', 'a service that it depends on; may be repeated', collect)
    .option('--description <TEXT>', 'what it is')
    .option('--environment <NAME>', 'development, staging or production')
    .option('--metadata <JSON>', 'more metadata, as a JSON object')
    .option('--heartbeat-interval <SECONDS>', 'a heartbeat interval of its own')
    .option('--unhealthy-after <SECONDS>', 'its own time without a heartbeat until it is unhealthy')
    .option('--remove-after <SECONDS>', 'its own time without a heartbeat until it is removed')
    .option('--file <FILE>', 'read the whole record from a JSON file instead; - for standard input')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest register billing --version 2.1.0 --interface REST=http://10.0.0.7:9000 --tag core
  $ chora-manifest register --file billing.json
  $ chora-manifest get billing billing-1 -o json | chora-manifest register --file - --url http://other:8500
${exitCodesHelp}`,
    )
    .action((name: string | undefined, flags: RegisterFlags) => register(name, flags, io));
}

async function register(name: string | undefined, flags: RegisterFlags, io: CommandIo): Promise<void> {
  const connection = connectionFrom(flags);
  const record = withId(flags.file === undefined ? recordFrom(name, flags) : recordIn(flags.file, name, io));
  // It has its id, so a second member may be asked without listing it twice.
  const { body } = await ask(connection, { method: 'POST', path: '/v1/services', body: record, repeatable: true });
  io.write(renderData(body, flags.output) ?? `${(body as { readonly id?: string } | null)?.id ?? record.id}\n`);
}

function withId(record: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (record.id !== undefined || typeof record.name !== 'string') return record;
  return { ...record, id: `${record.name}-${randomBytes(4).toString('hex')}` };
}

function recordFrom(name: string | undefined, flags: RecordFlags): Record<string, unknown> {
  if (name === undefined) throw new CommandError('give a NAME, or the whole record with --file', exitCodes.usage);
  const metadata = compact({
    ...(flags.metadata === undefined ? {} : parseObject(flags.metadata, '--metadata')),
    description: flags.description,
    environment: flags.environment,
    tags: flags.tag,
    dependencies: flags.dependency,
  });
  const ttl = compact({
    heartbeat_interval: seconds(flags.heartbeatInterval, '--heartbeat-interval'),
    unhealthy_after: seconds(flags.unhealthyAfter, '--unhealthy-after'),
    remove_after: seconds(flags.removeAfter, '--remove-after'),
  });
  return compact({
    name,
    id: flags.id,
    version: flags.version,
    interfaces: Object.fromEntries(
      (flags.interface ?? []).map((pair) =>
        pairOf(pair, '--interface', 'TYPE=ADDRESS, such as REST=http://10.0.0.7:9000'),
      ),
    ),
    metadata: Object.keys(metadata).length > 0 ? metadata : undefined,
    ttl: Object.keys(ttl).length > 0 ? ttl : undefined,
  });
}

function seconds(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new CommandError(`${flag} must be a number of seconds, not "${text}"`, exitCodes.usage);
}

/** Without what is not given. */
function compact(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function recordIn(file: string, name: string | undefined, io: CommandIo): Record<string, unknown> {
  if (name !== undefined) throw new CommandError('give either a NAME or --file, which has the name', exitCodes.usage);
  let text: string;
  try {
    text = file === '-' ? io.readInput() : readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`--file ${file} cannot be read: ${messageOf(error)}`, exitCodes.usage);
  }
  return parseObject(text, `--file ${file}`);
}

function parseObject(text: string, source: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandError(`${source} is not valid JSON: ${messageOf(error)}`, exitCodes.usage);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new CommandError(`${source} must be a JSON object`, exitCodes.usage);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
