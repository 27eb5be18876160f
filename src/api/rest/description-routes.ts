import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OpenApiDocument } from './contract/openapi.ts';
import type { Operation } from './contract/operation.ts';
import { getDescription, getDocs } from './contract/other-operations.ts';
import { contentSecurityPolicy, docsPage } from './docs-page.ts';
import { namesTag, textTag } from './entity-tag.ts';
import type { Route } from './route.ts';

/** What the API tells of itself. @param describe asked once, when somebody wants to know */
export function descriptionRoutes(describe: () => OpenApiDocument): Route[] {
  const row = (operation: Operation, type: string, headers: Record<string, string>, write: () => string): Route => {
    const once = remembered(() => withTag(write()));
    return {
      operation,
      // Whoever is lost in an overload may still look things up: it costs no more than a refusal.
      admission: null,
      handle: async (request, reply) => say(request, reply.headers(headers), type, once()),
    };
  };
  const document = remembered(describe);
  return [
    row(getDescription, 'application/json; charset=utf-8', {}, () => JSON.stringify(document())),
    row(
      getDocs,
      'text/html; charset=utf-8',
      {
        'content-security-policy': contentSecurityPolicy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      },
      () => docsPage(document()),
    ),
  ];
}

interface Tagged {
  readonly text: string;
  readonly tag: string;
}

function withTag(text: string): Tagged {
  return { text, tag: textTag(text) };
}

function say(request: FastifyRequest, reply: FastifyReply, type: string, { text, tag }: Tagged): FastifyReply {
  reply.header('etag', tag).header('cache-control', 'no-cache');
  if (namesTag(request.headers['if-none-match'], tag)) return reply.status(304).send();
  return reply.type(type).send(text);
}

function remembered<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
