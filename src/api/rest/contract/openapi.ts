import { type ErrorCode, RegistryError } from '../../../registry/errors.ts';
import { errorTable, retryAfterSeconds } from '../../error-table.ts';
import { type Answer, type Content, freshnessHeaders, groups, type Operation } from './operation.ts';
import {
  type AnswerHeader,
  answerHeaders,
  pathParameters,
  type QueryParameter,
  queryParameters,
  requestHeaders,
} from './parameters.ts';
import { type JsonSchema, jsonSchemaOf, jsonSchemas, type SchemaName } from './schemas.ts';

/** As much of an OpenAPI 3.1 document as is made here (spec.openapis.org/oas/v3.1). */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Readonly<Record<string, unknown>> & { readonly title: string; readonly description: string };
  readonly servers: readonly OpenApiServer[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, OpenApiPath>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly parameters: Readonly<Record<string, OpenApiParameter>>;
    readonly headers: Readonly<Record<string, OpenApiHeader>>;
    readonly responses: Readonly<Record<string, OpenApiResponse>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

interface OpenApiServer {
  readonly url: string;
  readonly description: string;
}

export interface Reference {
  readonly $ref: string;
}

export type OpenApiPath = { readonly servers?: readonly OpenApiServer[] } & {
  readonly [method in 'get' | 'post' | 'put' | 'delete']?: OpenApiOperation;
};

export interface OpenApiOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly (OpenApiParameter | Reference)[];
  readonly requestBody?: OpenApiBody;
  readonly security?: readonly unknown[];
  readonly responses: Readonly<Record<string, OpenApiResponse | Reference>>;
}

export interface OpenApiParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: JsonSchema;
  readonly style?: string;
  readonly explode?: boolean;
  readonly example?: string;
}

export interface OpenApiBody {
  readonly required: boolean;
  readonly content: Readonly<Record<string, OpenApiContent>>;
}

export interface OpenApiContent {
  readonly schema: JsonSchema;
  readonly example?: unknown;
  readonly 'x-events'?: Readonly<Record<string, Reference>>;
}

export interface OpenApiHeader {
  readonly description: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

export interface OpenApiResponse {
  readonly description: string;
  readonly headers: Readonly<Record<string, Reference>>;
  readonly content?: Readonly<Record<string, OpenApiContent>>;
}

/** What the document has to know of a route. */
export interface DescribedRoute {
  readonly operation: Operation;
  /** `null`: answered even when there are too many requests. */
  readonly admission: unknown;
}

/** Answers to what is no request of any operation, or could not be read as a request. */
const refusedEarly: readonly (readonly [httpStatus: number, code: ErrorCode])[] = [
  [404, 'not_found'],
  [405, 'method_not_allowed'],
  [408, 'service_unavailable'],
  [431, 'payload_too_large'],
];

const description = `The REST face of the service registry. Every member answers every request. JSON, UTF-8; errors always have the form of Error.

GET takes HEAD, too. A path that does not exist is answered with 404 not_found, and a method that a path does not take with 405 method_not_allowed. Any request may be answered with 408 when it does not arrive in time, and with 431 when its headers are too long.`;

/** Describes the API from its own table of routes. */
export function describeApi(routes: readonly DescribedRoute[]): OpenApiDocument {
  const responses: Record<string, OpenApiResponse> = {};
  for (const [httpStatus, code] of refusedEarly) addError(responses, httpStatus, [code]);
  const parameters = describeParameters();
  const paths: Record<string, OpenApiPath> = {};
  for (const route of routes) {
    const { path, method, prefixes } = route.operation;
    const isDefault = prefixes.length === 1 && prefixes[0] === '/v1';
    paths[path] = {
      ...(isDefault ? {} : { servers: prefixes.map(serverOf) }),
      ...paths[path],
      [method.toLowerCase()]: describeOperation(route, parameters, responses),
    };
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Manifest', version: '1', description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [serverOf('/v1')],
    tags: Object.entries(groups).map(([name, text]) => ({ name, description: text })),
    paths,
    components: {
      schemas: jsonSchemas(),
      parameters,
      headers: Object.fromEntries(
        Object.entries(answerHeaders).map(([name, facts]) => [
          name,
          {
            description: facts.description,
            required: 'always' in facts,
            schema: jsonSchemaOf(facts.schema),
          },
        ]),
      ),
      responses,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The token that the registry was started with, if any.' },
      },
    },
  };
}

function serverOf(prefix: string): OpenApiServer {
  return prefix === ''
    ? { url: '/', description: 'Without a version.' }
    : { url: prefix, description: 'Relative to where this document is.' };
}

function describeOperation(
  route: DescribedRoute,
  parameters: Parameters,
  responses: Record<string, OpenApiResponse>,
): OpenApiOperation {
  const { id, group, summary, description: text, body, writes, answers } = route.operation;
  return {
    operationId: id,
    tags: [group],
    summary,
    description: text,
    parameters: parametersOf(route.operation, parameters),
    ...(body
      ? {
          requestBody: {
            required: body.required,
            content: { 'application/json': { schema: componentOf(body.schema), example: body.example } },
          },
        }
      : {}),
    // Either will do: a registry without a token asks for none.
    ...(writes ? { security: [{ token: [] }, {}] } : {}),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer)])),
      ...errorsOf(route, responses),
    },
  };
}

type Parameters = OpenApiDocument['components']['parameters'];

/** Every parameter once, under its place and name. */
function describeParameters(): Parameters {
  const paths = Object.entries(pathParameters).map(([name, { schema, description: text, example }]) => ({
    name,
    in: 'path' as const,
    required: true,
    description: text,
    schema: jsonSchemaOf(schema),
    example,
  }));
  const headers = Object.entries(requestHeaders).map(([name, { schema, description: text }]) => ({
    name,
    in: 'header' as const,
    required: false,
    description: text,
    schema: jsonSchemaOf(schema),
  }));
  const named = [...paths, ...headers].map((each): [string, OpenApiParameter] => [keyOf(each.in, each.name), each]);
  const queries = (Object.keys(queryParameters) as QueryParameter[]).map((name): [string, OpenApiParameter] => [
    keyOf('query', name),
    queryParameter(name),
  ]);
  return Object.fromEntries([...named, ...queries]);
}

function keyOf(place: OpenApiParameter['in'], name: string): string {
  return `${place}.${name}`;
}

function queryParameter(name: QueryParameter): OpenApiParameter {
  const facts = queryParameters[name];
  const own = jsonSchemaOf(facts.schema);
  const shared = {
    name,
    in: 'query',
    required: false,
    description: facts.description,
    schema: 'standard' in facts ? { ...own, default: facts.standard } : own,
  } as const;
  if (name === 'fields') return { ...shared, style: 'form', explode: false };
  if (name !== 'metadata.KEY') return shared;
  // An object in this style is written with the names of its fields, and not with its own.
  const schema = { type: 'object', patternProperties: { '^metadata\\..+$': own }, additionalProperties: false };
  return { ...shared, name: 'metadata', style: 'form', explode: true, schema };
}

function parametersOf(
  { path, query = [], headers = [], example = {} }: Operation,
  parameters: Parameters,
): OpenApiOperation['parameters'] {
  const keys = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => keyOf('path', name)),
    ...query.map((name) => keyOf('query', name)),
    ...[...headers, 'X-Request-Id'].map((name) => keyOf('header', name)),
  ];
  return keys.map((key): OpenApiParameter | Reference => {
    const found = parameters[key];
    if (!found) throw new Error(`The parameter ${key} of ${path} has no description.`);
    const value = found.in === 'query' ? example[found.name as QueryParameter] : undefined;
    return value === undefined ? { $ref: `#/components/parameters/${key}` } : { ...found, example: value };
  });
}

function describeAnswer({ description: text, headers = [], content }: Answer): OpenApiResponse {
  return { description: text, headers: headersOf(headers), ...(content ? { content: contentOf(content) } : {}) };
}

function contentOf(content: Readonly<Record<string, Content>>): Readonly<Record<string, OpenApiContent>> {
  return Object.fromEntries(
    Object.entries(content).map(([type, { schema, events, example }]) => [
      type,
      {
        schema: componentOf(schema),
        ...(example === undefined ? {} : { example }),
        ...(events === undefined
          ? {}
          : { 'x-events': Object.fromEntries(Object.entries(events).map(([name, of]) => [name, componentOf(of)])) }),
      },
    ]),
  );
}

function headersOf(names: readonly AnswerHeader[]): Readonly<Record<string, Reference>> {
  return Object.fromEntries(
    ['X-Request-Id', ...names].map((name): [string, Reference] => [name, { $ref: `#/components/headers/${name}` }]),
  );
}

function componentOf(name: SchemaName): Reference & JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

/** The errors that an operation names, and those that follow from what it takes. */
function errorsOf(
  { operation, admission }: DescribedRoute,
  responses: Record<string, OpenApiResponse>,
): Readonly<Record<string, Reference>> {
  const { path, query = [], body, writes, errors = [] } = operation;
  const codes = new Set<ErrorCode>(['validation_error', 'internal_error', ...errors]);
  if (path.includes('{') || query.length > 0) codes.add('invalid_parameter');
  if (admission !== null) codes.add('service_unavailable');
  if (body) codes.add('payload_too_large').add('unsupported_media_type');
  if (writes) codes.add('unauthorized').add('forbidden').add('outcome_unknown');
  const byStatus = new Map<number, ErrorCode[]>([
    [408, ['service_unavailable']],
    [431, ['payload_too_large']],
  ]);
  for (const code of codes) {
    const { http } = errorTable[code];
    byStatus.set(http, [...(byStatus.get(http) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([httpStatus, ofStatus]) => [httpStatus, addError(responses, httpStatus, ofStatus, !writes)]),
  );
}

/** What each code means, in a few words. */
const meanings: Readonly<Record<ErrorCode, string>> = {
  validation_error: 'something in the request is wrong, see field',
  invalid_parameter: 'a parameter is wrong, see field',
  invalid_version: 'the version is no semantic version',
  unauthorized: 'the token is missing or wrong',
  forbidden: 'the token does not allow this',
  not_found: 'there is nothing under this path',
  method_not_allowed: 'the path does not take this method',
  service_not_found: 'it is not listed',
  lease_mismatch: 'the instance has another lease now, see details.current_lease_id',
  service_gone: 'the instance was listed and is no longer, since deregistered_at: register it again',
  payload_too_large: 'it is too long, see details',
  unsupported_media_type: 'the body must be JSON, and not compressed',
  dependency_not_found: 'missing_dependencies are not registered, and the registry asks for them',
  rate_limit_exceeded: 'there are too many of these already',
  internal_error: 'something went wrong inside; the log has the cause under request_id',
  service_unavailable: 'it did not happen: no leader, no majority, or too much to do',
  outcome_unknown: 'it may or may not have happened; sending the same again is safe',
};

/**
 * Describes the errors of a status once, whichever operations have them.
 * @param ofRead that there is nothing is an answer to a read, and as fresh as any
 */
function addError(
  responses: Record<string, OpenApiResponse>,
  httpStatus: number,
  codes: readonly ErrorCode[],
  ofRead = false,
): Reference {
  const isFresh = ofRead && codes.includes('service_not_found');
  const key = [httpStatus, ...[...codes].sort(), ...(isFresh ? ['read'] : [])].join('.');
  const freshness = isFresh ? freshnessHeaders : [];
  responses[key] ??= {
    description: codes.map((code) => `${code}: ${meanings[code]}.`).join(' '),
    headers: headersOf([...errorHeaders(httpStatus, codes), ...freshness]),
    content: {
      'application/json': {
        schema: { allOf: [componentOf('Error'), { properties: { error: { enum: [...codes] } } }] },
      },
    },
  };
  return { $ref: `#/components/responses/${key}` };
}

function errorHeaders(httpStatus: number, codes: readonly ErrorCode[]): readonly AnswerHeader[] {
  // What could not be read as a request is answered without the framework.
  if (httpStatus === 408 || httpStatus === 431) return [];
  const headers: AnswerHeader[] = ['Cache-Control'];
  if (codes.some((code) => retryAfterSeconds(new RegistryError(code, '')) !== null)) headers.push('Retry-After');
  if (codes.includes('unauthorized')) headers.push('WWW-Authenticate');
  if (codes.includes('method_not_allowed')) headers.push('Allow');
  return headers;
}
