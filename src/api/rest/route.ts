import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestKind } from '../admission.ts';

/** One row of the contract. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Without the prefix `/v1`; parameters as `:name`. */
  readonly path: string;
  /** Whether it is served without the prefix `/v1`, too. */
  readonly alsoBare: boolean;
  /** `null`: answered even when there are too many requests. */
  readonly admission: RequestKind | null;
  /** Requests that wait for long and have a limit of their own: they take no place among those that are under way. */
  isHeld?(request: FastifyRequest): boolean;
  readonly bodyBytes?: number;
  handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>;
}

export function pathsOf({ path, alsoBare }: Route): string[] {
  return alsoBare ? [`/v1${path}`, path] : [`/v1${path}`];
}

/** Tells which methods a path takes, for paths that the router did not match with the method asked for. */
export class MethodTable {
  readonly #rows: { readonly segments: readonly string[]; readonly methods: readonly string[] }[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const methods = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
      for (const path of pathsOf(route)) this.#rows.push({ segments: path.split('/'), methods });
    }
  }

  /** @param path without query; empty when no route has this path */
  allowed(path: string): string[] {
    const segments = path.replace(/(.)\/$/, '$1').split('/');
    const matching = this.#rows.filter((row) => matchSegments(row.segments, segments));
    return [...new Set(matching.flatMap(({ methods }) => methods))].sort();
  }
}

function matchSegments(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, i) => (part.startsWith(':') ? segments[i] !== '' : part === segments[i]))
  );
}
