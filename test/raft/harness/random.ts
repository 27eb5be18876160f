/** A seeded source of integers in `[0, bound)`; the same seed gives the same sequence everywhere. */
export type RandomInteger = (bound: number) => number;

/** A linear congruential step with its high bits mixed down: not for secrets, but even enough to shuffle faults. */
export function seededRandom(seed: number): RandomInteger {
  let state = (Math.imul(seed, 2_654_435_761) ^ 0x5bd1_e995) >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const mixed = (state ^ (state >>> 15)) >>> 0;
    return Math.floor((mixed / 2 ** 32) * bound);
  };
}
