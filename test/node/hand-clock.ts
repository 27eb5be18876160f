import type { Clock } from '../../src/node/environment.ts';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** How many turns of the event loop a step lasts: enough for a message to arrive, be written and be answered. */
const turnsPerStep = 8;

/**
 * Time that goes on only when a test says so. What is to happen at once happens in the next turn of the real event loop,
 * so a machine under load makes a test slower and changes nothing that it sees.
 */
export class HandClock implements Clock {
  #nowMs = 1_000;
  #timers: Timer[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    if (delayMs <= 0) {
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    }
    const timer: Timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time go by in steps, and what happens in each of them happen. */
  async pass(durationMs: number, stepMs = 5): Promise<void> {
    for (const untilMs = this.#nowMs + durationMs; this.#nowMs < untilMs; ) {
      this.#nowMs = Math.min(untilMs, this.#nowMs + stepMs);
      const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs).sort((a, b) => a.atMs - b.atMs);
      this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs);
      for (const { callback } of due) callback();
      for (let turn = 0; turn < turnsPerStep; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Lets time go by until `work` has ended. @throws Error when it has not after `limitMs` */
  async during<T>(work: Promise<T>, what: string, limitMs = 20_000): Promise<T> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    work.then(end, end);
    for (const untilMs = this.#nowMs + limitMs; !ended && this.#nowMs < untilMs; ) await this.pass(5);
    if (!ended) throw new Error(`${what} did not end within ${limitMs} ms.`);
    return work;
  }

  /** Lets time go by until `look` finds something, and says how long that took. */
  async until(look: () => boolean, what: string, limitMs = 20_000): Promise<number> {
    const sinceMs = this.#nowMs;
    while (!look()) {
      if (this.#nowMs - sinceMs >= limitMs) throw new Error(`Waited ${limitMs} ms in vain for ${what}.`);
      await this.pass(5);
    }
    return this.#nowMs - sinceMs;
  }
}
