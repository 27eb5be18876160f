import { setMaxListeners } from 'node:events';
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { AdmissionGate } from '../admission.ts';
import { writeGuard } from '../auth.ts';
import { completeLimits, type FaceLimits, type FaceOptions } from '../face.ts';
import { clientProtocol, clusterServiceName, registryServiceName, serviceOf } from '../wire/protocol.ts';
import { type CallContext, tolerant } from './calls.ts';
import { takingEncoded } from './encoded.ts';
import { HealthService } from './health-service.ts';
import { clusterImplementation, registryImplementation } from './services.ts';
import { encodedOnce } from './watch-stream.ts';

/** Calls of one connection at once; a client with more waits. */
const maxStreamsPerConnection = 4_096;

/** Up to this many times the limit a message is taken in, to be refused with a reason; above it the library ends the call. */
const receivedOfLimit = 4;

const keepaliveTimeMs = 30_000;
const keepaliveTimeoutMs = 10_000;

/** The registry's gRPC face. */
export interface GrpcFace {
  readonly server: Server;
  /**
   * @param address `host:port`; port 0 takes a free one
   * @returns the port. @throws Error when the address cannot be bound
   */
  listen(address: string): Promise<number>;
  /** Takes nothing new, waits for what is under way for `graceMs` and ends the rest. */
  close(graceMs?: number): Promise<void>;
}

/** `manifest.v1.Registry` and `Cluster`, `grpc.health.v1` and reflection, not listening yet. */
export function createGrpcServer(options: FaceOptions): GrpcFace {
  const limits = completeLimits(options.limits);
  const closing = new AbortController();
  // Every open stream listens, however many there are.
  setMaxListeners(0, closing.signal);
  const context: CallContext = {
    ...options,
    limits,
    gate: new AdmissionGate(limits.requestsInFlight),
    guard: writeGuard(options.authToken),
    closing: closing.signal,
  };
  const server = new Server({
    'grpc.max_receive_message_length': receivedOfLimit * limits.heartbeatsBodyBytes,
    'grpc.max_concurrent_streams': maxStreamsPerConnection,
    'grpc.keepalive_time_ms': keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
  });
  server.addService(tolerantService(registryServiceName, limits), registryImplementation(context));
  server.addService(tolerantService(clusterServiceName, limits), clusterImplementation(context));
  const health = new HealthService(options.cluster, options.logger);
  health.addTo(server);
  new ReflectionService(clientProtocol, { services: [registryServiceName, clusterServiceName] }).addToServer(server);

  return {
    server,
    async listen(address) {
      const port = await bind(server, address);
      await health.start();
      return port;
    },
    async close(graceMs = 2_000) {
      health.stop();
      closing.abort();
      await shutDown(server, graceMs);
    },
  };
}

function tolerantService(fullName: string, { bodyBytes, heartbeatsBodyBytes }: FaceLimits): ServiceDefinition {
  const batches = new Set(['Heartbeats', 'HeartbeatStream']);
  const methods = Object.entries(serviceOf(fullName)).map(([name, method]) => {
    const isSentToMany = method.responseStream && !method.requestStream;
    const encoding = isSentToMany ? encodedOnce<unknown, object>(method) : takingEncoded(method);
    return [name, tolerant(encoding, batches.has(name) ? heartbeatsBodyBytes : bodyBytes)];
  });
  return Object.fromEntries(methods);
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(new Error(`cannot listen for gRPC on ${address}: ${error.message}`)) : resolve(port),
    );
  });
}

function shutDown(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
