import type { PeerMessage, TransportHandler } from '../../src/transport/transport.ts';

interface Received {
  readonly from: string;
  readonly incarnation: string;
  readonly message: PeerMessage;
}

/** A handler that remembers what it was told. */
export class Recorder implements TransportHandler {
  readonly received: Received[] = [];
  readonly unreachablePeers: string[] = [];
  readonly disconnectedPeers: string[] = [];
  readonly refusals: { readonly peer: string; readonly reason: string }[] = [];

  receive(from: string, incarnation: string, message: PeerMessage): void {
    this.received.push({ from, incarnation, message });
  }

  unreachable(peer: string): void {
    this.unreachablePeers.push(peer);
  }

  disconnected(peer: string): void {
    this.disconnectedPeers.push(peer);
  }

  refused(peer: string, reason: string): void {
    this.refusals.push({ peer, reason });
  }

  get messages(): PeerMessage[] {
    return this.received.map(({ message }) => message);
  }

  /** The numbers of the numbered messages that came, in the order in which they did. */
  numbers(lane: 'exchange' | 'snapshots' = 'exchange'): number[] {
    return this.messages.flatMap((message) => {
      if (lane === 'exchange') return message.type === 'read-index-request' ? [message.context] : [];
      return message.type === 'snapshot-chunk' ? [message.chunkIndex] : [];
    });
  }

  forget(): void {
    this.received.length = 0;
    this.unreachablePeers.length = 0;
    this.disconnectedPeers.length = 0;
    this.refusals.length = 0;
  }
}

/** A small message of the first lane. */
export function numbered(number: number): PeerMessage {
  return { type: 'read-index-request', from: 'a', to: 'b', term: 1, context: number };
}

/** A message of the snapshot lane, of the given size. */
export function chunk(number: number, sizeBytes = 100): PeerMessage {
  return {
    type: 'snapshot-chunk',
    term: 1,
    snapshot: { index: 1, term: 1, membership: { voters: [], votersOutgoing: [], learners: [], learnersNext: [] } },
    chunkCount: 1_000,
    sizeBytes: 1_000 * sizeBytes,
    checksum: 1,
    chunkIndex: number,
    chunkChecksum: 1,
    data: Buffer.alloc(sizeBytes, number),
  };
}

/** A message of the first lane, of the given size. */
export function command(sizeBytes: number): PeerMessage {
  return { type: 'forward-commands', commands: [{ requestId: 'r', command: Buffer.alloc(sizeBytes, 1) }] };
}

export const upTo = (count: number, first = 0) => Array.from({ length: count }, (_, index) => first + index);
