import { z } from 'zod';
import { RegistryError } from './errors.ts';
import type { Consistency, InstanceFilter, ListQuery } from './service.ts';
import { instanceId, parseWith, serviceName, shortened } from './validation.ts';

export const defaultLimit = 100;
export const maxLimit = 1_000;

/** Parameters of the contract that an issue of their own brings: refused by name rather than ignored. */
const notYet: ReadonlySet<string> = new Set(['version', 'cursor']);

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

const interfaceType = z.string().min(1, 'must name an interface type such as REST');

const consistency = z.enum(['linearizable', 'stale'], { error: 'must be "linearizable" or "stale"' });

export const filterParameters = ['status', 'tag', 'environment', 'dependency', 'interface', 'instance_id'] as const;
const listParameters = [...filterParameters, 'name', 'limit', 'offset'] as const;

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
  return {
    ...filterOf(raw),
    name: optional(raw, 'name', prefix),
    limit: wholeNumber(raw, 'limit', 1, maxLimit) ?? defaultLimit,
    offset: wholeNumber(raw, 'offset', 0, Number.MAX_SAFE_INTEGER) ?? 0,
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
  };
}

export function optional<T>(raw: Raw, name: string, schema: z.ZodType<T>): T | undefined {
  const value = raw[name];
  if (value === undefined) return undefined;
  refuseRepeats(name, value);
  return parseWith(schema, value, 'invalid_parameter', name);
}

export function wholeNumber(raw: Raw, name: string, least: number, most: number): number | undefined {
  const value = raw[name];
  if (value === undefined) return undefined;
  refuseRepeats(name, value);
  const number = typeof value === 'number' ? value : /^\d{1,16}$/.test(String(value)) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= least && number <= most) return number;
  throw new RegistryError('invalid_parameter', `${name} must be a whole number from ${least} to ${most}.`, {
    field: name,
    value: shortened(value),
  });
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
    if (known.includes(name)) continue;
    const problem =
      notYet.has(name) || name.startsWith('metadata.')
        ? 'is not supported yet'
        : `is not a known parameter here; known are ${known.join(', ')}`;
    throw new RegistryError('invalid_parameter', `${name} ${problem}.`, { field: name });
  }
}
