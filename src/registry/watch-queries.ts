import { z } from 'zod';
import { RegistryError } from './errors.ts';
import {
  filterOf,
  filterParameters,
  flag,
  optional,
  prefix,
  type Raw,
  refuseUnknown,
  revision,
  truth,
  wholeNumber,
} from './queries.ts';
import type { Hold, WatchQuery } from './service.ts';
import { serviceName } from './validation.ts';

/** A held query that names no time is held for this long. */
const defaultWaitMs = 30_000;

export const maxWaitMs = 300_000;

/** What the parameters of a watch must be beside those of a filter, by name. */
export const watchSchemas = { name: prefix, service: serviceName, from: revision, initial: truth } as const;

const watchParameters = [...filterParameters, ...Object.keys(watchSchemas)];

const waitProblem = 'must be a time such as "30s", "500ms" or "2m", at most 5m';

/** In milliseconds. A number alone means seconds. */
const wait = z
  .string(waitProblem)
  .regex(/^\d{1,6}(ms|s|m)?$/, waitProblem)
  .transform((text, context) => {
    const unit = /[a-z]+$/.exec(text)?.[0] ?? 's';
    const ms = Number.parseInt(text, 10) * (unit === 'ms' ? 1 : unit === 's' ? 1_000 : 60_000);
    if (ms <= maxWaitMs) return ms;
    context.addIssue(waitProblem);
    return z.NEVER;
  });

/** What the parameters of a held query must be, by name. */
export const holdSchemas = { index: revision, wait } as const;

export const holdParameters = Object.keys(holdSchemas) as readonly (keyof typeof holdSchemas)[];

/**
 * What to watch, from a query string.
 * @param alsoAllowed parameters that the caller reads itself
 * @throws RegistryError `invalid_parameter` with the parameter
 */
export function parseWatchQuery(raw: Raw, alsoAllowed: readonly string[] = []): WatchQuery {
  refuseUnknown(raw, [...watchParameters, ...alsoAllowed]);
  return {
    ...filterOf(raw),
    name: optional(raw, 'name', prefix),
    service: optional(raw, 'service', serviceName),
    from: wholeNumber(raw, 'from', revision),
    initial: flag(raw, 'initial'),
  };
}

/** The parameters `index` and `wait`; `undefined` where neither is given. @throws RegistryError `invalid_parameter` */
export function parseHold(raw: Raw): Hold | undefined {
  const after = wholeNumber(raw, 'index', revision);
  if (after !== undefined) return { after, waitMs: optional(raw, 'wait', wait) ?? defaultWaitMs };
  if (raw.wait === undefined) return undefined;
  throw new RegistryError(
    'invalid_parameter',
    'wait goes with index, the X-Manifest-Index of the answer that is to be followed up.',
    { field: 'index' },
  );
}
