import { EventQueue } from './event-queue.ts';
import { hashText } from './random.ts';

/** A property that does not hold: the run ends with it. */
export interface Violation {
  /** Short and stable: shrinking looks for the same one. */
  readonly check: string;
  readonly message: string;
  readonly atMs: number;
}

export interface TraceSink {
  line(atMs: number, text: string): void;
}

const settled = Promise.resolve();

/** One thread, one clock: events happen one after the other in virtual time, and nothing else happens at all. */
export class SimulatedWorld {
  readonly #queue = new EventQueue();
  readonly #sink: TraceSink | null;
  #nowMs = 0;
  #events = 0;
  #traceHash = 0;
  #violation: Violation | null = null;

  /** @param sink receives the trace; its hash is made anyway */
  constructor(sink: TraceSink | null) {
    this.#sink = sink;
  }

  /** Virtual milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get events(): number {
    return this.#events;
  }

  get isTracing(): boolean {
    return this.#sink !== null;
  }

  /** Over what the trace tells and when: equal for equal runs. */
  get traceHash(): string {
    return (this.#traceHash >>> 0).toString(16).padStart(8, '0');
  }

  get violation(): Violation | null {
    return this.#violation;
  }

  /** Schedules `run`; the returned function cancels it. */
  after(delayMs: number, run: () => void): () => void {
    const event = this.#queue.add(this.#nowMs + Math.max(0, delayMs), run);
    return () => {
      event.run = null;
    };
  }

  trace(text: string): void {
    this.#mix(hashText(text, 0));
    this.#sink?.line(this.#nowMs, text);
  }

  /**
   * As `trace`, for what happens so often that the text is made only while somebody reads it.
   * @param digest what of it goes into the hash, beside its time
   */
  traceOften(digest: number, text: () => string): void {
    this.#mix(digest);
    this.#sink?.line(this.#nowMs, text());
  }

  #mix(digest: number): void {
    const atMicroseconds = Math.round(this.#nowMs * 1_000);
    this.#traceHash = Math.imul(this.#traceHash ^ digest, 0x01000193) ^ Math.imul(atMicroseconds, 0x7feb352d);
  }

  /** A line for the reader that is no part of the hash, because it is made only while somebody reads. */
  remark(text: string): void {
    this.#sink?.line(this.#nowMs, text);
  }

  /** The first one counts: what comes after it may follow from it. */
  violate(check: string, message: string): void {
    if (this.#violation) return;
    this.#violation = { check, message, atMs: this.#nowMs };
    this.trace(`VIOLATION ${check}: ${message}`);
  }

  /**
   * Lets virtual time pass up to `untilMs`, to a violation, or until `isDone`. `afterEach` runs when an event has settled:
   * when nothing is left of what promises had to do.
   */
  runUntil(untilMs: number, afterEach: () => void, isDone: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      // Node runs its next-tick queue only when no microtask is left, however many of them each other queue. Nothing is
      // awaited here: this happens for every event.
      const whenSettled = () => process.nextTick(goOn);
      const goOn = () => {
        try {
          afterEach();
          if (this.#runNext(untilMs, isDone)) void settled.then(whenSettled);
          else resolve();
        } catch (error) {
          reject(error);
        }
      };
      goOn();
    });
  }

  /** @returns whether there was something to run */
  #runNext(untilMs: number, isDone: () => boolean): boolean {
    while (!this.#violation && !isDone()) {
      const nextAtMs = this.#queue.nextAtMs;
      if (nextAtMs === null || nextAtMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      const event = this.#queue.takeNext();
      if (!event?.run) continue;
      this.#nowMs = event.atMs;
      this.#events++;
      event.run();
      return true;
    }
    return false;
  }
}
