import type { PeerMessage } from './transport.ts';

/** Peers talk on two lanes, each a connection of its own: a snapshot never stands before a heartbeat. */
export const lanes = ['exchange', 'snapshots'] as const;
export type Lane = (typeof lanes)[number];

export function laneOf(message: PeerMessage): Lane {
  return message.type === 'snapshot-chunk' || message.type === 'snapshot-ack' ? 'snapshots' : 'exchange';
}

export interface QueueLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** What may wait or travel at once. Past a limit messages are dropped, newest first, and the peer is said unreachable. */
export interface TransportLimits {
  /** Messages to one peer that wait for their turn on a lane. */
  readonly queue: Readonly<Record<Lane, QueueLimits>>;
  /** Messages of about this size together travel as one batch; a larger message travels alone. */
  readonly maxBatchBytes: number;
  /** Bytes handed to a stream and not yet on the wire. What waits above it still gathers into batches. */
  readonly maxInflightBytes: number;
  /** A larger batch breaks the stream that it comes on. */
  readonly maxReceiveBytes: number;
}

const mebibyte = 1024 * 1024;

export const defaultLimits: TransportLimits = {
  queue: {
    exchange: { maxMessages: 4_096, maxBytes: 32 * mebibyte },
    snapshots: { maxMessages: 64, maxBytes: 32 * mebibyte },
  },
  maxBatchBytes: mebibyte,
  maxInflightBytes: mebibyte,
  maxReceiveBytes: 64 * mebibyte,
};
