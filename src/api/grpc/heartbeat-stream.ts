import { once } from 'node:events';
import { status as grpcStatus, type ServerDuplexStream } from '@grpc/grpc-js';
import { asRegistryError } from '../error-table.ts';
import { parseHeartbeatBatch } from '../heartbeat-batch.ts';
import type { HeartbeatService } from '../heartbeat-counting.ts';
import { toErrorDetail } from '../wire/error-detail.ts';
import type { HeartbeatsRequest, HeartbeatsResponse } from '../wire/messages.ts';
import { type CallContext, callOptionsOf, decoded, failure, first, type Undecodable } from './calls.ts';

const name = 'HeartbeatStream';

type Stream = ServerDuplexStream<HeartbeatsRequest | Undecodable, HeartbeatsResponse>;

/** Serves a stream of batches, each answered before the next is read: a client that sends too fast waits. */
export function heartbeatStream(context: CallContext, leases: HeartbeatService): (stream: Stream) => void {
  return (stream) => {
    const { requestId = '' } = callOptionsOf(stream.metadata, Number.POSITIVE_INFINITY, false);
    serve(context, leases, stream).then(
      () => {
        context.metrics?.grpcAnswered(name, grpcStatus.OK);
        stream.end();
      },
      (thrown: unknown) => {
        if (stream.cancelled) {
          context.metrics?.grpcAnswered(name, grpcStatus.CANCELLED);
          return;
        }
        // The library ends a stream with the status that it is destroyed with.
        stream.emit('error', failure(context, name, thrown, requestId));
      },
    );
  };
}

async function serve(context: CallContext, leases: HeartbeatService, stream: Stream): Promise<void> {
  context.guard(first(stream.metadata, 'authorization'));
  // Left open at its end: the status of the call has still to be sent.
  for await (const request of stream.iterator({ destroyOnReturn: false })) {
    const response = await answer(context, leases, stream, request);
    if (stream.cancelled) throw new Error('the client went away');
    if (!stream.write(response)) await Promise.race([once(stream, 'drain'), once(stream, 'cancelled')]);
  }
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
    if (error.code === 'internal_error') context.logger.error({ err: thrown }, 'a batch of heartbeats failed inside');
    return { renewed: 0, failed: [], error: toErrorDetail(error, options.requestId ?? '') };
  }
}
