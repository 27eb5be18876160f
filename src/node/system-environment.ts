import { randomBytes, randomInt } from 'node:crypto';
import type { Clock, Random } from './environment.ts';

/** The operating system's clocks and timers. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, callback) {
    if (delayMs <= 0) {
      // After the poll phase: everything that arrived in this turn of the loop is gathered first.
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = {
  integer: (bound) => randomInt(bound),
  hex: (digits) =>
    randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits),
};
