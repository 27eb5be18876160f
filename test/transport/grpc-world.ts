import { GrpcTransport, type GrpcTransportOptions } from '../../src/transport/grpc-transport.ts';
import type { TransportLimits } from '../../src/transport/limits.ts';
import type { TransportTimings } from '../../src/transport/timings.ts';
import { freePorts } from '../process/cluster.ts';
import type { TransportVariant, World } from './world.ts';

export interface GrpcWorld extends World {
  portOf(address: string): number;
  /** Lets the others look for `address` at this port, whoever listens there. */
  redirect(address: string, port: number): void;
  grpcTransport(address: string, limits?: Partial<TransportLimits>, listenAddress?: string): GrpcTransport;
}

/** Shorter than a member's own, so that a test sees in tenths of a second what takes a member seconds. */
export const quickTimings: Partial<TransportTimings> = {
  connectTimeoutMs: 200,
  firstRefusedRetryMs: 100,
  longestRefusedRetryMs: 500,
};

/** Loopback, with a port for each of `a`, `b` and `c`. */
export async function grpcWorld(timings: Partial<TransportTimings> = {}): Promise<GrpcWorld> {
  const names = ['a', 'b', 'c'];
  const free = await freePorts(names.length);
  const ports = new Map(names.map((name, index) => [name, free[index] ?? 0]));
  const sought = new Map(ports);
  const portOf = (address: string) => ports.get(address) ?? 0;
  const make = (address: string, options: Omit<Partial<GrpcTransportOptions>, 'peers'>) =>
    new GrpcTransport({
      listenAddress: `127.0.0.1:${portOf(address)}`,
      peers: new Map(
        [...sought].filter(([name]) => name !== address).map(([name, port]) => [name, `127.0.0.1:${port}`]),
      ),
      timings,
      ...options,
    });
  return {
    portOf,
    redirect: (address, port) => sought.set(address, port),
    grpcTransport: (address, limits = {}, listenAddress = `127.0.0.1:${portOf(address)}`) =>
      make(address, { limits, listenAddress }),
    transport: (address, { protocolVersion, queue }: TransportVariant = {}) =>
      make(address, { ...(queue && { limits: { queue } }), ...(protocolVersion !== undefined && { protocolVersion }) }),
  };
}
