import { lookup } from 'node:dns/promises';
import * as grpc from '@grpc/grpc-js';
import { type DecodedBatch, decodeBatch } from '../codec/peer-codec.ts';
import { formatAddress, parseAddress } from './address.ts';
import { checkEnvelope } from './envelope.ts';
import { lanes } from './limits.ts';
import { keepaliveOptions, peerService } from './peer-service.ts';
import type { TransportTimings } from './timings.ts';
import type { PeerIdentity, TransportHandler } from './transport.ts';

export interface PeerServerOptions {
  /** `host:port`. */
  readonly listenAddress: string;
  readonly identity: PeerIdentity;
  readonly protocolVersion: number;
  readonly maxReceiveBytes: number;
  readonly timings: TransportTimings;
}

type PeerCall = grpc.ServerReadableStream<Uint8Array, Uint8Array>;

/** The receiving end: takes the streams of all peers, checks who speaks, and hands the messages on. */
export class PeerServer {
  readonly #options: PeerServerOptions;
  readonly #handler: TransportHandler;
  readonly #server: grpc.Server;
  #delivering = true;

  private constructor(options: PeerServerOptions, handler: TransportHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#server = new grpc.Server({
      ...keepaliveOptions(options.timings),
      'grpc.max_receive_message_length': options.maxReceiveBytes,
    });
    const serve = (call: PeerCall, answer: grpc.sendUnaryData<Uint8Array>) => this.#serve(call, answer);
    this.#server.addService(peerService, Object.fromEntries(lanes.map((lane) => [lane, serve])));
  }

  /** @throws Error, naming the address, when it cannot be bound; nothing is left listening then. */
  static async listen(options: PeerServerOptions, handler: TransportHandler): Promise<PeerServer> {
    const server = new PeerServer(options, handler);
    try {
      await server.#bind();
    } catch (error) {
      server.close();
      const cause = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot listen for peers on ${options.listenAddress}: ${cause}`, { cause: error });
    }
    return server;
  }

  /** No message is handed on any more, whatever still arrives. */
  stopDelivering(): void {
    this.#delivering = false;
  }

  /** Ends every stream and frees the port. */
  close(): void {
    this.#delivering = false;
    this.#server.forceShutdown();
  }

  /**
   * Binds every address that the host has. Left to itself, grpc-js is content with one of them, so that `localhost`
   * would start beside another process that holds 127.0.0.1.
   */
  async #bind(): Promise<void> {
    const { host, port } = parseAddress(this.#options.listenAddress);
    const addresses = (await lookup(host, { all: true })).map(({ address }) => formatAddress({ host: address, port }));
    const problems: Error[] = [];
    for (const address of addresses) {
      const problem = await this.#bindOne(address);
      if (problem) problems.push(problem);
    }
    // A machine may lack a family of addresses that its names still have.
    const serious = problems.find((problem) => !/EADDRNOTAVAIL|EAFNOSUPPORT/.test(problem.message));
    const failure = serious ?? (problems.length === addresses.length ? problems[0] : undefined);
    if (failure) throw failure;
  }

  #bindOne(address: string): Promise<Error | null> {
    return new Promise((resolve) => {
      this.#server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => resolve(error));
    });
  }

  /** One stream from one peer, until either side ends it. */
  #serve(call: PeerCall, answer: grpc.sendUnaryData<Uint8Array>): void {
    let sender: string | null = null;
    let isOver = false;
    let saidUnknownKinds = false;

    const refuse = (peer: string, code: grpc.status, reason: string) => {
      isOver = true;
      answer({ code, details: reason });
      if (this.#delivering) this.#handler.refused(peer, reason);
    };

    const take = (bytes: Uint8Array) => {
      let batch: DecodedBatch;
      try {
        batch = decodeBatch(bytes);
      } catch (error) {
        const reason = `not a batch of peer messages: ${error instanceof Error ? error.message : String(error)}`;
        return refuse(sender ?? call.getPeer(), grpc.status.INVALID_ARGUMENT, reason);
      }
      const { nodeId, incarnation } = batch.sender;
      const problem = checkEnvelope(batch, this.#options.identity, this.#options.protocolVersion, sender);
      if (problem !== null) {
        return refuse(nodeId === '' ? call.getPeer() : nodeId, grpc.status.FAILED_PRECONDITION, problem);
      }
      sender = nodeId;
      if (batch.unknownKinds > 0 && !saidUnknownKinds) {
        saidUnknownKinds = true;
        this.#handler.refused(nodeId, 'it sends messages of a kind that this version does not know; they are skipped');
      }
      for (const message of batch.messages) {
        if (this.#delivering) this.#handler.receive(nodeId, incarnation, message);
      }
    };

    call.on('data', (bytes: Uint8Array) => {
      if (isOver || !this.#delivering) return;
      try {
        take(bytes);
      } catch (error) {
        // The handler must not throw: a member whose own step failed must end, and gRPC would swallow this.
        this.#delivering = false;
        setImmediate(() => {
          throw error;
        });
      }
    });
    call.on('end', () => {
      if (!isOver) answer(null, new Uint8Array());
    });
    // What was lost is reported by its sender, who knows; unheard, this event would end the process.
    call.on('error', () => {});
    // All that came on the stream has been read by then, so that nothing old is taken for a sign of life afterwards.
    call.on('close', () => {
      if (sender !== null && !isOver && this.#delivering) this.#handler.disconnected(sender);
    });
  }
}
