import type { PeerMessage } from './transport.ts';

/** Messages that wait for a peer, bounded by count and by bytes. */
export class BoundedQueue {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #messages: PeerMessage[] = [];
  #sizeBytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#messages.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** False when there is no room; an empty queue takes any message. */
  push(message: PeerMessage): boolean {
    const sizeBytes = estimatedBytes(message);
    const isFull = this.#messages.length >= this.#maxMessages || this.#sizeBytes + sizeBytes > this.#maxBytes;
    if (isFull && this.#messages.length > 0) return false;
    this.#messages.push(message);
    this.#sizeBytes += sizeBytes;
    return true;
  }

  /** Takes messages of about `maxBytes` together, at least one when there is any. */
  takeBatch(maxBytes: number): PeerMessage[] {
    let sizeBytes = 0;
    let count = 0;
    for (const message of this.#messages) {
      const next = estimatedBytes(message);
      if (count > 0 && sizeBytes + next > maxBytes) break;
      sizeBytes += next;
      count++;
    }
    this.#sizeBytes -= sizeBytes;
    return this.#messages.splice(0, count);
  }

  clear(): void {
    this.#messages = [];
    this.#sizeBytes = 0;
  }
}

const smallMessageBytes = 64;

function estimatedBytes(message: PeerMessage): number {
  switch (message.type) {
    case 'append-request':
      return message.entries.reduce((sum, entry) => sum + entry.data.length + 16, smallMessageBytes);
    case 'forward-commands':
      return message.commands.reduce((sum, { command }) => sum + command.length + 48, smallMessageBytes);
    case 'snapshot-chunk':
      return message.data.length + smallMessageBytes;
    default:
      return smallMessageBytes;
  }
}
