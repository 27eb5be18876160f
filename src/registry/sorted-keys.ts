/** Below this it is not worth the trouble to sweep removed keys out before somebody looks. */
const sweepFrom = 64;

/**
 * A set of strings that can be read in order. Changing it costs nothing but a note; the next reader pays for what
 * changed since the last, and a sort of what is nearly sorted is nearly linear.
 */
export class SortedKeys {
  #keys: string[] = [];
  #inOrder = true;
  /** Still among the keys. Most sets never lose one, so it is made when it is needed. */
  #removed: Set<string> | null = null;

  /** Takes a key that is not in the set. */
  add(key: string): void {
    if (this.#removed?.delete(key)) return;
    this.#keys.push(key);
    this.#inOrder = false;
  }

  /** Takes out a key that is in the set. */
  delete(key: string): void {
    this.#removed ??= new Set();
    this.#removed.add(key);
    // Where nobody ever looks, keys that come and go must not pile up.
    if (this.#removed.size >= sweepFrom && this.#removed.size * 2 > this.#keys.length) this.#sweep();
  }

  /** By code units, as `<` compares. To be read before the next change. */
  all(): readonly string[] {
    this.#sweep();
    if (!this.#inOrder) this.#keys.sort();
    this.#inOrder = true;
    return this.#keys;
  }

  /** Keys held, those removed and not swept out yet included: what memory it takes. */
  get held(): number {
    return this.#keys.length;
  }

  #sweep(): void {
    const removed = this.#removed;
    if (removed === null) return;
    this.#keys = this.#keys.filter((key) => !removed.has(key));
    this.#removed = null;
  }
}

/** Position of the first key that is not before `bound`. */
export function lowerBound(sorted: readonly string[], bound: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const key = sorted[middle];
    if (key !== undefined && key < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
