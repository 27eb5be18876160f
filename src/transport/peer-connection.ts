import * as grpc from '@grpc/grpc-js';
import { encodeBatch } from '../codec/peer-codec.ts';
import { BoundedQueue } from './bounded-queue.ts';
import { type PeerIdentity, type PeerMessage, PROTOCOL_VERSION } from './transport.ts';

const mebibyte = 1024 * 1024;

/** Peers on two lanes: a snapshot never stands before a heartbeat. */
export type Lane = 'Exchange' | 'Snapshots';

export const lanePath = (lane: Lane) => `/manifest.raft.v1.Peer/${lane}`;

export const channelOptions: grpc.ChannelOptions = {
  // A connection of its own for each lane.
  'grpc.use_local_subchannel_pool': 1,
  // A restarted peer is found again quickly: an election may wait for it.
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  // A peer that is stopped or cut off closes nothing: only a ping tells.
  'grpc.keepalive_time_ms': 2_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 64 * mebibyte,
  'grpc.max_send_message_length': 64 * mebibyte,
};

const queueLimits: Readonly<Record<Lane, readonly [maxMessages: number, maxBytes: number]>> = {
  Exchange: [4_096, 32 * mebibyte],
  Snapshots: [64, 32 * mebibyte],
};

const batchBytes = 2 * mebibyte;
const readyTimeoutMs = 2_000;
const reconnectMs = 50;
/** After a refusal, which only an operator can mend. */
const refusedRetryMs = 2_000;

export interface ConnectionEvents {
  unreachable(): void;
  refused(reason: string): void;
}

/** One lane to one peer: a long-lived stream that is opened again, with a pause, whenever it breaks. */
export class PeerConnection {
  readonly #to: string;
  readonly #lane: Lane;
  readonly #identity: PeerIdentity;
  readonly #events: ConnectionEvents;
  readonly #client: grpc.Client;
  readonly #queue: BoundedQueue;
  #stream: grpc.ClientWritableStream<Uint8Array> | null = null;
  #flushScheduled = false;
  #blocked = false;
  #retry: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(to: string, address: string, lane: Lane, identity: PeerIdentity, events: ConnectionEvents) {
    this.#to = to;
    this.#lane = lane;
    this.#identity = identity;
    this.#events = events;
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), channelOptions);
    this.#queue = new BoundedQueue(...queueLimits[lane]);
    this.#connect();
  }

  get queuedBytes(): number {
    return this.#queue.sizeBytes;
  }

  send(message: PeerMessage): void {
    // Without a connection nothing waits: what a peer missed is decided by the core, on fresh knowledge.
    if (!this.#stream || !this.#queue.push(message)) {
      this.#events.unreachable();
      return;
    }
    if (this.#flushScheduled || this.#blocked) return;
    this.#flushScheduled = true;
    // Whatever this turn of the loop still queues travels in the same batch.
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const stream = this.#stream;
    while (stream && !this.#blocked && this.#queue.length > 0) {
      const batch = encodeBatch({
        sender: this.#identity,
        to: this.#to,
        protocolVersion: PROTOCOL_VERSION,
        messages: this.#queue.takeBatch(batchBytes),
      });
      if (stream.write(batch)) continue;
      this.#blocked = true;
      stream.once('drain', () => {
        if (this.#stream !== stream) return;
        this.#blocked = false;
        this.#flush();
      });
    }
  }

  #connect(): void {
    if (this.#closed) return;
    this.#client.waitForReady(Date.now() + readyTimeoutMs, (error) => {
      if (this.#closed) return;
      if (error) this.#connectLater(reconnectMs);
      else this.#open();
    });
  }

  #connectLater(delayMs: number): void {
    if (this.#closed) return;
    const jitteredMs = delayMs * (0.5 + Math.random());
    this.#retry = setTimeout(() => this.#connect(), jitteredMs);
  }

  #open(): void {
    const stream = this.#client.makeClientStreamRequest<Uint8Array, Uint8Array>(
      lanePath(this.#lane),
      (batch) => Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength),
      (bytes) => bytes,
      (error) => this.#ended(stream, error),
    );
    // The call's end is told to the callback above; an unheard 'error' event would end the process.
    stream.on('error', () => {});
    this.#stream = stream;
    this.#blocked = false;
  }

  #ended(stream: grpc.ClientWritableStream<Uint8Array>, error: grpc.ServiceError | null): void {
    if (this.#stream !== stream) return;
    this.#stream = null;
    this.#queue.clear();
    if (this.#closed) return;
    this.#events.unreachable();
    const isRefused = error?.code === grpc.status.FAILED_PRECONDITION;
    if (isRefused) this.#events.refused(error.details);
    this.#connectLater(isRefused ? refusedRetryMs : reconnectMs);
  }

  close(): void {
    this.#closed = true;
    if (this.#retry) clearTimeout(this.#retry);
    this.#stream?.cancel();
    this.#stream = null;
    this.#queue.clear();
    this.#client.close();
  }
}
