import { RegistryError } from '../../registry/errors.ts';

/** `google.protobuf.Value`: at most one of its fields is there. */
export interface ValueMessage {
  readonly nullValue?: 0 | 'NULL_VALUE';
  readonly numberValue?: number;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly structValue?: StructMessage;
  readonly listValue?: { readonly values: readonly ValueMessage[] };
}

/** `google.protobuf.Struct` */
export interface StructMessage {
  readonly fields: Readonly<Record<string, ValueMessage>>;
}

/** Deeper than any record may be; protobuf's own decoders stop at about twice this. */
const maxDepth = 48;

/** A JSON object as a message. What JSON leaves out (`undefined`) is left out. */
export function toStruct(object: Readonly<Record<string, unknown>>): StructMessage {
  // Without a prototype, a key called __proto__ is one like any other.
  const fields: Record<string, ValueMessage> = Object.create(null);
  for (const key of Object.keys(object)) {
    if (object[key] !== undefined) fields[key] = toValue(object[key]);
  }
  return { fields };
}

/** A JSON value as a message. */
export function toValue(value: unknown): ValueMessage {
  if (typeof value === 'number') return Number.isFinite(value) ? { numberValue: value } : { nullValue: 0 };
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(toValue) } };
  if (typeof value === 'object' && value !== null) return { structValue: toStruct(value as Record<string, unknown>) };
  return { nullValue: 0 };
}

/** @param field path of the message in its request, for the error. @throws RegistryError `validation_error` */
export function fromStruct({ fields }: StructMessage, field: string, depth = 0): Record<string, unknown> {
  // `fromEntries` defines a key called __proto__ like any other; the validation refuses it by name.
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, fromValue(value, `${field}.${key}`, depth + 1)]),
  );
}

/** As `fromStruct`. */
export function fromValue(value: ValueMessage, field: string, depth = 0): unknown {
  if (depth > maxDepth) throw refused(field.slice(0, 100), `is nested too deeply; at most ${maxDepth} levels`);
  if (value.structValue) return fromStruct(value.structValue, field, depth);
  if (value.listValue) return value.listValue.values.map((item, i) => fromValue(item, `${field}.${i}`, depth + 1));
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.nullValue !== undefined) return null;
  // What JSON cannot say would come back as null, and nobody would know why.
  if (value.numberValue === undefined) throw refused(field, 'has no value; null is said with null_value');
  if (!Number.isFinite(value.numberValue)) throw refused(field, 'must be a finite number');
  return value.numberValue;
}

function refused(field: string, problem: string): RegistryError {
  return new RegistryError('validation_error', `${field} ${problem}.`, { field });
}
