import { GrpcTransport, type GrpcTransportOptions } from '../../src/transport/grpc-transport.ts';
import type { TransportLimits } from '../../src/transport/limits.ts';
import { freePorts } from '../process/cluster.ts';
import type { TransportVariant, World } from './world.ts';

export interface GrpcWorld extends World {
  portOf(address: string): number;
  /** Lets the others look for `address` at this port, whoever listens there. */
  redirect(address: string, port: number): void;
  grpcTransport(address: string, limits?: Partial<TransportLimits>, listenAddress?: string): GrpcTransport;
}

/** Loopback, with a port for each of `a`, `b` and `c`. */
export async function grpcWorld(): Promise<GrpcWorld> {
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
