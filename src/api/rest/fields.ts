import { z } from 'zod';
import { optional, type Raw } from '../../registry/queries.ts';
import type { InstanceRecord } from '../../registry/records.ts';
import { parseWith } from '../../registry/validation.ts';
import { recordsJson } from './record-json.ts';
import { type ElementJson, elementJson } from './sliced-json.ts';

type Field = keyof InstanceRecord;

/** Fields of a record, in its order; `true`: shown in any case, because nobody could tell without whose the others are. */
const fieldTable: Readonly<Record<Field, boolean>> = {
  name: true,
  id: true,
  version: false,
  interfaces: false,
  metadata: false,
  ttl: false,
  status: false,
  last_heartbeat: false,
  registered_at: false,
  revision: false,
  lease_id: false,
};

const fieldNames = Object.keys(fieldTable) as readonly Field[];

export const fieldsSchema = z
  .array(z.enum(fieldNames, `must be a field of a record: ${fieldNames.join(', ')}`))
  .transform((asked) => fieldNames.filter((name) => fieldTable[name] || asked.includes(name)));

const list = z.string();

/**
 * The parameter `fields`, names with commas between them: which fields are to be shown, in the order of a record.
 * `null` without it: all of them.
 * @throws RegistryError `invalid_parameter`
 */
export function parseFields(raw: Raw): readonly Field[] | null {
  const text = optional(raw, 'fields', list);
  if (text === undefined) return null;
  const names = text.split(',').map((name) => name.trim());
  return parseWith(fieldsSchema, names, 'invalid_parameter', 'fields');
}

/** Makes the JSON of records with these fields. @param fields of `parseFields` */
export function jsonWith(fields: readonly Field[] | null): ElementJson<InstanceRecord> {
  if (fields === null) return recordsJson;
  return elementJson((record) => JSON.stringify(Object.fromEntries(fields.map((name) => [name, record[name]]))));
}
