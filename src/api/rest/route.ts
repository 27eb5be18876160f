import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestKind } from '../admission.ts';
import type { Operation } from './contract/operation.ts';

/** One row of the contract, and how it is served. */
export interface Route {
  readonly operation: Operation;
  /** `null`: answered even when there are too many requests. */
  readonly admission: RequestKind | null;
  /** Requests that wait for long and have a limit of their own: they take no place among those that are under way. */
  isHeld?(request: FastifyRequest): boolean;
  readonly bodyBytes?: number;
  handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>;
}

/** Where it is served; parameters as `:name`. */
export function pathsOf({ operation: { path, prefixes } }: Route): string[] {
  return prefixes.map((prefix) => prefix + path.replace(/\{(\w+)\}/g, ':$1'));
}

/** Tells which methods a path takes, for paths that the router did not match with the method asked for. */
export class MethodTable {
  readonly #rows: { readonly segments: readonly string[]; readonly methods: readonly string[] }[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const { method } = route.operation;
      const methods = method === 'GET' ? ['GET', 'HEAD'] : [method];
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
