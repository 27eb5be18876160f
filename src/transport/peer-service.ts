import * as grpc from '@grpc/grpc-js';
import { type Lane, lanes } from './limits.ts';
import type { TransportTimings } from './timings.ts';

const methodNames: Readonly<Record<Lane, string>> = { exchange: 'Exchange', snapshots: 'Snapshots' };

/** The path of a lane's method in `proto/raft.proto`. */
export function lanePath(lane: Lane): string {
  return `/manifest.raft.v1.Peer/${methodNames[lane]}`;
}

/** The same memory as a Buffer: encoded batches are not copied on their way into gRPC. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The service `Peer`, whose batches cross this boundary as bytes: `peer-codec.ts` alone knows their form. */
export const peerService = Object.fromEntries(
  lanes.map((lane) => [
    lane,
    {
      path: lanePath(lane),
      requestStream: true,
      responseStream: false,
      requestSerialize: toBuffer,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: toBuffer,
      responseDeserialize: (bytes: Buffer) => bytes,
    } satisfies grpc.MethodDefinition<Uint8Array, Uint8Array>,
  ]),
);

/** For both ends of a connection. */
export function keepaliveOptions({ keepaliveTimeMs, keepaliveTimeoutMs }: TransportTimings): grpc.ChannelOptions {
  return {
    'grpc.keepalive_time_ms': keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
  };
}

const refusals: ReadonlySet<grpc.status> = new Set([
  grpc.status.FAILED_PRECONDITION,
  grpc.status.INVALID_ARGUMENT,
  grpc.status.PERMISSION_DENIED,
  grpc.status.RESOURCE_EXHAUSTED,
  grpc.status.UNAUTHENTICATED,
  grpc.status.UNIMPLEMENTED,
]);

/** Whether a stream's end says that the peer does not take what it was sent, rather than that it went away. */
export function isRefusal(code: grpc.status): boolean {
  return refusals.has(code);
}
