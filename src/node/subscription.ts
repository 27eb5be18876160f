import { RegistryError } from '../registry/errors.ts';
import type { EventHistory } from '../registry/event-history.ts';
import type { RegistryEvent } from '../registry/machine.ts';
import type { InstanceFilter } from '../registry/service.ts';
import { concerns, type Topic, topicOf } from '../registry/watching.ts';

/** Events looked at in one go while a watcher catches up: long histories must not hold up the loop. */
const sliceEvents = 1_000;

/**
 * - `events`: what there is to deliver, in order; none when the watcher has seen everything
 * - `compacted`: what it missed is forgotten; it has to begin anew with the present state
 */
export type Step =
  | { readonly kind: 'events'; readonly events: readonly RegistryEvent[] }
  | { readonly kind: 'compacted' };

/** What a watcher holds in its hand. */
export interface Subscription {
  /** Through this revision nothing more will be delivered; what was not taken yet lies after it. */
  readonly position: number;
  /** Whether `take` has more at once, although it returned no event. */
  readonly isBehind: boolean;
  /**
   * Takes what there is, and does not wait.
   * @throws RegistryError why the watch has ended
   */
  take(): Step;
  /** Calls `wake` once when there is something to take; `null` takes it back. At most one waits. */
  onceChanged(wake: (() => void) | null): void;
  close(): void;
}

/** The hub, as its subscriptions see it. */
export interface SubscriptionHub {
  readonly history: EventHistory;
  /** Events that may wait for one of them. */
  readonly queuedEvents: number;
  /** From now on it is offered every event of its topic. */
  wait(subscription: HubSubscription): void;
  /** It is offered nothing more. */
  leave(subscription: HubSubscription): void;
  /** It has ended. */
  forget(subscription: HubSubscription): void;
}

/**
 * One watcher, as its hub sees it.
 *
 * Invariants: everything that concerns it and happened through `position` was taken; while it waits under its topic,
 * whatever concerns it after that is in its queue.
 */
export class HubSubscription implements Subscription {
  readonly topic: Topic;
  readonly #hub: SubscriptionHub;
  readonly #filter: InstanceFilter;
  #position: number;
  #queue: RegistryEvent[] = [];
  #mode: 'behind' | 'live' = 'behind';
  #failure: RegistryError | null = null;
  #wake: (() => void) | null = null;

  constructor(hub: SubscriptionHub, filter: InstanceFilter, from: number) {
    this.#hub = hub;
    this.#filter = filter;
    this.topic = topicOf(filter);
    this.#position = from;
  }

  get position(): number {
    return this.#position;
  }

  /** An event of its topic, while it waits under it. */
  offer(event: RegistryEvent): void {
    if (!concerns(event, this.#filter)) return;
    if (this.#queue.length >= this.#hub.queuedEvents) {
      this.end(
        new RegistryError(
          'service_unavailable',
          `This watcher reads too slowly: ${this.#queue.length} events waited for it. Resume from the last revision that was read.`,
          { retryAfterSeconds: 1, details: { reason: 'too_slow' } },
        ),
      );
      return;
    }
    this.#queue.push(event);
    this.#notify();
  }

  /** What it waited for may be incomplete: it goes on with the history, or is told that this does not reach back. */
  fallBehind(): void {
    this.#mode = 'behind';
    this.#queue = [];
    this.#hub.leave(this);
    this.#notify();
  }

  take(): Step {
    if (this.#failure) throw this.#failure;
    const { history } = this.#hub;
    if (this.#mode === 'live') {
      const events = this.#queue;
      this.#queue = [];
      this.#position = history.lastRevision;
      return { kind: 'events', events };
    }
    while (history.reachesBackTo(this.#position)) {
      const slice = history.after(this.#position, sliceEvents);
      if (slice.length === 0) {
        this.#mode = 'live';
        this.#hub.wait(this);
        return { kind: 'events', events: [] };
      }
      this.#position += slice.length;
      const events = slice.filter((event) => concerns(event, this.#filter));
      if (events.length > 0 || slice.length === sliceEvents) return { kind: 'events', events };
    }
    return { kind: 'compacted' };
  }

  get isBehind(): boolean {
    return this.#mode === 'behind';
  }

  onceChanged(wake: (() => void) | null): void {
    this.#wake = wake;
    if (this.#queue.length > 0 || this.#failure || this.#mode === 'behind') this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** Its watcher gets `error`, and nothing else. */
  end(error: RegistryError): void {
    this.#failure ??= error;
    this.#queue = [];
    this.#hub.leave(this);
    this.#notify();
  }

  close(): void {
    this.#queue = [];
    this.#hub.forget(this);
  }
}
