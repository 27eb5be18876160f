import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { type ErrorCode, RegistryError } from '../../registry/errors.ts';
import { asRegistryError, errorBody, errorTable, retryAfterSeconds } from '../error-table.ts';
import { requestIdFrom } from '../request-id.ts';
import type { OpenAnswers } from './open-answers.ts';

/** Answers a request with an error of any kind. */
export function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = thrown instanceof RegistryError ? thrown : translate(thrown, request);
  if (error.code === 'internal_error')
    request.log.error({ requestId: request.id, err: thrown }, 'a request failed inside');
  const waitSeconds = retryAfterSeconds(error);
  if (waitSeconds !== null) reply.header('retry-after', waitSeconds);
  if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer realm="manifest"');
  return reply
    .status(errorTable[error.code].http)
    .header('cache-control', 'no-store')
    .header('x-request-id', request.id)
    .send(errorBody(error, request.id));
}

/** The framework's own complaints about a request, in the registry's words. */
function translate(thrown: unknown, request: FastifyRequest): RegistryError {
  const { code, statusCode } = thrown as { readonly code?: unknown; readonly statusCode?: unknown };
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': {
      const sent = request.headers['content-type'];
      return new RegistryError(
        'unsupported_media_type',
        'The body must be JSON: send the header "Content-Type: application/json".',
        { field: 'content-type', value: sent?.slice(0, 100) },
      );
    }
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const limit_bytes = request.routeOptions.bodyLimit;
      return new RegistryError('payload_too_large', `The body is too long; at most ${limit_bytes} bytes are taken.`, {
        details: { limit_bytes },
      });
    }
    case 'FST_ERR_BAD_URL':
      return new RegistryError('invalid_parameter', 'The path has a % that two hexadecimal digits do not follow.', {
        field: 'path',
      });
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new RegistryError('validation_error', 'The body is not as long as Content-Length says.', {
        field: 'content-length',
      });
    default: {
      const isCallers = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500;
      return isCallers
        ? new RegistryError('validation_error', 'The request cannot be read. Check how it is made.')
        : asRegistryError(thrown);
    }
  }
}

interface BrokenRequest {
  readonly httpStatus: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** Answers what never became a request, and ends its connection. */
export function answerBrokenRequest(
  error: Error & { readonly code?: string },
  socket: Socket,
  logger: Logger,
  answers: OpenAnswers,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  // Whoever waits for the answer to a request before this one must not take this one for it.
  answers.whenWhole(socket, (isFree) => {
    if (!isFree || !socket.writable) {
      socket.destroy();
      return;
    }
    const { httpStatus, code, message } = describeBroken(error.code);
    const requestId = requestIdFrom(undefined);
    logger.debug({ requestId, reason: error.code }, 'refused a request that cannot be read');
    sayAndEnd(socket, httpStatus, new RegistryError(code, message), requestId);
  });
}

/** Answers CONNECT, which the framework never sees: Node would hang up without a word. */
export function answerConnect(socket: Duplex): void {
  const error = new RegistryError('method_not_allowed', 'This is no proxy: CONNECT is not taken.', {
    field: 'method',
    value: 'CONNECT',
  });
  sayAndEnd(
    socket,
    errorTable[error.code].http,
    error,
    requestIdFrom(undefined),
    'allow: DELETE, GET, HEAD, POST, PUT\r\n',
  );
}

function sayAndEnd(
  socket: Duplex,
  httpStatus: number,
  error: RegistryError,
  requestId: string,
  moreHeaders = '',
): void {
  socket.on('error', () => socket.destroy());
  const body = JSON.stringify(errorBody(error, requestId));
  socket.end(
    `HTTP/1.1 ${httpStatus} ${STATUS_CODES[httpStatus] ?? ''}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nx-request-id: ${requestId}\r\n${moreHeaders}connection: close\r\n\r\n${body}`,
  );
}

function describeBroken(code: string | undefined): BrokenRequest {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        httpStatus: 431,
        code: 'payload_too_large',
        message: 'The headers or the path are too long. Shorten them.',
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { httpStatus: 408, code: 'service_unavailable', message: 'The request did not arrive in time. Retry.' };
    default:
      return { httpStatus: 400, code: 'validation_error', message: 'This is not a request in HTTP/1.1.' };
  }
}
