import { GrpcConnection } from './grpc-connection.ts';
import { framed } from './grpc-frame.ts';
import type { GrpcRequest } from './load.ts';

const retryMs = 10;
const patienceMs = 2_000;

/**
 * Asks over and over, from where nobody listens yet, until `target` answers rightly.
 * @returns when it did, on `performance.now()`'s clock
 * @throws Error after `timeoutMs`
 */
export async function firstAnswer(target: string, request: GrpcRequest, timeoutMs: number): Promise<number> {
  const untilMs = performance.now() + timeoutMs;
  while (performance.now() < untilMs) {
    if (await answers(target, request)) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
  throw new Error(`${target} did not answer ${request.path} within ${timeoutMs} ms.`);
}

function answers(target: string, request: GrpcRequest): Promise<boolean> {
  return new Promise((resolve) => {
    const { least, most } = request.answerBytes;
    const connection = new GrpcConnection(
      target,
      request.path,
      'unary',
      (_connection, _streamId, bytes) => end(bytes >= least && bytes <= most),
      () => end(false),
    );
    const timer = setTimeout(() => end(false), patienceMs);
    function end(right: boolean): void {
      clearTimeout(timer);
      connection.close();
      resolve(right);
    }
    connection.open(framed(Buffer.from(request.messages[0] ?? '', 'base64')));
  });
}
