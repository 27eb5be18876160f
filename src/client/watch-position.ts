import type { WatchEvent } from '../registry/records.ts';
import type { WatchQuery } from '../registry/service.ts';

/**
 * What a watch has to ask for when it goes on at another member, and what it has to tell its watcher first.
 *
 * Invariant: everything through `#from` was delivered. It is `undefined` while the watcher waits for the present state
 * as a whole, and at the beginning.
 */
export class WatchPosition {
  readonly #query: WatchQuery;
  #from: number | undefined;
  #lastRevision = 0;
  /** A part of the present state was delivered: cut short, it begins anew. */
  #hasPartialState = false;

  constructor(query: WatchQuery) {
    this.#query = query;
    this.#from = query.from;
  }

  get query(): WatchQuery {
    const initial = this.#hasPartialState || this.#query.initial;
    return { ...this.#query, from: this.#from, initial };
  }

  /** @returns the events to deliver for one that arrived */
  take(event: WatchEvent, isFirstOfStream: boolean): readonly WatchEvent[] {
    const startsOver = isFirstOfStream && this.#hasPartialState && event.type !== 'compacted';
    this.#hasPartialState = event.type === 'current' || event.type === 'compacted';
    if ('revision' in event) this.#lastRevision = event.revision;
    this.#from = this.#hasPartialState ? undefined : this.#lastRevision;
    return startsOver ? [{ type: 'compacted', revision: this.#lastRevision }, event] : [event];
  }
}
