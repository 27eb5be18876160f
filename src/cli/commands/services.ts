import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { InstanceRecord, RegistrationResult } from '../../registry/records.ts';
import { CommandError, exitCodes, exitCodesHelp } from '../exit-codes.ts';
import { type OutputFormat, outputOption, print, printJson, renderTable } from '../output.ts';
import { ask, type ConnectionOptions } from '../registry-client.ts';

interface Common extends ConnectionOptions {
  readonly output: OutputFormat;
}

const columns = [
  { title: 'NAME', value: (record: InstanceRecord) => record.name },
  { title: 'ID', value: (record: InstanceRecord) => record.id },
  { title: 'STATUS', value: (record: InstanceRecord) => record.status },
  { title: 'VERSION', value: (record: InstanceRecord) => record.version },
  {
    title: 'INTERFACES',
    value: (record: InstanceRecord) =>
      Object.entries(record.interfaces)
        .map(([type, address]) => `${type}=${address}`)
        .join(' '),
  },
  { title: 'TAGS', value: (record: InstanceRecord) => (record.metadata.tags ?? []).join(',') },
];

/** Where the registry is, who asks, and how to print: the same for every client command. */
export function addConnectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--url <URL,…>', 'the registry; several members are tried in turn')
        .env('MANIFEST_URL')
        .default('http://localhost:8500'),
    )
    .addOption(new Option('--token <TOKEN>', 'bearer token for writes').env('MANIFEST_AUTH_TOKEN'))
    .option('--timeout <SECONDS>', 'how long to wait for an answer', '10')
    .addOption(outputOption());
}

const collect = (value: string, all: readonly string[] = []) => [...all, value];

export function addServiceCommands(program: Command): void {
  addConnectionOptions(program.command('list'))
    .summary('list the registered instances')
    .option('--status <STATUS>', 'up, unhealthy or unknown')
    .option('--tag <TAG>', 'has this tag; may be repeated, all must match', collect)
    .option('--environment <NAME>', 'development, staging or production')
    .option('--dependency <SERVICE>', 'depends on this service')
    .option('--interface <TYPE>', 'offers this interface, such as gRPC')
    .option('--name <PREFIX>', 'service names that begin so')
    .option('--limit <COUNT>', 'at most so many', '1000')
    .option('--offset <COUNT>', 'skip so many', '0')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest list --status up --tag core
  $ chora-manifest list --dependency orchestrator -o json
  $ chora-manifest list --url http://10.0.0.1:8500,http://10.0.0.2:8500
${exitCodesHelp}`,
    )
    .action(list);

  addConnectionOptions(program.command('get <name> [id]'))
    .summary('show one service, or one of its instances')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest get orchestrator
  $ chora-manifest get orchestrator orchestrator-1 -o json
${exitCodesHelp}`,
    )
    .action(get);

  addConnectionOptions(program.command('register [name]'))
    .summary('register an instance once, without heartbeats')
    .option('--id <ID>', 'instance id; made by the registry when absent')
    .option('--version <SEMVER>', 'version of the service')
    .option('--interface <TYPE=ADDRESS>', 'interface; may be repeated', collect)
    .option('--tag <TAG>', 'tag; may be repeated', collect)
    .option('--dependency <SERVICE>', 'service that it depends on; may be repeated', collect)
    .option('--metadata <JSON>', 'metadata as a JSON object')
    .option('--file <FILE>', 'read the whole registration from a JSON file; - for standard input')
    .addHelpText(
      'after',
      `
The instance stays listed for as long as heartbeats come; see docs/rest.md.

Examples:
  $ chora-manifest register billing --version 2.1.0 --interface REST=http://10.0.0.7:9000 --tag core
  $ chora-manifest register --file billing.json
  $ chora-manifest get billing -o json | chora-manifest register --file - --url http://other:8500
${exitCodesHelp}`,
    )
    .action(register);

  addConnectionOptions(program.command('deregister <name> <id>'))
    .summary('remove an instance from the registry')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest deregister billing billing-1a2b3c4d
  $ chora-manifest list --name billing -o json | jq -r '.[].id' | xargs -n1 chora-manifest deregister billing
${exitCodesHelp}`,
    )
    .action(deregister);
}

const filterNames = ['status', 'tag', 'environment', 'dependency', 'interface', 'name', 'limit', 'offset'] as const;

type ListFlags = Common & Partial<Record<(typeof filterNames)[number], string | string[]>>;

async function list(flags: ListFlags): Promise<void> {
  const query = new URLSearchParams();
  for (const name of filterNames) {
    for (const value of [flags[name] ?? []].flat()) query.append(name, value);
  }
  const { body, headers } = await ask(flags, 'GET', `/v1/services?${query}`);
  show(body as InstanceRecord[], flags.output);
  const shown = (body as InstanceRecord[]).length;
  const total = Number(headers['x-total-count']);
  if (flags.output === 'table' && total > shown) print(`… ${total - shown} more: use --limit and --offset`);
}

async function get(name: string, id: string | undefined, flags: Common): Promise<void> {
  const path = `/v1/services/${encodeURIComponent(name)}`;
  const { body } = await ask(flags, 'GET', id === undefined ? path : `${path}/${encodeURIComponent(id)}`);
  if (flags.output === 'json') printJson(body);
  else show([body].flat() as InstanceRecord[], 'table');
}

interface RegisterFlags extends Common {
  readonly id?: string;
  readonly version?: string;
  readonly interface?: readonly string[];
  readonly tag?: readonly string[];
  readonly dependency?: readonly string[];
  readonly metadata?: string;
  readonly file?: string;
}

async function register(name: string | undefined, flags: RegisterFlags): Promise<void> {
  const record = flags.file === undefined ? recordOf(name, flags) : readJson(flags.file);
  const { body } = await ask(flags, 'POST', '/v1/services', record);
  if (flags.output === 'json') printJson(body);
  else print((body as RegistrationResult).id);
}

function recordOf(name: string | undefined, flags: RegisterFlags): Record<string, unknown> {
  if (name === undefined) throw new CommandError('give a NAME, or the whole registration with --file', exitCodes.usage);
  const interfaces = Object.fromEntries(
    (flags.interface ?? []).map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new CommandError(`--interface must be TYPE=ADDRESS, not ${pair}`, exitCodes.usage);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
  const metadata = {
    ...(flags.metadata === undefined ? {} : (parseJson(flags.metadata, '--metadata') as Record<string, unknown>)),
    ...(flags.tag ? { tags: flags.tag } : {}),
    ...(flags.dependency ? { dependencies: flags.dependency } : {}),
  };
  return { name, ...(flags.id ? { id: flags.id } : {}), version: flags.version, interfaces, metadata };
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new CommandError(`--file: cannot read ${file}: ${(error as Error).message}`, exitCodes.usage);
  }
  return parseJson(text, `--file ${file}`);
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(`${source} is not valid JSON: ${(error as Error).message}`, exitCodes.usage);
  }
}

async function deregister(name: string, id: string, flags: Common): Promise<void> {
  await ask(flags, 'DELETE', `/v1/services/${encodeURIComponent(name)}/${encodeURIComponent(id)}`);
  if (flags.output === 'json') printJson({ name, id, deregistered: true });
  else print(`deregistered ${name} ${id}`);
}

function show(records: readonly InstanceRecord[], output: OutputFormat): void {
  if (output === 'json') printJson(records);
  else if (records.length === 0) print('nothing matches');
  else print(renderTable(columns, records));
}
