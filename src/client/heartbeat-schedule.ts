/** Waits after the first, second and third failure in a row; then the interval again. */
const backoffMs = [1_000, 2_000, 4_000] as const;

/**
 * How long to wait between heartbeats. Every wait is drawn at random, so that a fleet that was started at once does not
 * beat at once, and none is longer than the interval that the registry asked for.
 */
export class HeartbeatSchedule {
  readonly #random: () => number;

  /** @param random from 0 up to 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Milliseconds from a registration, which is as good as a heartbeat, to the first one. */
  firstMs(intervalMs: number): number {
    return intervalMs * (0.5 + this.#random() / 2);
  }

  /** Milliseconds to the next one. @param failuresInARow 0 after a heartbeat that succeeded */
  nextMs(intervalMs: number, failuresInARow: number): number {
    const waitMs = backoffMs[failuresInARow - 1];
    if (waitMs === undefined) return intervalMs * (0.9 + this.#random() / 10);
    return Math.min(waitMs, intervalMs) * (0.75 + this.#random() / 4);
  }
}
