import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type {
  OpenApiDocument,
  OpenApiOperation,
  OpenApiResponse,
  Reference,
} from '../../src/api/rest/contract/openapi.ts';
import { exampleOf, type RequestExample } from '../../src/api/rest/request-example.ts';
import { type HttpAnswer, type HttpRequest, send } from './http.ts';

/** Headers that belong to HTTP itself. */
const ownHeaders = new Set(['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding']);

/** Holds real answers against the API's own description, more strictly than the description is: nothing may be in them that it does not name. */
export class Documented {
  readonly document: OpenApiDocument;
  /** `operationId status` of every answer that was held against the description. */
  readonly seen = new Set<string>();
  readonly #whole: Ajv2020;
  /** Knows nothing of parts of a record: they are for those who ask for them. */
  readonly #withoutSelections: Ajv2020;
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: OpenApiDocument) {
    this.document = document;
    const schemas = closed(document.components.schemas) as Record<string, object | boolean>;
    this.#whole = ajvWith(schemas);
    this.#withoutSelections = ajvWith({ ...schemas, InstanceSelection: false });
  }

  /** Reads the description where it is served. */
  static async at(url: string): Promise<Documented> {
    const { body } = await send(url, { path: '/v1/openapi.json' });
    return new Documented(body as OpenApiDocument);
  }

  /** @throws Error that says what the description does not say */
  check(request: HttpRequest, answer: HttpAnswer): void {
    const { method = 'GET', path } = request;
    const differs = (what: string) => new Error(`${method} ${path.slice(0, 200)} → ${answer.status}: ${what}`);
    const [bare = '', search = ''] = path.split('?', 2);
    const operation = this.operationOf(method === 'HEAD' ? 'GET' : method, bare);
    const response = operation
      ? this.#resolved(operation.responses[answer.status])
      : this.document.components.responses[answer.status === 405 ? '405.method_not_allowed' : '404.not_found'];
    if (!response) throw differs('this status is not described');
    if (operation) this.seen.add(`${operation.operationId} ${answer.status}`);
    const headers = this.#headerProblem(response, answer.headers);
    if (headers !== null) throw differs(headers);
    if (method === 'HEAD') return;
    const type = answer.headers['content-type']?.split(';', 1)[0];
    if (!response.content) {
      if (answer.text !== '' || type !== undefined) throw differs('it is to have no body');
      return;
    }
    const schema = response.content[type ?? '']?.schema;
    if (!schema) throw differs(`the type ${type} is not described`);
    const isPart = new URLSearchParams(search).has('fields');
    const problem = this.problem(schema, type === 'application/json' ? answer.body : answer.text, isPart);
    if (problem !== null) throw differs(problem);
  }

  /** What is wrong with a value, `null` when nothing is. @param mayBePart whether some fields of a record are enough */
  problem(schema: object, value: unknown, mayBePart = false): string | null {
    const key = `${mayBePart} ${JSON.stringify(schema)}`;
    let validate = this.#validators.get(key);
    if (!validate) {
      validate = (mayBePart ? this.#whole : this.#withoutSelections).compile(relinked(schema) as object);
      this.#validators.set(key, validate);
    }
    if (validate(value)) return null;
    return `${JSON.stringify(validate.errors)} in ${JSON.stringify(value).slice(0, 500)}`;
  }

  /** The operation at a path without query; the one whose path says most, where several match. */
  operationOf(method: string, path: string): OpenApiOperation | undefined {
    const segments = path.replace(/(.)\/$/, '$1').split('/');
    return this.operations
      .filter((each) => each.method === method && matches(each.path.split('/'), segments))
      .sort((one, other) => one.path.split('{').length - other.path.split('{').length)[0]?.operation;
  }

  /** Every operation under every path where it is served. */
  get operations() {
    return Object.entries(this.document.paths).flatMap(([path, { servers = this.document.servers, ...methods }]) =>
      Object.entries(methods).flatMap(([method, operation]) =>
        servers.map(({ url }) => ({ method: method.toUpperCase(), path: (url === '/' ? '' : url) + path, operation })),
      ),
    );
  }

  operationNamed(id: string): OpenApiOperation {
    const found = this.operations.find(({ operation }) => operation.operationId === id);
    if (!found) throw new Error(`There is no operation '${id}'.`);
    return found.operation;
  }

  /** One request of every operation but the watch, which has no end. Each succeeds, in this order, but all deregistrations after the first. */
  examples(): readonly RequestExample[] {
    return this.operations
      .filter(({ operation }) => operation.operationId !== 'watch')
      .map(({ path, method, operation }) => exampleOf(this.document, '', path, method, operation))
      .toSorted((one, other) => orderOf(one) - orderOf(other));
  }

  /** The kinds of events that an operation sends. */
  eventsOf(id: string): readonly string[] {
    return Object.keys(this.#eventSchemas(id));
  }

  /** What is wrong with the data of an event; `null` when nothing is. */
  eventProblem(id: string, event: string, data: unknown): string | null {
    const schema = this.#eventSchemas(id)[event];
    return schema ? this.problem(schema, data) : `there is no event '${event}'`;
  }

  #eventSchemas(id: string): Readonly<Record<string, Reference>> {
    const ok = this.#resolved(this.operationNamed(id).responses['200']);
    return ok?.content?.['text/event-stream']?.['x-events'] ?? {};
  }

  /** The error codes that an operation may answer, each with its status. */
  errorsOf({ responses }: OpenApiOperation): readonly (readonly [code: string, status: number])[] {
    return Object.entries(responses).flatMap(([status, response]) =>
      codesIn(this.#resolved(response)).map((code) => [code, Number(status)] as const),
    );
  }

  #resolved(response: OpenApiResponse | Reference | undefined): OpenApiResponse | undefined {
    return response && '$ref' in response
      ? this.document.components.responses[response.$ref.slice('#/components/responses/'.length)]
      : response;
  }

  #headerProblem(response: OpenApiResponse, headers: HttpAnswer['headers']): string | null {
    const described = new Map(
      Object.keys(response.headers).map((name) => [name.toLowerCase(), this.document.components.headers[name]]),
    );
    for (const name of Object.keys(headers)) {
      if (!ownHeaders.has(name) && !described.has(name)) return `the header ${name} is not described`;
    }
    for (const [name, facts] of described) {
      const value = headers[name];
      if (!facts) return `the header ${name} has no description`;
      if (value === undefined && facts.required) return `the header ${name} is missing`;
      const problem = value === undefined ? null : this.problem(facts.schema, value);
      if (problem !== null) return `the header ${name}: ${problem}`;
    }
    return null;
  }
}

/** What there is to see is registered first, and ended last. */
function orderOf({ method }: RequestExample): number {
  return method === 'POST' ? 0 : method === 'DELETE' ? 2 : 1;
}

/** The error codes of a response that is an error. */
export function codesIn(response: OpenApiResponse | undefined): readonly string[] {
  const { allOf = [] } = (response?.content?.['application/json']?.schema ?? {}) as {
    readonly allOf?: readonly { readonly properties?: { readonly error: { readonly enum: readonly string[] } } }[];
  };
  return allOf.flatMap(({ properties }) => properties?.error.enum ?? []);
}

function ajvWith(schemas: Readonly<Record<string, object | boolean>>): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: false });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'api', $defs: relinked(schemas) });
  return ajv;
}

function relinked(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', '"api#/$defs/'));
}

/** Objects that say what they have may have nothing else. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inside = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const isOpen = inside.type === 'object' && 'properties' in inside && !('additionalProperties' in inside);
  return isOpen ? { ...inside, additionalProperties: false } : inside;
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return pattern.length === segments.length && pattern.every((part, i) => part.startsWith('{') || part === segments[i]);
}
