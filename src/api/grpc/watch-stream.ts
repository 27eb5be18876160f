import { status as grpcStatus, type MethodDefinition, type ServerWritableStream } from '@grpc/grpc-js';
import { madeOnce } from '../../registry/made-once.ts';
import { parseConsistency } from '../../registry/queries.ts';
import { parseWatchQuery } from '../../registry/watch-queries.ts';
import { stopping } from '../stopping.ts';
import { fromWatchRequest, toWatchEvent, type WatchEventMessage, type WatchRequest } from '../wire/watch-messages.ts';
import { type CallContext, callOptionsOf, decoded, failure, type Undecodable } from './calls.ts';
import { roomAgain } from './room-again.ts';

const name = 'Watch';

type Stream = ServerWritableStream<WatchRequest | Undecodable, WatchEventMessage>;

/** Serves a stream of changes, as fast as its client takes them and no faster. */
export function watchStream(context: CallContext): (stream: Stream) => void {
  return (stream) => {
    const ended = new AbortController();
    const end = () => ended.abort();
    context.closing.addEventListener('abort', end);
    stream.on('cancelled', end).on('close', end);
    const { requestId = '', authToken } = callOptionsOf(stream.metadata, stream.getDeadline(), context.passTokenOn);
    deliver(context, stream, { requestId, authToken, signal: ended.signal })
      .then(() => {
        if (!stream.cancelled) throw stopping();
        context.metrics?.grpcAnswered(name, grpcStatus.CANCELLED);
      })
      .catch((thrown: unknown) => {
        if (stream.cancelled) context.metrics?.grpcAnswered(name, grpcStatus.CANCELLED);
        // The library takes the status of a stream from its error event.
        else stream.emit('error', failure(context, name, thrown, requestId));
      })
      .finally(() => context.closing.removeEventListener('abort', end));
  };
}

async function deliver(
  context: CallContext,
  stream: Stream,
  options: { readonly requestId: string; readonly authToken: string | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const request = decoded(stream.request);
  const query = parseWatchQuery(fromWatchRequest(request));
  const consistency = parseConsistency(request.consistency);
  if (context.closing.aborted) return;
  for await (const event of context.registry.watch(query, { ...options, consistency })) {
    if (!stream.write(toWatchEvent(event))) await roomAgain(stream);
    if (options.signal.aborted) return;
  }
}

/** Encodes each message once, however many streams it goes to: a change is the same object for all of them. */
export function encodedOnce<Request, Response extends object>(
  method: MethodDefinition<Request, Response>,
): MethodDefinition<Request, Response> {
  return { ...method, responseSerialize: madeOnce(new WeakMap<Response, Buffer>(), method.responseSerialize) };
}
