import type { RegistryEvent } from './machine.ts';

/**
 * The latest events, for watchers that come back. Every revision after `startRevision` has exactly one event, so a
 * revision tells a position.
 *
 * Invariant: the events are dense and ascending from `startRevision + 1` on.
 */
export class EventHistory {
  readonly #maxEvents: number;
  #startRevision: number;
  #events: RegistryEvent[] = [];
  /** Events at the front that were forgotten and not yet cut off. */
  #forgotten = 0;

  /** @param startRevision what the state shows before the first event */
  constructor(startRevision: number, maxEvents: number) {
    this.#startRevision = startRevision;
    this.#maxEvents = maxEvents;
  }

  /** The history knows everything that happened after this revision. */
  get startRevision(): number {
    return this.#startRevision;
  }

  get lastRevision(): number {
    return this.#startRevision + this.#events.length - this.#forgotten;
  }

  /** @throws Error when a revision is missing: a watcher would miss it, too */
  add(event: RegistryEvent): void {
    if (event.revision !== this.lastRevision + 1) {
      throw new Error(`The event of revision ${event.revision} came after that of revision ${this.lastRevision}.`);
    }
    this.#events.push(event);
    if (this.#events.length - this.#forgotten <= this.#maxEvents) return;
    this.#forgotten++;
    this.#startRevision++;
    if (this.#forgotten < this.#maxEvents) return;
    this.#events = this.#events.slice(this.#forgotten);
    this.#forgotten = 0;
  }

  /** Whether nothing that happened after `revision` is missing here. */
  reachesBackTo(revision: number): boolean {
    return revision >= this.#startRevision && revision <= this.lastRevision;
  }

  /** At most `limit` events after `revision`, in order. @throws RangeError where the history does not reach back */
  after(revision: number, limit: number): readonly RegistryEvent[] {
    if (!this.reachesBackTo(revision)) throw new RangeError(`The history does not reach back to revision ${revision}.`);
    const from = this.#forgotten + revision - this.#startRevision;
    return this.#events.slice(from, from + limit);
  }
}
