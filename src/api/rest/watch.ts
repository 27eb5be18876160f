import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RegistryError } from '../../registry/errors.ts';
import { parseConsistency } from '../../registry/queries.ts';
import type { WatchEvent } from '../../registry/records.ts';
import type { WatchQuery } from '../../registry/service.ts';
import { parseWatchQuery } from '../../registry/watch-queries.ts';
import { asRegistryError, errorBody } from '../error-table.ts';
import type { FaceOptions } from '../face.ts';
import { stopping } from '../stopping.ts';
import { watch } from './contract/read-operations.ts';
import { aheadText, closedText, commentText, eventText, retryText } from './event-text.ts';
import { callOptions, endSignal, queryOf } from './requests.ts';
import type { Route } from './route.ts';

const commentEveryMs = 15_000;

/** Text that may wait in a connection before the watch waits for it. */
const maxBufferedBytes = 256 * 1024;

/** A connection that takes nothing for this long is cut. */
const stuckMs = 30_000;

/** `GET /watch`: changes as Server-Sent Events. @param closing ends every watch, because this process stops */
export function watchRoute({ registry, passTokenOn, logger }: FaceOptions, closing: AbortSignal): Route {
  return {
    operation: watch,
    // Watches have a limit of their own.
    admission: null,
    async handle(request, reply) {
      const raw = queryOf(request);
      const query = resumed(parseWatchQuery(raw, ['consistency']), request);
      const consistency = parseConsistency(raw.consistency);
      reply.header('cache-control', 'no-store');
      if (request.method === 'HEAD') return reply.type('text/event-stream; charset=utf-8').send();
      const signal = endSignal(reply, closing);
      const options = { ...callOptions(request, passTokenOn), consistency, signal };
      const events = registry.watch(query, options)[Symbol.asyncIterator]();
      // Until the first event is there, the watch can still fail as any request does.
      const first = await events.next();
      begin(reply, retryText + aheadText(query.from, first.done ? undefined : first.value));
      const stream = new EventStream(reply.raw);
      try {
        for (let next = first; !next.done; next = await events.next()) await stream.send(next.value);
        stream.close(errorBody(stopping(), request.id));
      } catch (thrown) {
        const error = asRegistryError(thrown);
        if (error.code === 'internal_error') logger.error({ err: thrown, requestId: request.id }, 'a watch failed');
        else logger.debug({ requestId: request.id, reason: error.message }, 'ended a watch');
        stream.close(errorBody(error, request.id));
      } finally {
        await events.return?.();
      }
      return reply;
    },
  };
}

/** A client that comes back says where it was in a header; it wins over what the address still says. */
function resumed(query: WatchQuery, request: FastifyRequest): WatchQuery {
  const lastEventId = request.headers['last-event-id'];
  if (lastEventId === undefined || lastEventId === '') return query;
  const from = /^\d{1,16}$/.test(String(lastEventId)) ? Number(lastEventId) : Number.NaN;
  if (Number.isSafeInteger(from)) return { ...query, from };
  throw new RegistryError('invalid_parameter', 'Last-Event-ID must be the id of an event of this watch, a number.', {
    field: 'last-event-id',
    value: String(lastEventId).slice(0, 100),
  });
}

/** From here on the answer is written past the framework. */
function begin(reply: FastifyReply, text: string): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
  });
  reply.raw.write(text);
}

/** Writes events to one connection, as fast as it takes them and no faster. */
class EventStream {
  readonly #response: ServerResponse;
  readonly #comments: NodeJS.Timeout;
  #corked = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#comments = setInterval(() => response.write(commentText), commentEveryMs);
    response.once('close', () => clearInterval(this.#comments));
  }

  /** Resolves when more may be sent. */
  async send(event: WatchEvent): Promise<void> {
    const response = this.#response;
    if (response.destroyed) return;
    this.#gather();
    response.write(eventText(event));
    if (response.writableLength > maxBufferedBytes) await this.#drained();
  }

  /** What is sent in one turn of the loop leaves together. */
  #gather(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#response.cork();
    setImmediate(() => this.#release());
  }

  #release(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#response.uncork();
  }

  #drained(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const stuck = setTimeout(() => response.destroy(), stuckMs);
      const done = () => {
        clearTimeout(stuck);
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.on('drain', done).on('close', done);
    });
  }

  close(error: unknown): void {
    if (this.#response.destroyed) return;
    // Node 22 and 24 put the end of the answer before what is still gathered.
    this.#release();
    this.#response.end(closedText(error));
  }
}
