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
