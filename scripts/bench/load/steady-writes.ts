import { Client, credentials } from '@grpc/grpc-js';
import type { GrpcRequest } from './load.ts';
import { fillText } from './template.ts';

export interface Write {
  readonly sentMs: number;
  answeredMs: number;
  ok: boolean;
}

/** A write that nobody answers is given up after this long, which is longer than any gap that is looked for. */
const deadlineMs = 15_000;

const same = (bytes: Buffer) => bytes;

/**
 * Writes through all members at a steady pace, whether they answer or not, each write with a number of its own. Whole
 * gRPC clients, since connections break here.
 */
export class SteadyWrites {
  readonly writes: Write[] = [];
  readonly #clients: readonly Client[];
  readonly #request: Omit<GrpcRequest, 'answerBytes'>;
  readonly #message: string;
  readonly #timer: NodeJS.Timeout;
  #underWay = 0;

  /** @param everyMs between two writes to one member */
  constructor(targets: readonly string[], request: Omit<GrpcRequest, 'answerBytes'>, everyMs: number) {
    // A member that comes back is to be used at once.
    const options = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 500 };
    this.#clients = targets.map((target) => new Client(target, credentials.createInsecure(), options));
    this.#request = request;
    this.#message = Buffer.from(request.messages[0] ?? '', 'base64').toString('latin1');
    this.#timer = setInterval(() => {
      for (const client of this.#clients) this.#write(client);
    }, everyMs);
  }

  get acknowledged(): number {
    return this.writes.filter(({ ok }) => ok).length;
  }

  /** When the first write that was sent at or after `momentMs` was acknowledged; `null` until one was. */
  firstAcknowledged(momentMs: number): number | null {
    let first: number | null = null;
    for (let i = this.writes.length - 1; i >= 0; i--) {
      const write = this.writes[i];
      if (!write || write.sentMs < momentMs) break;
      if (write.ok && (first === null || write.answeredMs < first)) first = write.answeredMs;
    }
    return first;
  }

  /** Sends nothing more and waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#underWay > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const client of this.#clients) client.close();
  }

  #write(client: Client): void {
    const number = this.writes.length;
    const write: Write = { sentMs: performance.now(), answeredMs: Number.NaN, ok: false };
    this.writes.push(write);
    this.#underWay++;
    const message = Buffer.from(fillText(this.#message, number), 'latin1');
    const options = { deadline: Date.now() + deadlineMs };
    client.makeUnaryRequest(this.#request.path, same, same, message, options, (error) => {
      this.#underWay--;
      write.answeredMs = performance.now();
      write.ok = !error;
    });
  }
}
