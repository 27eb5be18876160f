/** How long some leader could have served, counted generously and from outside: on one clock, without a look at quorums. */
export class ServingTime {
  readonly #nowMs: () => number;
  readonly #serving = new Set<string>();
  #countedMs = 0;
  #sinceMs = 0;
  /** When a leader with an open term was last seen running; `null` if never. */
  #lastServedMs: number | null = null;
  /** How often a leader began to serve, or went on after a pause. */
  #begun = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get begun(): number {
    return this.#begun;
  }

  get lastServedMs(): number | null {
    return this.#serving.size > 0 ? this.#nowMs() : this.#lastServedMs;
  }

  get totalMs(): number {
    return this.#countedMs + (this.#serving.size > 0 ? this.#nowMs() - this.#sinceMs : 0);
  }

  /** Whether a member leads, its term is open, and its process runs. */
  set(id: string, serves: boolean): void {
    if (serves === this.#serving.has(id)) return;
    this.#countedMs = this.totalMs;
    this.#lastServedMs = serves ? this.#nowMs() : this.lastServedMs;
    this.#sinceMs = this.#nowMs();
    if (serves) {
      this.#serving.add(id);
      this.#begun++;
    } else {
      this.#serving.delete(id);
    }
  }
}
