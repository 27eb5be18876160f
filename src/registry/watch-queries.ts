import { RegistryError } from './errors.ts';
import { filterOf, filterParameters, optional, prefix, type Raw, refuseUnknown, wholeNumber } from './queries.ts';
import type { Hold, WatchQuery } from './service.ts';
import { serviceName, shortened } from './validation.ts';

/** A held query that names no time is held for this long. */
const defaultWaitMs = 30_000;

export const maxWaitMs = 300_000;

const watchParameters = [...filterParameters, 'name', 'service', 'from', 'initial'] as const;

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
    from: wholeNumber(raw, 'from', 0, Number.MAX_SAFE_INTEGER),
    initial: flag(raw, 'initial'),
  };
}

/** The parameters `index` and `wait`; `undefined` where neither is given. @throws RegistryError `invalid_parameter` */
export function parseHold(raw: Raw): Hold | undefined {
  const after = wholeNumber(raw, 'index', 0, Number.MAX_SAFE_INTEGER);
  if (after !== undefined) return { after, waitMs: raw.wait === undefined ? defaultWaitMs : durationMs(raw.wait) };
  if (raw.wait === undefined) return undefined;
  throw new RegistryError(
    'invalid_parameter',
    'wait goes with index, the X-Manifest-Index of the answer that is to be followed up.',
    { field: 'index' },
  );
}

export const holdParameters = ['index', 'wait'] as const;

function durationMs(value: unknown): number {
  const [, amount, unit = 's'] = /^(\d{1,6})(ms|s|m)?$/.exec(String(value)) ?? [];
  const ms = Number(amount) * { ms: 1, s: 1_000, m: 60_000 }[unit as 'ms' | 's' | 'm'];
  if (Number.isFinite(ms) && ms <= maxWaitMs) return ms;
  throw new RegistryError('invalid_parameter', 'wait must be a time such as "30s", "500ms" or "2m", at most 5m.', {
    field: 'wait',
    value: shortened(value),
  });
}

function flag(raw: Raw, name: string): boolean | undefined {
  const value = raw[name];
  if (value === undefined || typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new RegistryError('invalid_parameter', `${name} must be "true" or "false".`, {
    field: name,
    value: shortened(value),
  });
}
