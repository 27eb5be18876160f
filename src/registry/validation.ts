import semver from 'semver';
import { z } from 'zod';
import { type ErrorCode, RegistryError } from './errors.ts';
import { checkInterface } from './interfaces.ts';
import type { HeartbeatTarget, Metadata, Registration, Ttl } from './records.ts';

/** The operator's defaults and bounds for lease times, in seconds. */
export interface TtlPolicy {
  readonly heartbeatIntervalSeconds: number;
  readonly unhealthyAfterSeconds: number;
  readonly removeAfterSeconds: number;
  /** No time that an instance asks for may be below or above these. */
  readonly minimumSeconds: number;
  readonly maximumSeconds: number;
}

export const defaultTtlPolicy: TtlPolicy = {
  heartbeatIntervalSeconds: 10,
  unhealthyAfterSeconds: 30,
  removeAfterSeconds: 60,
  minimumSeconds: 1,
  maximumSeconds: 86_400,
};

/** A whole record as JSON, in UTF-8. */
export const maxRecordBytes = 10 * 1024;

/** Deeper metadata could exhaust a stack somewhere. */
const maxDepth = 32;

/** Parts of a record that was read, and of an answer to a registration: a record may be sent back as it is. */
const readOnlyFields = [
  'status',
  'last_heartbeat',
  'registered_at',
  'revision',
  'lease_id',
  'heartbeat_interval',
  'heartbeat_timeout',
] as const;

const namePattern = /^[a-z0-9-]+$/;
const maxNameCharacters = 64;
const idPattern = /^[a-zA-Z0-9-]+$/;
const maxIdCharacters = 128;

export const serviceName = z
  .string({ error: 'must be a string such as "orchestrator"' })
  .min(1, 'must not be empty')
  .max(maxNameCharacters, `must have at most ${maxNameCharacters} characters`)
  .regex(namePattern, 'may hold only lowercase letters, digits and hyphens, such as "my-service"');

export const instanceId = z
  .string({ error: 'must be a string such as "orchestrator-a1b2c3d4"' })
  .min(1, 'must not be empty; leave it out and the registry makes one')
  .max(maxIdCharacters, `must have at most ${maxIdCharacters} characters`)
  .regex(idPattern, 'may hold only letters, digits and hyphens, such as "orchestrator-a1b2c3d4"');

const version = z
  .string({ error: 'must be a string such as "1.0.0"' })
  .max(256, 'must have at most 256 characters')
  // semver forgives spaces around a version and a "v" before it; a version that is compared and shown has neither.
  .refine((text) => /^\d\S*$/.test(text) && semver.parse(text) !== null, {
    error: 'must be a semantic version such as "1.0.0" or "2.1.0-rc.1" (semver.org)',
    params: { code: 'invalid_version' satisfies ErrorCode },
  });

const interfaces = z
  .record(z.string(), z.string({ error: 'must be a string' }).min(1, 'must not be empty'), {
    error: 'must be an object from interface type to address, such as {"REST": "http://10.0.0.1:9000"}',
  })
  .superRefine((map, context) => {
    const types = Object.keys(map);
    if (types.length === 0) {
      context.addIssue({ code: 'custom', message: 'must have at least one interface, such as REST, gRPC, CLI or MCP' });
    }
    for (const [type, address] of Object.entries(map)) {
      if (type === '') context.addIssue({ code: 'custom', message: 'has an interface type that is empty' });
      const problem = checkInterface(type, address);
      if (problem !== null) context.addIssue({ code: 'custom', path: [type], message: problem, input: address });
    }
  });

const tag = z
  .string({ error: 'must be a string' })
  .regex(/^[a-z0-9-]+$/, 'may hold only lowercase letters, digits and hyphens, such as "core"');

export const metadata = z
  .looseObject(
    {
      description: z.string({ error: 'must be a string' }).max(500, 'must have at most 500 characters').optional(),
      dependencies: z
        .array(serviceName, { error: 'must be an array of service names' })
        .optional()
        .describe('Services that it needs.'),
      tags: z.array(tag, { error: 'must be an array of tags such as ["core"]' }).optional(),
      environment: z
        .enum(['development', 'staging', 'production'], {
          error: 'must be "development", "staging" or "production"',
        })
        .optional(),
      region: z.string({ error: 'must be a string' }).optional(),
      owner: z.string({ error: 'must be a string' }).optional(),
    },
    { error: 'must be a JSON object' },
  )
  .describe('Free JSON, of which some keys have a meaning.');

const seconds = z.number({ error: 'must be a number of seconds' });

const ttl = z
  .strictObject(
    {
      heartbeat_interval: seconds.optional().describe('Between two heartbeats.'),
      unhealthy_after: seconds.optional().describe('Without a heartbeat, until it is unhealthy.'),
      remove_after: seconds.optional().describe('Without a heartbeat, until it is no longer listed.'),
    },
    {
      error: objectError(
        'must be an object such as {"heartbeat_interval": 10, "unhealthy_after": 30, "remove_after": 60}',
      ),
    },
  )
  .describe("Lease times in seconds, within the operator's bounds. What is left out is the cluster's.");

/** A registration as it was sent. */
export interface RegistrationBody {
  readonly name: string;
  readonly id?: string;
  readonly version: string;
  readonly interfaces: Readonly<Record<string, string>>;
  readonly metadata?: Metadata;
  readonly ttl?: Partial<Ttl>;
}

const readOnly = z
  .unknown()
  .optional()
  .meta({ readOnly: true, description: 'Ignored, so that a record may be sent back.' });

export const registrationBody = z.strictObject(
  {
    name: serviceName.describe('The service.'),
    id: instanceId
      .optional()
      .describe('The instance. Without it the registry makes one, and a repeated request another.'),
    version: version.describe('A semantic version.'),
    interfaces: interfaces.describe(
      'From type, such as REST, gRPC, CLI or MCP, to address. REST and gRPC must be URIs.',
    ),
    metadata: metadata.optional(),
    ttl: ttl.optional(),
    ...Object.fromEntries(readOnlyFields.map((field) => [field, readOnly])),
  },
  { error: objectError('must be a JSON object') },
) as unknown as z.ZodType<RegistrationBody>;

const leaseId = z
  .int({ error: 'must be the whole number that the registration answered' })
  .positive('must be the whole number that the registration answered');

export const targetBody = z.strictObject(
  {
    name: serviceName,
    id: instanceId,
    lease_id: leaseId.optional().describe('When given, must be the current one of the instance.'),
  },
  { error: objectError('must be a JSON object') },
);

/**
 * Checks and completes what a service says of itself.
 * @param makeId makes an instance id for a registration without one
 * @throws RegistryError `validation_error`, `invalid_version` or `payload_too_large`, with the field
 */
export function parseRegistration(input: unknown, policy: TtlPolicy, makeId: (name: string) => string): Registration {
  const body = parseRegistrationBody(input);
  const registration: Registration = {
    name: body.name,
    id: body.id ?? makeId(body.name),
    version: body.version,
    // Sorted, so that equal registrations are equal bytes.
    interfaces: Object.fromEntries(Object.entries(body.interfaces).sort(([a], [b]) => (a < b ? -1 : 1))),
    metadata: withoutRepeats(body.metadata ?? {}),
    ttl: completeTtl(body.ttl ?? {}, policy),
  };
  const sizeBytes = Buffer.byteLength(JSON.stringify(registration));
  if (sizeBytes > maxRecordBytes) {
    throw new RegistryError(
      'payload_too_large',
      `The record is ${sizeBytes} bytes as JSON; at most ${maxRecordBytes} are allowed. Shorten its metadata.`,
      { field: 'metadata', details: { size_bytes: sizeBytes, limit_bytes: maxRecordBytes } },
    );
  }
  return registration;
}

/**
 * Checks what a service says of itself without completing it: for a client, which does not know the cluster's lease times.
 * @throws RegistryError `validation_error` or `invalid_version`, with the field
 */
export function parseRegistrationBody(input: unknown): RegistrationBody {
  checkShape(input);
  return parseWith(registrationBody, input, 'validation_error');
}

/** @throws RegistryError `validation_error` with the field */
export function parseHeartbeatTarget(input: unknown): HeartbeatTarget {
  if (isPlainTarget(input)) return input;
  checkShape(input);
  return parseWith(targetBody, input, 'validation_error');
}

/**
 * Whether `targetBody` would take this as it is. Heartbeats outnumber every other request by far, and nearly all of them
 * are sound: what is seen here at a glance needs no schema, which is there to say what is wrong.
 */
function isPlainTarget(input: unknown): input is HeartbeatTarget {
  if (typeof input !== 'object' || input === null) return false;
  const { name, id, lease_id } = input as Partial<Record<keyof HeartbeatTarget, unknown>>;
  if (!isName(name) || !isInstanceId(id)) return false;
  if (Object.keys(input).length !== ('lease_id' in input ? 3 : 2)) return false;
  return lease_id === undefined || (Number.isSafeInteger(lease_id) && (lease_id as number) > 0);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxNameCharacters && namePattern.test(value);
}

function isInstanceId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxIdCharacters && idPattern.test(value);
}

/** @throws RegistryError `validation_error` with the field */
export function parseDeregistrationTarget(input: unknown): HeartbeatTarget {
  return parseHeartbeatTarget(input);
}

/** @throws RegistryError `validation_error` naming `field` */
export function parseName(value: unknown, field = 'name'): string {
  return isName(value) ? value : parseWith(serviceName, value, 'validation_error', field);
}

/** @throws RegistryError `validation_error` naming `field` */
export function parseInstanceId(value: unknown, field = 'id'): string {
  return isInstanceId(value) ? value : parseWith(instanceId, value, 'validation_error', field);
}

/** Runs a schema and turns its first complaint into the registry's error. */
export function parseWith<T>(schema: z.ZodType<T>, input: unknown, code: ErrorCode, root = ''): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (!issue) throw new RegistryError(code, 'The request is not valid.');
  const unknownKey = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = [...(root ? [root] : []), ...issue.path.map(String), ...(unknownKey === undefined ? [] : [unknownKey])];
  const field = path.join('.');
  const special = issue.code === 'custom' ? (issue.params?.code as ErrorCode | undefined) : undefined;
  const missing = issue.input === undefined && unknownKey === undefined && issue.code === 'invalid_type';
  const problem =
    unknownKey !== undefined
      ? 'is not a known field; leave it out, or put it under metadata'
      : missing
        ? `is required: it ${issue.message}`
        : issue.message;
  throw new RegistryError(special ?? code, `${field || 'The body'} ${problem}.`, {
    field: field || undefined,
    value: unknownKey === undefined ? shortened(issue.input) : undefined,
  });
}

/** An object schema's own complaint is about its type; one about unknown keys is worded by `parseWith`. */
function objectError(text: string) {
  return (issue: { readonly code: string }) => (issue.code === 'unrecognized_keys' ? undefined : text);
}

/** What no schema looks at, and what would not come back from the log as it was sent. */
function checkShape(input: unknown): void {
  checkNested(input, []);
}

/** @param path of `value` in what was sent; one array for all of it, so that a sound record costs no strings */
function checkNested(value: unknown, path: string[]): void {
  if (path.length > maxDepth) {
    throw new RegistryError('validation_error', `metadata is nested too deeply; at most ${maxDepth} levels.`, {
      field: 'metadata',
    });
  }
  checkValue(path, value);
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    if (!Array.isArray(value)) checkKey(path, key);
    path.push(key);
    checkNested((value as Record<string, unknown>)[key], path);
    path.pop();
  }
}

const loneSurrogate = /\p{Surrogate}/u;

function checkValue(path: readonly string[], value: unknown): void {
  // JSON has no infinite numbers: 1e999 would be kept as null.
  const isInfinite = typeof value === 'number' && !Number.isFinite(value);
  if (!isInfinite && !(typeof value === 'string' && loneSurrogate.test(value))) return;
  const problem = isInfinite ? 'must be a finite number' : 'must be Unicode text, without half of a surrogate pair';
  const field = path.join('.');
  throw new RegistryError('validation_error', `${field || 'The body'} ${problem}.`, {
    field: field || undefined,
    value: isInfinite ? String(value) : shortened(value),
  });
}

function checkKey(path: readonly string[], key: string): void {
  if (key === '__proto__') {
    // Changes what an object is, in more programs than this one.
    throw new RegistryError('validation_error', '"__proto__" cannot be a key. Rename it.', { field: '__proto__' });
  }
  if (loneSurrogate.test(key)) {
    const field = path.join('.');
    throw new RegistryError('validation_error', `${field || 'The body'} has a key that is not Unicode text.`, {
      field: field || undefined,
    });
  }
}

function completeTtl(asked: Partial<Ttl>, policy: TtlPolicy): Ttl {
  const complete: Ttl = {
    heartbeat_interval: asked.heartbeat_interval ?? policy.heartbeatIntervalSeconds,
    unhealthy_after: asked.unhealthy_after ?? policy.unhealthyAfterSeconds,
    remove_after: asked.remove_after ?? policy.removeAfterSeconds,
  };
  for (const [key, value] of Object.entries(asked)) {
    if (value === undefined || (value >= policy.minimumSeconds && value <= policy.maximumSeconds)) continue;
    throw new RegistryError(
      'validation_error',
      `ttl.${key} must be between ${policy.minimumSeconds} and ${policy.maximumSeconds} seconds.`,
      { field: `ttl.${key}`, value },
    );
  }
  const { heartbeat_interval, unhealthy_after, remove_after } = complete;
  if (heartbeat_interval >= unhealthy_after || unhealthy_after >= remove_after) {
    throw new RegistryError(
      'validation_error',
      `ttl must satisfy heartbeat_interval < unhealthy_after < remove_after; together with the defaults it is ${heartbeat_interval}, ${unhealthy_after}, ${remove_after}.`,
      { field: 'ttl', value: complete },
    );
  }
  return complete;
}

/** A tag or dependency said twice is said once. */
function withoutRepeats(given: Metadata): Metadata {
  return {
    ...given,
    ...(given.tags ? { tags: [...new Set(given.tags)] } : {}),
    ...(given.dependencies ? { dependencies: [...new Set(given.dependencies)] } : {}),
  };
}

/** A refused value as an error shows it: never longer than a line. */
export function shortened(value: unknown): unknown {
  if (typeof value === 'string') return value.length > 100 ? `${value.slice(0, 100)}…` : value;
  if (typeof value !== 'object' || value === null) return value;
  const json = JSON.stringify(value) ?? '';
  return json.length > 100 ? `${json.slice(0, 100)}…` : value;
}
