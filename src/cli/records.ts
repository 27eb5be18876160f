import type { InstanceRecord } from '../registry/records.ts';
import { CommandError } from './exit-codes.ts';
import { type Colour, type Column, type OutputFormat, printable, renderData, renderTable } from './output.ts';

/** The standard one first. */
export const recordFormats: readonly OutputFormat[] = ['table', 'wide', 'json', 'yaml', 'name'];

const statusColours = new Map<string, Colour>([
  ['up', 'green'],
  ['unhealthy', 'red'],
  ['unknown', 'yellow'],
  ['missing', 'red'],
  ['down', 'dim'],
]);

/** `null` for a status that only a later version of the registry knows. */
export function colourOfStatus(status: string): Colour | null {
  return statusColours.get(status) ?? null;
}

const columns: readonly Column<InstanceRecord>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'ID', value: ({ id }) => id },
  { title: 'STATUS', value: ({ status }) => status, colour: ({ status }) => colourOfStatus(status) },
  { title: 'VERSION', value: ({ version }) => version },
  { title: 'INTERFACES', value: ({ interfaces }) => interfacesIn(interfaces) },
  { title: 'TAGS', value: ({ metadata }) => listed(metadata?.tags) },
];

const wideColumns: readonly Column<InstanceRecord>[] = [
  ...columns,
  { title: 'ENVIRONMENT', value: ({ metadata }) => metadata?.environment ?? '' },
  { title: 'REGION', value: ({ metadata }) => metadata?.region ?? '' },
  { title: 'OWNER', value: ({ metadata }) => metadata?.owner ?? '' },
  { title: 'DEPENDENCIES', value: ({ metadata }) => listed(metadata?.dependencies) },
  { title: 'REGISTERED', value: ({ registered_at }) => registered_at },
  { title: 'HEARTBEAT', value: ({ last_heartbeat }) => last_heartbeat },
  { title: 'LEASE', value: ({ lease_id }) => String(lease_id) },
  { title: 'REVISION', value: ({ revision }) => String(revision) },
];

export function interfacesIn(interfaces: InstanceRecord['interfaces']): string {
  return Object.entries(interfaces)
    .map(([type, address]) => `${type}=${address}`)
    .join(' ');
}

function listed(names: readonly string[] | undefined): string {
  return (names ?? []).join(',');
}

/** In every format but the two of data, nothing for no records. @param data what is printed as data: the records, or one */
export function renderRecords(
  records: readonly InstanceRecord[],
  format: OutputFormat,
  colour: boolean,
  data: unknown = records,
): string {
  const rendered = renderData(data, format);
  if (rendered !== null) return rendered;
  if (records.length === 0) return '';
  if (format === 'name') return records.map(({ name, id }) => `${printable(`${name}/${id}`)}\n`).join('');
  return `${renderTable(format === 'wide' ? wideColumns : columns, records, colour)}\n`;
}

/** A list of records, or the one that stands alone. @throws CommandError when it is neither */
export function recordsIn(body: unknown): readonly InstanceRecord[] {
  const list: readonly unknown[] = Array.isArray(body) ? body : [body];
  if (list.every(isRecord)) return list;
  throw new CommandError('the answer holds no records of services; is this the address of a registry?');
}

function isRecord(value: unknown): value is InstanceRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { name, id, interfaces } = value as Partial<InstanceRecord>;
  return typeof name === 'string' && typeof id === 'string' && typeof interfaces === 'object' && interfaces !== null;
}
