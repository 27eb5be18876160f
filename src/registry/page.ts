import type { Instance } from './machine.ts';
import type { InstanceKey } from './service.ts';

export interface Selection {
  readonly instances: readonly Instance[];
  /** Matches in all, before the page was cut out. */
  readonly total: number;
  /** There are more behind these. */
  readonly hasMore: boolean;
}

/** Cuts a page out of matches that come by name and id, and counts them all. */
export class Page {
  /** The page begins after it. */
  readonly after: InstanceKey | undefined;
  readonly #limit: number;
  readonly #instances: Instance[] = [];
  #skip: number;
  #total = 0;
  #hasMore = false;

  constructor(limit: number, offset: number, after: InstanceKey | undefined) {
    this.#limit = limit;
    this.#skip = offset;
    this.after = after;
  }

  take(instance: Instance): void {
    this.#total++;
    if (this.#hasMore || (this.after && compareKeys(instance.registration, this.after) <= 0)) return;
    if (this.#skip > 0) this.#skip--;
    else if (this.#instances.length < this.#limit) this.#instances.push(instance);
    else this.#hasMore = true;
  }

  /** Matches that it takes at most before it is full, and with them services: each has one at least. */
  get wanted(): number {
    return this.#skip + this.#limit - this.#instances.length + 1;
  }

  /** Nothing more can come into it. */
  get isFull(): boolean {
    return this.#hasMore;
  }

  /** Whether all `size` instances of a service, each a match, come before the page: they need not be looked at then. */
  passes(name: string, size: number): boolean {
    if (name === this.after?.name || this.#skip < size) return false;
    this.#skip -= size;
    this.#total += size;
    return true;
  }

  /** Takes all matches of one service, in any order: they are put in order only where the page is cut out of them. */
  takeService(name: string, matches: readonly Instance[]): void {
    const isPassed = this.#hasMore || (this.after !== undefined && name < this.after.name);
    if (!isPassed && (name === this.after?.name || this.#skip < matches.length)) {
      for (const instance of [...matches].sort(byId)) this.take(instance);
      return;
    }
    if (!isPassed) this.#skip -= matches.length;
    this.#total += matches.length;
  }

  selection(): Selection {
    return { instances: this.#instances, total: this.#total, hasMore: this.#hasMore };
  }
}

function byId(a: Instance, b: Instance): number {
  return compare(a.registration.id, b.registration.id);
}

function compareKeys(a: InstanceKey, b: InstanceKey): number {
  return compare(a.name, b.name) || compare(a.id, b.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
