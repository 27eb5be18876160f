/**
 * The smallest value that at least `share` of all values do not exceed (nearest rank).
 * @param sorted ascending, not empty
 * @param share from 0 to 1
 */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.min(sorted.length, Math.max(1, Math.ceil(sorted.length * share)));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError('There is no percentile of nothing.');
  return value;
}

/** The middle value, or the mean of the two in the middle. @param values not empty */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const above = percentile(sorted, (Math.floor(middle) + 1) / sorted.length);
  return Number.isInteger(middle) ? (percentile(sorted, 0.5) + above) / 2 : above;
}

/** @param latenciesMs in any order, not empty */
export function latencyOf(latenciesMs: Float64Array): { p50: number; p99: number; p999: number; worst: number } {
  const sorted = latenciesMs.slice().sort();
  return {
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    p999: percentile(sorted, 0.999),
    worst: percentile(sorted, 1),
  };
}
