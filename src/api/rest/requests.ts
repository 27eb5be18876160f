import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RegistryError } from '../../registry/errors.ts';
import type { CallOptions } from '../../registry/service.ts';
import { bearerToken } from '../auth.ts';

/** The query string: a string, or an array where a parameter was repeated. */
export function queryOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  return request.query as Record<string, unknown>;
}

/** A parameter of the route's path, decoded and not validated. */
export function pathParameter(request: FastifyRequest, name: 'name' | 'id'): string {
  return (request.params as Record<string, string | undefined>)[name] ?? '';
}

/** @throws RegistryError `invalid_parameter` naming a parameter that is not among `known` */
export function refuseOtherParameters(request: FastifyRequest, known: readonly string[]): void {
  const other = Object.keys(queryOf(request)).find((parameter) => !known.includes(parameter));
  if (other === undefined) return;
  const hint = known.length === 0 ? 'this request takes none' : `known are ${known.join(', ')}`;
  throw new RegistryError('invalid_parameter', `${other} is not a known parameter here; ${hint}.`, { field: other });
}

/** Whether the caller wants the result shown (RFC 7240, 4.2). Said twice, the first counts; a preference may have parameters. */
export function wantsRepresentation(request: FastifyRequest): boolean {
  const { prefer } = request.headers;
  if (prefer === undefined) return false;
  const header = [prefer].flat().join(',');
  const asked = header
    .split(',')
    .map((preference) => /^\s*return\s*=\s*"?([\w-]*)"?\s*(;|$)/i.exec(preference)?.[1])
    .find((value) => value !== undefined);
  return asked?.toLowerCase() === 'representation';
}

/** What HTTP itself demands of the headers. @throws RegistryError `validation_error` */
export function refuseOddHeaders({ headers, rawHeaders, httpVersion }: IncomingMessage): void {
  let hosts = 0;
  for (let position = 0; position < rawHeaders.length; position += 2) {
    const name = rawHeaders[position];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  // RFC 9112, 3.2.
  if (hosts > 1 || (hosts === 0 && httpVersion !== '1.0')) {
    throw new RegistryError('validation_error', 'A request must name its host once: send one header "Host".', {
      field: 'host',
    });
  }
  const { expect } = headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    throw new RegistryError('validation_error', 'expect may only be "100-continue".', {
      field: 'expect',
      value: expect.slice(0, 100),
    });
  }
}

/** @throws RegistryError `unsupported_media_type` for a body that is compressed */
export function refuseEncodings({ headers }: IncomingMessage): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw new RegistryError('unsupported_media_type', 'The body must not be compressed.', {
    field: 'content-encoding',
    value: encoding.slice(0, 100),
  });
}

export function callOptions(request: FastifyRequest, passTokenOn: boolean): CallOptions {
  return {
    requestId: request.id,
    authToken: passTokenOn ? (bearerToken(request.headers.authorization) ?? undefined) : undefined,
  };
}

/** The instance of the path, with what the body says beside it. @throws RegistryError `validation_error` */
export function targetOf(request: FastifyRequest): Record<string, unknown> {
  const target = { name: pathParameter(request, 'name'), id: pathParameter(request, 'id') };
  const body = request.body ?? {};
  if (typeof body !== 'object' || Array.isArray(body)) {
    throw new RegistryError('validation_error', 'The body must be a JSON object, such as {"lease_id": 7}, or empty.');
  }
  for (const [field, value] of Object.entries(target)) {
    const said = (body as Record<string, unknown>)[field];
    if (said === undefined || said === value) continue;
    throw new RegistryError('validation_error', `${field} in the body differs from the path's. Leave it out.`, {
      field,
    });
  }
  return { ...body, ...target };
}

/** Aborted when the client is gone or has its answer, and when `closing` is. */
export function endSignal(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const end = new AbortController();
  const abort = () => {
    closing.removeEventListener('abort', abort);
    end.abort();
  };
  closing.addEventListener('abort', abort);
  reply.raw.once('close', abort);
  if (closing.aborted) abort();
  return end.signal;
}
