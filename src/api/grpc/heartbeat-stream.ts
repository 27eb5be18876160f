import { status as grpcStatus, type ServerDuplexStream } from '@grpc/grpc-js';
import { asRegistryError } from '../error-table.ts';
import { parseHeartbeatBatch } from '../heartbeat-batch.ts';
import type { HeartbeatService } from '../heartbeat-counting.ts';
import { stopping } from '../stopping.ts';
import { toErrorDetail } from '../wire/error-detail.ts';
import type { HeartbeatsRequest, HeartbeatsResponse } from '../wire/messages.ts';
import { type CallContext, callOptionsOf, decoded, failure, first, type Undecodable } from './calls.ts';
import { roomAgain } from './room-again.ts';

const name = 'HeartbeatStream';

type Stream = ServerDuplexStream<HeartbeatsRequest | Undecodable, HeartbeatsResponse>;

/** Serves a stream of batches, each answered before the next is read: a client that sends too fast waits. */
export function heartbeatStream(context: CallContext, leases: HeartbeatService): (stream: Stream) => void {
  return (stream) => {
    const { requestId = '' } = callOptionsOf(stream.metadata, Number.POSITIVE_INFINITY, false);
    let isOver = false;
    let isIdle = true;
    /** Counts the stream and sends its status, once. @param thrown `null` when the client ended it */
    const end = (thrown: unknown) => {
      if (isOver) return;
      isOver = true;
      context.closing.removeEventListener('abort', endIfIdle);
      if (stream.cancelled) context.metrics?.grpcAnswered(name, statusOfGone(stream));
      else if (thrown === null) {
        context.metrics?.grpcAnswered(name, grpcStatus.OK);
        stream.end();
      } else {
        // The library takes the status of a stream from its error event.
        stream.emit('error', failure(context, name, thrown, requestId));
      }
    };
    const endIfIdle = () => {
      if (isIdle) end(stopping());
    };
    /**
     * In a call of its own, whose variables end with it: a loop's would hold the last batch until the next one comes, in
     * every stream, and what is held for seconds is dear to collect.
     * @returns whether there may be another batch
     */
    const answerNext = async (requests: AsyncIterator<HeartbeatsRequest | Undecodable>): Promise<boolean> => {
      const next = await requests.next();
      if (next.done) return false;
      isIdle = false;
      const response = await answer(context, leases, stream, next.value);
      // A stream that is over takes nothing, and never says that it took it.
      if (stream.cancelled) return false;
      if (!stream.write(response)) await roomAgain(stream);
      if (context.closing.aborted) throw stopping();
      isIdle = true;
      return true;
    };
    const serve = async () => {
      context.guard(first(stream.metadata, 'authorization'));
      // Left open at its end: the status of the call has still to be sent.
      const requests: AsyncIterator<HeartbeatsRequest | Undecodable> = stream.iterator({ destroyOnReturn: false });
      while (await answerNext(requests));
      await packetRead();
    };
    context.closing.addEventListener('abort', endIfIdle);
    serve().then(() => end(null), end);
  };
}

/**
 * A client that resets its stream ends it in the same breath, if it is made of Node, and the end arrives first. Both are
 * frames of one packet, as a rule: when all of it has been read, the stream says whether it was cancelled.
 */
function packetRead(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * A call whose time is over is cancelled, too: the library has answered it by itself. Its timer may fire within the
 * millisecond before the wall clock shows that time.
 */
function statusOfGone(stream: Stream): grpcStatus {
  return Number(stream.getDeadline()) - 1 <= Date.now() ? grpcStatus.DEADLINE_EXCEEDED : grpcStatus.CANCELLED;
}

async function answer(
  context: CallContext,
  leases: HeartbeatService,
  stream: Stream,
  request: HeartbeatsRequest | Undecodable,
): Promise<HeartbeatsResponse> {
  // A stream has no use for its own deadline here: each batch has the registry's usual time.
  const options = callOptionsOf(stream.metadata, Number.POSITIVE_INFINITY, context.passTokenOn);
  try {
    const leave = context.gate.enter('heartbeat');
    try {
      const { instances } = decoded(request);
      return await leases.heartbeats(parseHeartbeatBatch({ instances }, context.limits.heartbeatsPerRequest), options);
    } finally {
      leave();
    }
  } catch (thrown) {
    const error = asRegistryError(thrown);
    const { requestId = '' } = options;
    if (error.code === 'internal_error') {
      context.logger.error({ err: thrown, requestId }, 'a batch of heartbeats failed inside');
    }
    return { renewed: 0, failed: [], error: toErrorDetail(error, requestId) };
  }
}
