/**
 * Who has one value of an index: how many always, and who they are while they are few. A set of nearly everybody is of no
 * use to a search, and costs every addition a miss of the caches and, now and then, a pause in which it grows.
 *
 * Whoever is held has the value, whatever happens. So nobody is missing when as many are held as have it.
 */
export class Postings<T> {
  readonly #limit: number;
  readonly #incomplete: Set<Postings<T>>;
  #size = 0;
  /** `null` while there are too many. */
  #held: Set<T> | null = new Set();

  /**
   * @param limit So many are few. They are forgotten above twice as many only, lest a number that goes up and down about
   *   the limit costs a search for them each time.
   * @param incomplete holds the postings that became few again, until they know each of their members
   */
  constructor(limit: number, incomplete: Set<Postings<T>>) {
    this.#limit = limit;
    this.#incomplete = incomplete;
  }

  get size(): number {
    return this.#size;
  }

  /** Everybody who has the value; `null` where that is not known. */
  get members(): ReadonlySet<T> | null {
    return this.#held?.size === this.#size ? this.#held : null;
  }

  /** Takes one who was not there. */
  add(member: T): void {
    this.#size++;
    if (this.#held === null) return;
    this.#held.add(member);
    if (this.#size <= 2 * this.#limit) return;
    this.#held = null;
    this.#incomplete.delete(this);
  }

  /** Takes out one who was there. */
  remove(member: T): void {
    this.#size--;
    if (this.#held?.delete(member)) return;
    if (this.#held === null && this.#size <= this.#limit) {
      this.#held = new Set();
      this.#incomplete.add(this);
    }
    this.#endIfComplete();
  }

  /** Is told of one who is there, and may not be held. */
  restore(member: T): void {
    if (this.#held === null || this.#held.size === this.#size) return;
    this.#held.add(member);
    this.#endIfComplete();
  }

  #endIfComplete(): void {
    if (this.#held?.size === this.#size) this.#incomplete.delete(this);
  }
}
