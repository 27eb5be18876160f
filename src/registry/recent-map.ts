/**
 * A map that remembers what was put in or asked for lately: at least the newest half of `maxCount` entries, and never more
 * than all of them. Nothing is moved or searched to forget: two maps take turns, and the older one is dropped as a whole.
 */
export class RecentMap<K, V extends NonNullable<unknown>> {
  readonly #half: number;
  #newer = new Map<K, V>();
  #older = new Map<K, V>();

  constructor(maxCount: number) {
    this.#half = Math.ceil(maxCount / 2);
  }

  get(key: K): V | undefined {
    const value = this.#newer.get(key);
    if (value !== undefined) return value;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    if (this.#newer.size >= this.#half) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, value);
  }
}
