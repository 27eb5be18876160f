import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import { encodeBatch } from '../codec/peer-codec.ts';
import type { NodeId } from '../raft/types.ts';
import { type Address, formatAddress } from './address.ts';
import { Backoff } from './backoff.ts';
import { BoundedQueue } from './bounded-queue.ts';
import type { Lane, TransportLimits } from './limits.ts';
import { isRefusal, keepaliveOptions, lanePath, toBuffer } from './peer-service.ts';
import { probe } from './probe.ts';
import type { TransportTimings } from './timings.ts';
import type { PeerIdentity, PeerMessage } from './transport.ts';

const channelOptions: grpc.ChannelOptions = {
  // Every stream has a connection of its own: lanes do not share one, and a new stream does not inherit a dying one.
  'grpc.use_local_subchannel_pool': 1,
  // Peers are reached directly, whatever proxy the environment names for other traffic.
  'grpc.enable_http_proxy': 0,
  // Kept for a retry, written messages would count as sent long before they are: no backpressure, and memory held.
  'grpc.enable_retries': 0,
  'grpc.per_rpc_retry_buffer_size': 0,
  'grpc.enable_channelz': 0,
  'grpc.max_send_message_length': -1,
};

export interface PeerConnectionOptions {
  readonly to: NodeId;
  readonly address: Address;
  readonly lane: Lane;
  readonly identity: PeerIdentity;
  readonly protocolVersion: number;
  readonly limits: TransportLimits;
  readonly timings: TransportTimings;
}

export interface ConnectionEvents {
  /** Messages were lost. May come within `send`. */
  unreachable(): void;
  /** An open stream ended otherwise than by a refusal. Never comes within `send`. */
  broken(): void;
  /** The peer does not take this member's messages. */
  refused(reason: string): void;
}

type Stream = grpc.ClientWritableStream<Uint8Array>;

type State =
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'probing'; readonly cancel: () => void }
  | { readonly kind: 'connecting'; readonly client: grpc.Client }
  | {
      readonly kind: 'open';
      readonly client: grpc.Client;
      readonly stream: Stream;
      /** Handed to the stream and not yet on the wire. */
      inflightBytes: number;
    }
  | { readonly kind: 'closed' };

/** One lane to one peer: a long-lived stream that is opened again, after a pause, whenever it breaks. */
export class PeerConnection {
  readonly #options: PeerConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #queue: BoundedQueue;
  readonly #retries: Backoff;
  readonly #refusedRetries: Backoff;
  #flushScheduled = false;
  #state: State;

  constructor(options: PeerConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#queue = new BoundedQueue(options.limits.queue[options.lane]);
    const { firstRetryMs, longestRetryMs, firstRefusedRetryMs, longestRefusedRetryMs } = options.timings;
    this.#retries = new Backoff(firstRetryMs, longestRetryMs);
    this.#refusedRetries = new Backoff(firstRefusedRetryMs, longestRefusedRetryMs);
    this.#state = this.#probe();
  }

  get queuedBytes(): number {
    return this.#queue.sizeBytes + (this.#state.kind === 'open' ? this.#state.inflightBytes : 0);
  }

  send(message: PeerMessage): void {
    if (this.#state.kind === 'closed') return;
    // Without a stream nothing waits: what a peer missed is decided by the core, on what it knows then.
    if (this.#state.kind !== 'open' || !this.#queue.push(message)) {
      this.#events.unreachable();
      return;
    }
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    // A member says all it has to say in one turn: what is queued until its end travels in the same batch.
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  /** Lets what is queued out, for at most `graceMs`, and ends. Reports nothing any more. */
  async close(graceMs: number): Promise<void> {
    const last = this.#state;
    if (last.kind === 'open') {
      while (this.#queue.length > 0) this.#writeBatch(last.stream, () => {});
    }
    this.#state = { kind: 'closed' };
    this.#queue.clear();
    switch (last.kind) {
      case 'waiting':
        clearTimeout(last.timer);
        break;
      case 'probing':
        last.cancel();
        break;
      case 'connecting':
        last.client.close();
        break;
      case 'open':
        last.stream.end();
        await this.#ended(last.stream, graceMs);
        last.stream.cancel();
        last.client.close();
        break;
      case 'closed':
        break;
    }
  }

  async #ended(stream: Stream, graceMs: number): Promise<void> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), graceMs);
    try {
      await once(stream, 'status', { signal: limit.signal });
    } catch {
      // The grace is over, or the stream broke: it is cancelled next either way.
    } finally {
      clearTimeout(timer);
    }
  }

  #flush(): void {
    const state = this.#state;
    if (state.kind !== 'open') return;
    while (this.#queue.length > 0 && state.inflightBytes < this.#options.limits.maxInflightBytes) {
      const sizeBytes = this.#writeBatch(state.stream, () => {
        state.inflightBytes -= sizeBytes;
        if (this.#state === state) this.#flush();
      });
      state.inflightBytes += sizeBytes;
    }
  }

  /** @returns the batch's size in bytes, by the queue's count */
  #writeBatch(stream: Stream, written: () => void): number {
    const { identity, to, protocolVersion, limits } = this.#options;
    const { messages, sizeBytes } = this.#queue.takeBatch(limits.maxBatchBytes);
    stream.write(encodeBatch({ sender: identity, to, protocolVersion, messages }), written);
    return sizeBytes;
  }

  #probe(): State {
    const { address, timings } = this.#options;
    const cancel = probe(address, timings.connectTimeoutMs, (problem) => {
      this.#state = problem === null ? this.#connect() : this.#wait(this.#retries);
    });
    return { kind: 'probing', cancel };
  }

  #wait(backoff: Backoff): State {
    const timer = setTimeout(() => {
      this.#state = this.#probe();
    }, backoff.nextDelayMs());
    return { kind: 'waiting', timer };
  }

  #connect(): State {
    const { address, timings } = this.#options;
    const client = new grpc.Client(formatAddress(address), grpc.credentials.createInsecure(), {
      ...channelOptions,
      ...keepaliveOptions(timings),
    });
    const state: State = { kind: 'connecting', client };
    client.waitForReady(Date.now() + timings.connectTimeoutMs, (error) => {
      if (this.#state !== state) return;
      if (error) client.close();
      this.#state = error ? this.#wait(this.#retries) : this.#open(client);
    });
    return state;
  }

  #open(client: grpc.Client): State {
    const stream = client.makeClientStreamRequest<Uint8Array, Uint8Array>(
      lanePath(this.#options.lane),
      toBuffer,
      (bytes) => bytes,
      (error) => {
        if (this.#state === state) this.#broken(openedAtMs, error);
        client.close();
      },
    );
    // How the call ended is told to the callback above; unheard, this event would end the process.
    stream.on('error', () => {});
    const openedAtMs = performance.now();
    const state: State = { kind: 'open', client, stream, inflightBytes: 0 };
    return state;
  }

  #broken(openedAtMs: number, error: grpc.ServiceError | null): void {
    this.#queue.clear();
    if (performance.now() - openedAtMs >= this.#options.timings.stableMs) this.#retries.reset();
    const refused = error !== null && isRefusal(error.code);
    if (!refused) this.#refusedRetries.reset();
    this.#state = this.#wait(refused ? this.#refusedRetries : this.#retries);
    this.#events.unreachable();
    if (refused) this.#events.refused(error.details);
    else this.#events.broken();
  }
}
