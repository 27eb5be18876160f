/**
 * Long work is written as a generator that yields wherever others may have their turn. It knows no loop: whoever drives
 * it decides what happens in between, and how long.
 */
export type Sliced<T> = Generator<undefined, T>;

/** Does all of it without a pause. */
export function inOneGo<T>(work: Sliced<T>): T {
  let step = work.next();
  while (!step.done) step = work.next();
  return step.value;
}

/** The first slice is this much shorter: it is done at once, and many may begin at a time. */
const firstSliceDivisor = 8;

/** Says after how many steps it is time for a pause. */
export class Pace {
  readonly #sliceSteps: number;
  #left: number;

  constructor(sliceSteps: number) {
    this.#sliceSteps = sliceSteps;
    this.#left = Math.ceil(sliceSteps / firstSliceDivisor);
  }

  /** @param steps done since it was last asked */
  isOver(steps = 1): boolean {
    this.#left -= steps;
    if (this.#left > 0) return false;
    this.#left = this.#sliceSteps;
    return true;
  }
}
