import type { OpenApiDocument, OpenApiOperation, OpenApiParameter, Reference } from './contract/openapi.ts';

/** A request that shows how an operation is used. */
export interface RequestExample {
  readonly method: string;
  /** With the query string. */
  readonly path: string;
  readonly json?: unknown;
  /** The answer goes on for ever. */
  readonly streams: boolean;
}

/** An example from what the document says of an operation's parameters and body. @param prefix such as `/v1` */
export function exampleOf(
  document: OpenApiDocument,
  prefix: string,
  path: string,
  method: string,
  operation: OpenApiOperation,
): RequestExample {
  const parameters = operation.parameters.map((parameter) => parameterOf(document, parameter));
  const exampleFor = (name: string) => parameters.find((each) => each.name === name)?.example ?? '';
  const query = parameters.filter((each) => each.in === 'query' && each.example !== undefined);
  const search = new URLSearchParams(query.map(({ name, example = '' }): [string, string] => [name, example]));
  const { required = false, content = {} } = operation.requestBody ?? {};
  return {
    method: method.toUpperCase(),
    path: `${prefix}${path.replace(/\{(\w+)\}/g, (_, name) => exampleFor(name))}${query.length > 0 ? `?${search}` : ''}`,
    ...(required ? { json: content['application/json']?.example } : {}),
    streams: isStream(operation),
  };
}

export function parameterOf(document: OpenApiDocument, parameter: OpenApiParameter | Reference): OpenApiParameter {
  if (!('$ref' in parameter)) return parameter;
  const name = parameter.$ref.slice('#/components/parameters/'.length);
  const found = document.components.parameters[name];
  if (!found) throw new Error(`The description has no parameter '${name}'.`);
  return found;
}

function isStream({ responses }: OpenApiOperation): boolean {
  const ok = responses['200'];
  return ok !== undefined && 'content' in ok && ok.content !== undefined && 'text/event-stream' in ok.content;
}

/** The example for a POSIX shell. @param url of a member */
export function curlOf({ method, path, json, streams }: RequestExample, url: string): string {
  const isUsual = method === 'GET' || (method === 'POST' && json !== undefined);
  const ask = ['curl', ...(streams ? ['-N'] : []), ...(isUsual ? [] : [`-X ${method}`]), quoted(url + path)].join(' ');
  const lines = json === undefined ? [] : [`-H 'Content-Type: application/json'`, `-d ${quoted(legible(json))}`];
  return [ask, ...lines].join(' \\\n  ');
}

/** On one line where it is short. */
function legible(json: unknown): string {
  const line = JSON.stringify(json);
  return line.length > 60 ? JSON.stringify(json, null, 2) : line;
}

function quoted(text: string): string {
  return /^[\w:/.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
