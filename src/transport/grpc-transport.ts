import * as grpc from '@grpc/grpc-js';
import { decodeBatch, type PeerBatch } from '../codec/peer-codec.ts';
import type { NodeId } from '../raft/types.ts';
import { checkEnvelope } from './envelope.ts';
import { channelOptions, type Lane, lanePath, PeerConnection } from './peer-connection.ts';
import type { PeerIdentity, PeerMessage, Transport, TransportHandler } from './transport.ts';

const lanes: readonly Lane[] = ['Exchange', 'Snapshots'];

export interface GrpcTransportOptions {
  /** Where to listen for peers, `host:port`. */
  readonly listenAddress: string;
  /** Where each other member listens. */
  readonly peers: ReadonlyMap<NodeId, string>;
}

/** Peers over gRPC: each member keeps one stream open to each other, in each direction and on each lane. */
export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;
  readonly #connections = new Map<NodeId, Readonly<Record<Lane, PeerConnection>>>();
  /** Peers whose loss is to be reported when this turn of the loop is over. */
  readonly #unreachable = new Set<NodeId>();
  #server: grpc.Server | null = null;
  #handler: TransportHandler | null = null;
  #closed = false;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  async start(identity: PeerIdentity, handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    const server = new grpc.Server(channelOptions);
    server.addService(
      Object.fromEntries(lanes.map((lane) => [lane, methodOf(lane)])),
      Object.fromEntries(
        lanes.map((lane) => [
          lane,
          (call: grpc.ServerReadableStream<Uint8Array, Uint8Array>, answer: grpc.sendUnaryData<Uint8Array>) =>
            this.#serve(identity, call, answer),
        ]),
      ),
    );
    await bind(server, this.#options.listenAddress);
    this.#server = server;
    for (const [peer, address] of this.#options.peers) {
      if (peer === identity.nodeId) continue;
      const events = {
        unreachable: () => this.#reportUnreachable(peer),
        refused: (reason: string) => handler.refused(peer, reason),
      };
      this.#connections.set(peer, {
        Exchange: new PeerConnection(peer, address, 'Exchange', identity, events),
        Snapshots: new PeerConnection(peer, address, 'Snapshots', identity, events),
      });
    }
  }

  /** One stream from one peer, until either side ends it. */
  #serve(
    identity: PeerIdentity,
    call: grpc.ServerReadableStream<Uint8Array, Uint8Array>,
    answer: grpc.sendUnaryData<Uint8Array>,
  ): void {
    let peer: string | null = null;
    const refuse = (code: grpc.status, reason: string) => {
      call.removeAllListeners('data');
      call.resume();
      answer({ code, details: reason });
      this.#handler?.refused(peer ?? call.getPeer(), reason);
    };
    call.on('data', (bytes: Uint8Array) => {
      let batch: PeerBatch;
      try {
        batch = decodeBatch(bytes);
      } catch (error) {
        return refuse(grpc.status.INVALID_ARGUMENT, `not a batch of peer messages: ${String(error)}`);
      }
      const problem = checkEnvelope(batch, identity, peer);
      if (problem !== null) return refuse(grpc.status.FAILED_PRECONDITION, problem);
      peer = batch.sender.nodeId;
      for (const message of batch.messages) this.#handler?.receive(peer, batch.sender.incarnation, message);
    });
    call.on('end', () => answer(null, new Uint8Array()));
    call.on('error', () => {});
  }

  send(to: NodeId, message: PeerMessage): void {
    const lane: Lane = message.type === 'snapshot-chunk' || message.type === 'snapshot-ack' ? 'Snapshots' : 'Exchange';
    this.#connections.get(to)?.[lane].send(message);
  }

  queuedBytes(to: NodeId): number {
    const connections = this.#connections.get(to);
    return connections ? connections.Exchange.queuedBytes + connections.Snapshots.queuedBytes : 0;
  }

  /** Later and once: whoever is sending must not be called back in the middle of it. */
  #reportUnreachable(peer: NodeId): void {
    if (this.#unreachable.has(peer)) return;
    this.#unreachable.add(peer);
    setImmediate(() => {
      this.#unreachable.delete(peer);
      if (!this.#closed) this.#handler?.unreachable(peer);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const { Exchange, Snapshots } of this.#connections.values()) {
      Exchange.close();
      Snapshots.close();
    }
    this.#server?.forceShutdown();
  }
}

function methodOf(lane: Lane): grpc.MethodDefinition<Uint8Array, Uint8Array> {
  const toBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    path: lanePath(lane),
    requestStream: true,
    responseStream: false,
    requestSerialize: toBuffer,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: toBuffer,
    responseDeserialize: (bytes) => bytes,
  };
}

function bind(server: grpc.Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
      if (!error) return resolve();
      server.forceShutdown();
      reject(new Error(`Cannot listen for peers on ${address}: ${error.message}`, { cause: error }));
    });
  });
}
