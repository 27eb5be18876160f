import type { QueueLimits } from './limits.ts';
import { messageBytes } from './message-size.ts';
import type { PeerMessage } from './transport.ts';

interface Waiting {
  readonly message: PeerMessage;
  readonly sizeBytes: number;
}

/** Messages that wait for a peer, bounded by count and by bytes. */
export class BoundedQueue {
  readonly #limits: QueueLimits;
  #waiting: Waiting[] = [];
  #sizeBytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** False when there is no room. An empty queue takes any message: otherwise one above the limit could never go. */
  push(message: PeerMessage): boolean {
    const sizeBytes = messageBytes(message);
    const { maxMessages, maxBytes } = this.#limits;
    const isFull = this.#waiting.length >= maxMessages || this.#sizeBytes + sizeBytes > maxBytes;
    if (isFull && this.#waiting.length > 0) return false;
    this.#waiting.push({ message, sizeBytes });
    this.#sizeBytes += sizeBytes;
    return true;
  }

  /** Takes the oldest messages, of about `maxBytes` together, at least one when there is any. */
  takeBatch(maxBytes: number): { readonly messages: readonly PeerMessage[]; readonly sizeBytes: number } {
    let sizeBytes = 0;
    let count = 0;
    for (const next of this.#waiting) {
      if (count > 0 && sizeBytes + next.sizeBytes > maxBytes) break;
      sizeBytes += next.sizeBytes;
      count++;
    }
    this.#sizeBytes -= sizeBytes;
    return { messages: this.#waiting.splice(0, count).map(({ message }) => message), sizeBytes };
  }

  clear(): void {
    this.#waiting = [];
    this.#sizeBytes = 0;
  }
}
