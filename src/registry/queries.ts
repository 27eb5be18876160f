import { z } from 'zod';
import { parseCursor } from './cursor.ts';
import { RegistryError } from './errors.ts';
import { rangeOf } from './filters.ts';
import type { Consistency, InstanceFilter, ListQuery } from './service.ts';
import { instanceId, parseWith, serviceName, shortened } from './validation.ts';

export const defaultLimit = 100;
export const maxLimit = 1_000;

const status = z.enum(['up', 'unhealthy', 'unknown', 'down'], {
  error: 'must be "up", "unhealthy", "unknown" or "down"',
});

const tags = z.array(z.string().regex(/^[a-z0-9-]+$/, 'may hold only lowercase letters, digits and hyphens'));

const environment = z.enum(['development', 'staging', 'production'], {
  error: 'must be "development", "staging" or "production"',
});

export const prefix = z
  .string()
  .max(64, 'must have at most 64 characters')
  .regex(/^[a-z0-9-]*$/, 'may hold only lowercase letters, digits and hyphens');

const cursor = z.string().transform((text, context) => {
  const key = parseCursor(text);
  if (key !== null) return key;
  context.addIssue('must be the cursor of an answer, unchanged');
  return z.NEVER;
});

const interfaceType = z.string().min(1, 'must name an interface type such as REST');

const consistency = z.enum(['linearizable', 'stale'], { error: 'must be "linearizable" or "stale"' });

const metadataValue = z.string().max(512, 'must have at most 512 characters');

export const revision = wholeFrom(0, Number.MAX_SAFE_INTEGER);

export const truth = z.boolean({ error: 'must be "true" or "false"' });

const version = z
  .string()
  .min(1, 'must be a version or a range such as "^1.2"')
  .max(100, 'must have at most 100 characters')
  .refine((text) => rangeOf(text) !== null, 'must be a version such as "1.2.3" or a range such as "^1.2" or ">=2 <4"');

/** Keys of the metadata that have a parameter of their own beside `metadata.KEY`. */
const metadataParameters = ['region', 'owner'] as const;

const metadataPrefix = 'metadata.';

/** More conditions than anybody needs cost time with every record. */
const maxMetadataConditions = 16;

/** What each condition must be, by the name of its parameter. */
export const filterSchemas = {
  status,
  tag: tags,
  environment,
  dependency: serviceName,
  interface: interfaceType,
  instance_id: instanceId,
  version,
  region: metadataValue,
  owner: metadataValue,
  'metadata.KEY': metadataValue,
} as const;

/** The same for the other parameters of a list. */
export const listSchemas = {
  name: prefix,
  limit: wholeFrom(1, maxLimit),
  offset: wholeFrom(0, Number.MAX_SAFE_INTEGER),
  cursor,
  consistency,
} as const;

export const filterParameters = Object.keys(filterSchemas) as readonly (keyof typeof filterSchemas)[];
const listParameters = [...filterParameters, 'name', 'limit', 'offset', 'cursor'] as const;

export type Raw = Readonly<Record<string, unknown>>;

/**
 * Conditions from a query string, where each value is a string or an array of strings.
 * @param alsoAllowed parameters that the caller reads itself
 * @throws RegistryError `invalid_parameter` with the parameter
 */
export function parseInstanceFilter(raw: Raw, alsoAllowed: readonly string[] = []): InstanceFilter {
  refuseUnknown(raw, [...filterParameters, ...alsoAllowed]);
  return filterOf(raw);
}

/** As `parseInstanceFilter`, with the name prefix and the page. */
export function parseListQuery(
  raw: Raw,
  alsoAllowed: readonly string[] = [],
): ListQuery & { readonly limit: number; readonly offset: number } {
  refuseUnknown(raw, [...listParameters, ...alsoAllowed]);
  if (raw.cursor !== undefined && raw.offset !== undefined) {
    throw new RegistryError('invalid_parameter', 'offset and cursor are two ways to walk a list: give one of them.', {
      field: 'offset',
    });
  }
  return {
    ...filterOf(raw),
    name: optional(raw, 'name', prefix),
    after: optional(raw, 'cursor', cursor),
    limit: wholeNumber(raw, 'limit', listSchemas.limit) ?? defaultLimit,
    offset: wholeNumber(raw, 'offset', listSchemas.offset) ?? 0,
  };
}

/** @throws RegistryError `invalid_parameter` */
export function parseConsistency(value: unknown): Consistency {
  return value === undefined ? 'linearizable' : parseWith(consistency, value, 'invalid_parameter', 'consistency');
}

export function filterOf(raw: Raw): InstanceFilter {
  const tagValues = raw.tag === undefined ? undefined : [raw.tag].flat();
  return {
    status: optional(raw, 'status', status),
    tags: tagValues === undefined ? undefined : parseWith(tags, tagValues, 'invalid_parameter', 'tag'),
    environment: optional(raw, 'environment', environment),
    dependency: optional(raw, 'dependency', serviceName),
    interface: optional(raw, 'interface', interfaceType),
    instance_id: optional(raw, 'instance_id', instanceId),
    version: optional(raw, 'version', version),
    metadata: metadataOf(raw),
  };
}

/** Sorted by key, so that the same question has the same form. */
function metadataOf(raw: Raw): Readonly<Record<string, string>> | undefined {
  const conditions = new Map<string, string>();
  for (const name of Object.keys(raw)) {
    const isDirect = metadataParameters.some((parameter) => parameter === name);
    if (!isDirect && !name.startsWith(metadataPrefix)) continue;
    const key = isDirect ? name : name.slice(metadataPrefix.length);
    const value = optional(raw, name, metadataValue);
    const before = conditions.get(key);
    if (key === '' || value === undefined || (before !== undefined && before !== value)) {
      throw new RegistryError('invalid_parameter', `${name} must name a key of the metadata, and one value for it.`, {
        field: name,
      });
    }
    conditions.set(key, value);
  }
  if (conditions.size > maxMetadataConditions) {
    throw new RegistryError(
      'invalid_parameter',
      `At most ${maxMetadataConditions} keys of the metadata may be asked for.`,
      {
        field: 'metadata',
      },
    );
  }
  // `fromEntries` defines a key called __proto__ like any other.
  return conditions.size === 0 ? undefined : Object.fromEntries([...conditions].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function optional<T>(raw: Raw, name: string, schema: z.ZodType<T>): T | undefined {
  const value = raw[name];
  if (value === undefined) return undefined;
  refuseRepeats(name, value);
  return parseWith(schema, value, 'invalid_parameter', name);
}

function wholeFrom(least: number, most: number): z.ZodInt {
  const problem = `must be a whole number from ${least} to ${most}`;
  return z.int(problem).min(least, problem).max(most, problem);
}

/** Digits, or a number. @throws RegistryError `invalid_parameter` */
export function wholeNumber(raw: Raw, name: string, schema: z.ZodType<number>): number | undefined {
  const value = raw[name];
  if (value === undefined) return undefined;
  refuseRepeats(name, value);
  const number = /^\d{1,16}$/.test(String(value)) ? Number(value) : value;
  return parseWith(schema, number, 'invalid_parameter', name);
}

/** "true" or "false", or a truth value. @throws RegistryError `invalid_parameter` */
export function flag(raw: Raw, name: string): boolean | undefined {
  const value = raw[name];
  if (value === undefined) return undefined;
  refuseRepeats(name, value);
  return parseWith(truth, value === 'true' || (value === 'false' ? false : value), 'invalid_parameter', name);
}

function refuseRepeats(name: string, value: unknown): void {
  if (!Array.isArray(value)) return;
  throw new RegistryError('invalid_parameter', `${name} may be given only once.`, {
    field: name,
    value: shortened(value),
  });
}

export function refuseUnknown(raw: Raw, known: readonly string[]): void {
  for (const name of Object.keys(raw)) {
    if (known.includes(name) && name !== 'metadata.KEY') continue;
    if (name.startsWith(metadataPrefix) && known.includes('metadata.KEY')) continue;
    const problem = `is not a known parameter here; known are ${known.join(', ')}`;
    throw new RegistryError('invalid_parameter', `${name} ${problem}.`, { field: name });
  }
}
