import { hash } from 'node:crypto';
import type {
  OpenApiContent,
  OpenApiDocument,
  OpenApiOperation,
  OpenApiResponse,
  Reference,
} from './contract/openapi.ts';
import type { JsonSchema } from './contract/schemas.ts';
import { docsStyle } from './docs-style.ts';
import { curlOf, exampleOf, parameterOf } from './request-example.ts';

/** The page runs nothing and fetches nothing: its style is in it, and its icon is empty. */
export const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${hash('sha256', docsStyle, 'base64')}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** What the examples ask: the port that a member has unless it is told otherwise. */
const exampleUrl = 'http://localhost:8500';

/** The API as a page, made from its OpenAPI document. */
export function docsPage(document: OpenApiDocument): string {
  const { title, description } = document.info;
  const requestId = document.components.parameters['header.X-Request-Id'];
  const operations = operationsOf(document);
  const groups = document.tags.map(({ name, description: text }) => ({
    name,
    text,
    operations: operations.filter(({ operation }) => operation.tags.includes(name)),
  }));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}: the REST API</title>
<link rel="icon" href="data:,">
<style>${raw(docsStyle)}</style>
</head>
<body>
<header>
<h1>${title}: the REST API</h1>
${description.split('\n\n').map((text) => html`<p>${text}</p>\n`)}
<p>Every request takes the header ${code('X-Request-Id')}, and every answer has it: ${requestId?.description ?? ''}</p>
<p>The examples ask ${code(exampleUrl)}; put your member's address there. Where the registry has a token, writes also need
${code("-H 'Authorization: Bearer TOKEN'")}. For programs: <a href="v1/openapi.json">the OpenAPI document</a>.</p>
</header>
<nav>
${groups.map(({ name, operations: own }) => html`<h4>${name}</h4>\n<ul>\n${own.map(linkTo)}</ul>\n`)}
</nav>
<main>
${groups.map(({ name, text, operations: own }) => [
  html`<h2>${name}</h2>\n<p>${text}</p>\n`,
  own.map((each) => operationSection(document, each)),
])}
<h2>Schemas</h2>
${Object.entries(document.components.schemas).map(([name, schema]) => schemaSection(name, schema))}
</main>
</body>
</html>
`.text;
}

interface DescribedOperation {
  readonly method: string;
  readonly path: string;
  /** Where it is served, the usual one first. */
  readonly prefixes: readonly string[];
  readonly operation: OpenApiOperation;
}

function operationsOf(document: OpenApiDocument): readonly DescribedOperation[] {
  return Object.entries(document.paths).flatMap(([path, { servers = document.servers, ...methods }]) => {
    const prefixes = servers.map(({ url }) => (url === '/' ? '' : url));
    return Object.entries(methods).map(([method, operation]) => ({ method, path, prefixes, operation }));
  });
}

function linkTo({ operation: { operationId, summary } }: DescribedOperation): Html {
  return html`<li><a href="#${operationId}">${summary}</a></li>\n`;
}

function operationSection(document: OpenApiDocument, described: DescribedOperation): Html {
  const { method, path, prefixes, operation } = described;
  const { operationId, summary, description, requestBody } = operation;
  const [prefix = '', ...others] = prefixes;
  const example = exampleOf(document, prefix, path, method, operation);
  const responses = Object.entries(operation.responses).map(([status, response]) => ({
    status,
    ...resolved(document, response),
    // What many operations answer alike stands among the components.
    isShared: '$ref' in response,
  }));
  return html`<section id="${operationId}">
<h3>${summary}</h3>
<p class="path"><span class="method ${method}">${method.toUpperCase()}</span> ${code(prefix + path)}
${others.map((other) => html`<span class="soft">or ${code(other + path)}</span>`)}
${operation.security ? html`<span class="soft">(needs the token, where there is one)</span>` : ''}</p>
<p>${description}</p>
<pre><code>${curlOf(example, exampleUrl)}</code></pre>
${parametersOf(document, operation)}${
  requestBody
    ? html`<h4>Body</h4>\n<p>${contentList(requestBody.content)}${requestBody.required ? '' : ', or none'}</p>\n`
    : ''
}<h4>Answers</h4>
<dl class="codes">
${responses
  .filter(({ isShared }) => !isShared)
  .map(({ status, description: text, headers, content = {} }) =>
    entry(code(status), [text, ' ', contentList(content), ' ', soft(headerList(headers))]),
  )}</dl>
<details>
<summary>Errors</summary>
<dl class="codes">
${responses.filter(({ isShared }) => isShared).map(({ status, description: text }) => entry(code(status), text))}</dl>
</details>
</section>
`;
}

function parametersOf(document: OpenApiDocument, { parameters }: OpenApiOperation): Part {
  // The one that all operations take is told at the top.
  const own = parameters.map((each) => parameterOf(document, each)).filter(({ name }) => name !== 'X-Request-Id');
  if (own.length === 0) return '';
  return html`<h4>Parameters</h4>
<dl>
${own.map(({ name, in: place, description, schema }) => {
  const isMap = 'patternProperties' in schema;
  return entry(
    [code(isMap ? `${name}.KEY` : name), html` <span class="soft">${place}</span>`],
    [description, ' ', soft(constraintsOf(schema))],
  );
})}</dl>
`;
}

function resolved(document: OpenApiDocument, response: OpenApiResponse | Reference): OpenApiResponse {
  if (!('$ref' in response)) return response;
  const found = document.components.responses[nameOf(response)];
  if (!found) throw new Error(`The description has no response '${response.$ref}'.`);
  return found;
}

function contentList(content: Readonly<Record<string, OpenApiContent>>): Html {
  const one = ([type, { schema, 'x-events': events = {} }]: [string, OpenApiContent]) => [
    html`${code(type)} ${'$ref' in schema || 'allOf' in schema ? shape(schema) : ''}`,
    ...Object.entries(events).map(([name, data]) => html`, ${code(name)} with ${shape(data)}`),
  ];
  const all = Object.entries(content).map(one);
  return html`${all.map((each, position) => [position > 0 ? ' or ' : '', each])}`;
}

function headerList(headers: OpenApiResponse['headers']): string {
  const names = Object.keys(headers).filter((name) => name !== 'X-Request-Id');
  return names.length === 0 ? '' : `Headers: ${names.join(', ')}.`;
}

function schemaSection(name: string, schema: JsonSchema): Html {
  const {
    description = '',
    properties = {},
    required = [],
  } = schema as {
    readonly description?: string;
    readonly properties?: Readonly<Record<string, JsonSchema>>;
    readonly required?: readonly string[];
  };
  const fields = Object.entries(properties);
  return html`<section id="schema-${name}">
<h3>${name}</h3>
<p>${description} ${fields.length === 0 ? shape(schema) : ''}</p>
${
  fields.length === 0
    ? ''
    : html`<dl>
${fields.map(([field, own]) =>
  entry(
    [code(field), required.includes(field) ? '' : html` <span class="soft">optional</span>`],
    [shape(own), ' ', typeof own.description === 'string' ? own.description : '', ' ', soft(constraintsOf(own))],
  ),
)}</dl>`
}
</section>
`;
}

/** What a value is, in a few words. */
function shape(schema: JsonSchema | Reference): Part {
  const {
    $ref,
    anyOf,
    allOf,
    items,
    type,
    enum: values,
    const: only,
    additionalProperties,
  } = schema as {
    readonly $ref?: string;
    readonly anyOf?: readonly JsonSchema[];
    readonly allOf?: readonly JsonSchema[];
    readonly items?: JsonSchema;
    readonly type?: string;
    readonly enum?: readonly unknown[];
    readonly const?: unknown;
    readonly additionalProperties?: JsonSchema;
  };
  if ($ref !== undefined) return html`<a href="#schema-${nameOf({ $ref })}">${nameOf({ $ref })}</a>`;
  if (allOf?.[0]) return shape(allOf[0]);
  if (anyOf) return anyOf.map((each, position) => [position > 0 ? ' or ' : '', shape(each)]);
  if (values) return values.map((value, position) => [position > 0 ? ', ' : '', code(String(value))]);
  if (only !== undefined) return code(String(only));
  if (items) return ['array of ', shape(items)];
  if (type === 'object' && 'properties' in schema) {
    const names = Object.keys(schema.properties as object);
    return `{${names.join(', ')}}`;
  }
  if (type === 'object' && typeof additionalProperties === 'object' && 'type' in additionalProperties) {
    return ['object of ', shape(additionalProperties)];
  }
  return type ?? 'anything';
}

/** Bounds and defaults, in a few words. */
function constraintsOf(schema: JsonSchema): string {
  const {
    enum: values,
    items,
    minimum,
    maximum,
    maxLength,
    pattern,
    default: standard,
  } = schema as {
    readonly enum?: readonly string[];
    readonly items?: JsonSchema;
    readonly minimum?: number;
    readonly maximum?: number;
    readonly maxLength?: number;
    readonly pattern?: string;
    readonly default?: unknown;
  };
  const among = values ?? (items?.enum as readonly string[] | undefined);
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  return [
    among ? `One of ${among.join(', ')}.` : '',
    isBounded ? `From ${minimum ?? 0} to ${maximum}.` : '',
    maxLength === undefined ? '' : `At most ${maxLength} characters.`,
    pattern === undefined ? '' : `Must match ${pattern}.`,
    standard === undefined ? '' : `Default: ${standard}.`,
  ]
    .filter((text) => text !== '')
    .join(' ');
}

function nameOf({ $ref }: Reference): string {
  return $ref.slice($ref.lastIndexOf('/') + 1);
}

function entry(term: Part, text: Part): Html {
  return html`<dt>${term}</dt><dd>${text}</dd>\n`;
}

function code(text: string): Html {
  return html`<code>${text}</code>`;
}

function soft(text: string): Part {
  return text === '' ? '' : html`<span class="soft">${text}</span>`;
}

/** Text that is markup already. */
class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | Html | readonly Part[];

/** Markup from a template: what is put in is text, unless it was made here. */
function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((text, next, position) => text + markup(parts[position - 1] ?? '') + next));
}

function markup(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part !== 'string') return part.map(markup).join('');
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return part.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

function raw(text: string): Html {
  return new Html(text);
}
