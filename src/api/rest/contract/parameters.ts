import { z } from 'zod';
import { defaultLimit, filterSchemas, listSchemas, truth } from '../../../registry/queries.ts';
import { instanceId, serviceName } from '../../../registry/validation.ts';
import { holdSchemas, watchSchemas } from '../../../registry/watch-queries.ts';
import { fieldsSchema } from '../fields.ts';

interface Described {
  readonly schema: z.ZodType;
  readonly description: string;
  readonly standard?: unknown;
}

/** Parameters of the path. */
export const pathParameters = {
  name: { schema: serviceName, description: 'The service.', example: 'billing' },
  id: { schema: instanceId, description: 'The instance.', example: 'billing-1' },
} as const;

/** Parameters of the query string: the very schemas that they are validated by. */
export const queryParameters = {
  status: {
    schema: filterSchemas.status,
    description: 'Only instances in this health state. None is down: such an instance is no longer listed.',
  },
  tag: { schema: filterSchemas.tag, description: 'Only instances that have the tag. Repeatable: all must match.' },
  environment: { schema: filterSchemas.environment, description: 'Only instances of this environment.' },
  dependency: { schema: filterSchemas.dependency, description: 'Only instances that depend on this service.' },
  interface: { schema: filterSchemas.interface, description: 'Only instances with an interface of this type.' },
  instance_id: { schema: filterSchemas.instance_id, description: 'Only instances with this id.' },
  version: {
    schema: filterSchemas.version,
    description: 'Only instances of this semantic version, or of one within a range such as ^1.2 or >=2 <4.',
  },
  region: { schema: filterSchemas.region, description: 'Only instances of this region.' },
  owner: { schema: filterSchemas.owner, description: 'Only instances of this owner.' },
  'metadata.KEY': {
    schema: filterSchemas['metadata.KEY'],
    description:
      'Only instances whose metadata has this value under KEY, as text; a list needs to have it among others. At most 16 keys.',
  },
  name: { schema: listSchemas.name, description: 'Only services whose names begin with this.' },
  limit: { schema: listSchemas.limit, description: 'Records on a page.', standard: defaultLimit },
  offset: { schema: listSchemas.offset, description: 'Records to leave out at the beginning.', standard: 0 },
  cursor: {
    schema: listSchemas.cursor,
    description:
      'The X-Manifest-Cursor of the page before. Empty: the beginning of a walk whose Link goes on by cursor, which changes in between cannot disturb. Not together with offset.',
  },
  consistency: {
    schema: listSchemas.consistency,
    description: 'stale: at once from the own state of the member that answers, whatever the others know.',
    standard: 'linearizable',
  },
  fields: {
    schema: fieldsSchema,
    description: 'Fields of each record to show, with commas between them; name and id are always shown.',
  },
  index: {
    schema: holdSchemas.index,
    description:
      'Holds the answer until something that it shows has changed after this revision: the X-Manifest-Index of the answer before.',
  },
  wait: {
    schema: holdSchemas.wait,
    description:
      'With index: how long the answer is held at most, such as 500ms, 30s or 2m. A number alone means seconds. At most 5m, and up to a sixteenth longer.',
    standard: '30s',
  },
  service: { schema: watchSchemas.service, description: 'Only the service of this name.' },
  from: {
    schema: watchSchemas.from,
    description:
      'Begin with what happened after this revision. One that the registry does not remember, or has not reached, is answered with compacted and the present state.',
  },
  initial: {
    schema: watchSchemas.initial,
    description: 'Begin with the present state, up to synced. Ignored when from or Last-Event-ID is given.',
    standard: false,
  },
  transitive: { schema: truth, description: 'Over others, too.', standard: false },
  hash: {
    schema: truth,
    description: 'Add the hash of the state. It costs time in proportion to the number of instances.',
    standard: false,
  },
} as const satisfies Readonly<Record<string, Described>>;

export type QueryParameter = keyof typeof queryParameters;

export const filters = Object.keys(filterSchemas) as readonly (keyof typeof filterSchemas)[];

/** Headers of requests. `X-Request-Id` is taken by all of them. */
export const requestHeaders = {
  'If-None-Match': {
    schema: z.string(),
    description: 'The ETag of an answer that the caller still has; * or several with commas are taken, too.',
  },
  Prefer: {
    schema: z.string(),
    description: 'return=representation: the result is shown, instead of 204 and nothing (RFC 7240).',
  },
  'Last-Event-ID': {
    schema: z.string(),
    description: 'The id of the last event that was received. It wins over from. EventSource sends it by itself.',
  },
  'X-Request-Id': {
    schema: z.string(),
    description:
      'Follows the request through the logs, up to 128 of letters, digits and ._:/+=@-. Without one, or with another one, the registry makes it.',
  },
} as const satisfies Readonly<Record<string, Described>>;

export type RequestHeader = Exclude<keyof typeof requestHeaders, 'X-Request-Id'>;

interface AnswerHeaderFacts extends Described {
  /** Absent: not every answer that lists it has it. */
  readonly always?: true;
}

const index = z.string().regex(/^\d+$/);

/** Headers of answers. `X-Request-Id` is on all of them. */
export const answerHeaders = {
  'X-Request-Id': { schema: z.string(), description: 'The id of the request, as the logs have it.', always: true },
  'X-Manifest-Index': { schema: index, description: 'The revision that the answer shows.', always: true },
  'X-Manifest-Leader': { schema: z.string(), description: 'The leader, as far as the member knows one.' },
  'X-Manifest-Staleness-Ms': {
    schema: z.string().regex(/^\d+$/),
    description: 'Of a stale read: the greatest age of the answer, in milliseconds.',
  },
  'X-Manifest-Cursor': { schema: z.string(), description: 'Where a page ends that is not the last: see cursor.' },
  'X-Total-Count': { schema: index, description: 'All that match, on this page or not.' },
  Link: { schema: z.string(), description: 'The next page, with rel="next" (RFC 8288), where there is one.' },
  ETag: { schema: z.string(), description: 'For If-None-Match.', always: true },
  'Cache-Control': { schema: z.string(), description: 'Whether a copy may be kept.', always: true },
  Location: { schema: z.string(), description: 'The path of the record.', always: true },
  'Preference-Applied': { schema: z.string(), description: 'return=representation (RFC 7240).', always: true },
  'Retry-After': { schema: z.string().regex(/^\d+$/), description: 'Seconds to wait.', always: true },
  'WWW-Authenticate': { schema: z.string(), description: 'How to show the token.', always: true },
  Allow: { schema: z.string(), description: 'The methods that the path takes.', always: true },
  'X-Accel-Buffering': {
    schema: z.string(),
    description: 'no: a proxy is to hand each event on at once.',
    always: true,
  },
  'Content-Security-Policy': { schema: z.string(), description: 'The page needs nothing but itself.', always: true },
  'X-Content-Type-Options': { schema: z.string(), description: 'nosniff', always: true },
  'Referrer-Policy': { schema: z.string(), description: 'no-referrer', always: true },
} as const satisfies Readonly<Record<string, AnswerHeaderFacts>>;

export type AnswerHeader = keyof typeof answerHeaders;
