import type { ErrorCode } from '../../../registry/errors.ts';
import type { AnswerHeader, QueryParameter, RequestHeader } from './parameters.ts';
import type { SchemaName } from './schemas.ts';

/** Headings under which a reader finds an operation, in their order. */
export const groups = {
  Instances: 'Registering, renewing and ending instances.',
  Discovery: 'Finding instances and following what becomes of them.',
  Dependencies: 'Who depends on whom.',
  Operations: 'For whoever runs the registry.',
} as const;

/** `''`: without a version. */
export type Prefix = '/v1' | '';

/**
 * One row of the contract: where an operation is served, what it takes and what it answers. Routes are registered from it
 * and the OpenAPI document is made from it. What follows from the rest is left out: the errors of every request, those of
 * a body, of parameters and of a token, and the headers of every answer.
 */
export interface Operation {
  /** For programs that are generated from the document: it stays. */
  readonly id: string;
  readonly group: keyof typeof groups;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Parameters in braces. */
  readonly path: string;
  readonly prefixes: readonly Prefix[];
  /** A few words. */
  readonly summary: string;
  /** Sentences. */
  readonly description: string;
  readonly query?: readonly QueryParameter[];
  readonly headers?: readonly RequestHeader[];
  readonly body?: Body;
  /** Needs the token, where the registry has one. */
  readonly writes?: true;
  /** By HTTP status. */
  readonly answers: Readonly<Record<number, Answer>>;
  readonly errors?: readonly ErrorCode[];
  /** Values of some parameters for an example. */
  readonly example?: Readonly<Partial<Record<QueryParameter, string>>>;
}

export interface Body {
  readonly schema: SchemaName;
  readonly required: boolean;
  readonly example: unknown;
}

export interface Answer {
  readonly description: string;
  readonly headers?: readonly AnswerHeader[];
  /** By media type. None: an answer without a body. */
  readonly content?: Readonly<Record<string, Content>>;
}

export interface Content {
  readonly schema: SchemaName;
  /** Events of a stream, and the schema of each one's data. */
  readonly events?: Readonly<Record<string, SchemaName>>;
  readonly example?: string;
}

/** How fresh an answer to a read is. */
export const freshnessHeaders = ['X-Manifest-Index', 'X-Manifest-Leader', 'X-Manifest-Staleness-Ms'] as const;

export function json(schema: SchemaName): Readonly<Record<string, Content>> {
  return { 'application/json': { schema } };
}

/** What a read answers. */
export function readAnswers(description: string, schema: SchemaName, moreHeaders: readonly AnswerHeader[] = []) {
  const headers = ['ETag', ...freshnessHeaders, 'Cache-Control', ...moreHeaders] as const;
  return {
    200: { description, headers, content: json(schema) },
    304: { description: 'What If-None-Match names is still good.', headers },
  } as const satisfies Operation['answers'];
}
