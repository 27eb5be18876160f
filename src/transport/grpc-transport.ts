import type { NodeId } from '../raft/types.ts';
import { parseAddress } from './address.ts';
import { defaultLimits, type Lane, laneOf, type TransportLimits } from './limits.ts';
import { PeerConnection } from './peer-connection.ts';
import { PeerServer } from './peer-server.ts';
import { defaultTimings, type TransportTimings } from './timings.ts';
import {
  type PeerIdentity,
  type PeerMessage,
  PROTOCOL_VERSION,
  type Transport,
  type TransportHandler,
} from './transport.ts';

/** For how long a closing transport lets out what is queued. */
const closeGraceMs = 200;

export interface GrpcTransportOptions {
  /** Where to listen for peers, `host:port`. */
  readonly listenAddress: string;
  /** Where each other member listens, `host:port`. */
  readonly peers: ReadonlyMap<NodeId, string>;
  readonly limits?: Partial<TransportLimits>;
  readonly timings?: Partial<TransportTimings>;
  /** What to speak instead of `PROTOCOL_VERSION`: lets a test be a member of another release. */
  readonly protocolVersion?: number;
}

/** Peers over gRPC: each member keeps one stream open to each other, in each direction and on each lane. */
export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;
  readonly #connections = new Map<NodeId, Readonly<Record<Lane, PeerConnection>>>();
  /** Peers whose loss is to be reported when this turn of the loop is over. */
  readonly #unreachable = new Set<NodeId>();
  #server: PeerServer | null = null;
  #handler: TransportHandler | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  async start(identity: PeerIdentity, handler: TransportHandler): Promise<void> {
    if (this.#handler || this.#closing) throw new Error('A transport starts once.');
    this.#handler = handler;
    const limits = { ...defaultLimits, ...this.#options.limits };
    const timings = { ...defaultTimings, ...this.#options.timings };
    const { listenAddress, protocolVersion = PROTOCOL_VERSION } = this.#options;
    const peers = [...this.#options.peers]
      .filter(([peer]) => peer !== identity.nodeId)
      .map(([peer, address]) => [peer, parseAddress(address)] as const);
    const { maxReceiveBytes } = limits;
    const server = await PeerServer.listen(
      { listenAddress, identity, protocolVersion, maxReceiveBytes, timings },
      handler,
    );
    if (this.#closing) {
      server.close();
      throw new Error('The transport was closed while it started.');
    }
    this.#server = server;
    for (const [peer, address] of peers) {
      const events = {
        unreachable: () => this.#reportUnreachable(peer),
        broken: () => this.#handler?.disconnected(peer),
        refused: (reason: string) => handler.refused(peer, reason),
      };
      const connect = (lane: Lane) =>
        new PeerConnection({ to: peer, address, lane, identity, protocolVersion, limits, timings }, events);
      this.#connections.set(peer, { exchange: connect('exchange'), snapshots: connect('snapshots') });
    }
  }

  send(to: NodeId, message: PeerMessage): void {
    const connections = this.#connections.get(to);
    if (connections) connections[laneOf(message)].send(message);
    else this.#reportUnreachable(to);
  }

  queuedBytes(to: NodeId): number {
    const connections = this.#connections.get(to);
    return connections ? connections.exchange.queuedBytes + connections.snapshots.queuedBytes : 0;
  }

  /** Lets out what is queued, for a moment, and frees the port. Nothing is reported from the first call on. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#server?.stopDelivering();
    const connections = [...this.#connections.values()].flatMap((byLane) => Object.values(byLane));
    await Promise.all(connections.map((connection) => connection.close(closeGraceMs)));
    this.#server?.close();
  }

  /** Later, and once a turn: whoever is sending must not be called back in the middle of it. */
  #reportUnreachable(peer: NodeId): void {
    if (this.#unreachable.has(peer)) return;
    this.#unreachable.add(peer);
    setImmediate(() => {
      this.#unreachable.delete(peer);
      if (!this.#closing) this.#handler?.unreachable(peer);
    });
  }
}
