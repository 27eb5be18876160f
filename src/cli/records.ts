import type { InstanceRecord, Status } from '../registry/records.ts';
import { CommandError } from './exit-codes.ts';
import { type Colour, type Column, renderTable } from './output.ts';

const statusColours: Readonly<Record<Status, Colour>> = { up: 'green', unhealthy: 'red', unknown: 'yellow' };

const columns: readonly Column<InstanceRecord>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'ID', value: ({ id }) => id },
  { title: 'STATUS', value: ({ status }) => status, colour: ({ status }) => statusColours[status] ?? null },
  { title: 'VERSION', value: ({ version }) => version },
  {
    title: 'INTERFACES',
    value: ({ interfaces }) =>
      Object.entries(interfaces)
        .map(([type, address]) => `${type}=${address}`)
        .join(' '),
  },
  { title: 'TAGS', value: ({ metadata }) => (metadata?.tags ?? []).join(',') },
];

export function renderRecords(records: readonly InstanceRecord[], colour: boolean): string {
  return `${renderTable(columns, records, colour)}\n`;
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
