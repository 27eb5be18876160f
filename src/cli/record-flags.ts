import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { CommandIo } from './command-io.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { pairOf } from './flag-values.ts';

/** A registration as flags say it, or a file. */
export interface RecordFlags {
  readonly file?: string;
  readonly id?: string;
  readonly version?: string;
  readonly interface?: readonly string[];
  readonly tag?: readonly string[];
  readonly dependency?: readonly string[];
  readonly description?: string;
  readonly environment?: string;
  readonly region?: string;
  readonly owner?: string;
  readonly metadata?: string;
  readonly heartbeatInterval?: string;
  readonly unhealthyAfter?: string;
  readonly removeAfter?: string;
}

/** A registration with an id, made up where there was none. @throws CommandError */
export function recordFrom(
  name: string | undefined,
  flags: RecordFlags,
  io: CommandIo,
): Readonly<Record<string, unknown>> {
  return withId(flags.file === undefined ? recordOf(name, flags) : recordIn(flags.file, name, io));
}

function withId(record: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (record.id !== undefined || typeof record.name !== 'string') return record;
  return { ...record, id: `${record.name}-${randomBytes(4).toString('hex')}` };
}

function recordOf(name: string | undefined, flags: RecordFlags): Record<string, unknown> {
  if (name === undefined) throw new CommandError('give a NAME, or the whole record with --file', exitCodes.usage);
  const metadata = compact({
    ...(flags.metadata === undefined ? {} : parseObject(flags.metadata, '--metadata')),
    description: flags.description,
    environment: flags.environment,
    region: flags.region,
    owner: flags.owner,
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
