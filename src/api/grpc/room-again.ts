import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';

/** Waits for a stream to take more, or to be over. */
export function roomAgain<Request, Response>(
  stream: ServerWritableStream<Request, Response> | ServerDuplexStream<Request, Response>,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done).off('cancelled', done);
      resolve();
    };
    stream.on('drain', done).on('close', done).on('cancelled', done);
  });
}
