import { RegistryError } from '../registry/errors.ts';
import { EventHistory } from '../registry/event-history.ts';
import type { RegistryEvent } from '../registry/machine.ts';
import type { InstanceFilter } from '../registry/service.ts';
import { concerns, type Topic, topicOf, topicsOf } from '../registry/watching.ts';

export interface WatchLimits {
  /** Events kept for watchers that come back. */
  readonly historyEvents: number;
  /** Watches and held queries at once. */
  readonly watchers: number;
  /** Events that may wait for one watcher; it is cut off when it leaves more of them waiting. */
  readonly queuedEvents: number;
}

export const defaultWatchLimits: WatchLimits = { historyEvents: 50_000, watchers: 10_000, queuedEvents: 1_000 };

/** Events looked at in one go while a watcher catches up: long histories must not hold up the loop. */
const sliceEvents = 1_000;

/**
 * - `events`: what there is to deliver, in order; none when the watcher has seen everything
 * - `compacted`: what it missed is forgotten; it has to begin anew with the present state
 */
export type Step =
  | { readonly kind: 'events'; readonly events: readonly RegistryEvent[] }
  | { readonly kind: 'compacted' };

/**
 * Where applied events become watchers' events. A watcher that is behind reads from the history, in slices and at its
 * own pace; one that has seen everything waits under its topic, and an event costs those who wait under others
 * nothing (trap 38).
 */
export class WatchHub {
  readonly #limits: WatchLimits;
  readonly #waiting = new Map<Topic, Set<Subscription>>();
  readonly #subscriptions = new Set<Subscription>();
  #history: EventHistory;
  #closed: RegistryError | null = null;

  /** @param revision of the state that the first event will change */
  constructor(revision: number, limits: Partial<WatchLimits> = {}) {
    this.#limits = { ...defaultWatchLimits, ...limits };
    this.#history = new EventHistory(revision, this.#limits.historyEvents);
  }

  get watchers(): number {
    return this.#subscriptions.size;
  }

  get history(): EventHistory {
    return this.#history;
  }

  get queuedEvents(): number {
    return this.#limits.queuedEvents;
  }

  applied(event: RegistryEvent): void {
    this.#history.add(event);
    if (this.#waiting.size === 0) return;
    for (const topic of topicsOf(event)) {
      for (const subscription of this.#waiting.get(topic) ?? []) subscription.offer(event);
    }
  }

  /** The state was replaced by another: what happened in between is not known here. */
  reset(revision: number): void {
    this.#history = new EventHistory(revision, this.#limits.historyEvents);
    for (const subscription of this.#subscriptions) subscription.fallBehind();
  }

  /**
   * Watches from `from` on. The caller closes it.
   * @throws RegistryError `rate_limit_exceeded` when there are too many, or the member's own farewell
   */
  subscribe(filter: InstanceFilter, from: number): Subscription {
    if (this.#closed) throw this.#closed;
    if (this.#subscriptions.size >= this.#limits.watchers) {
      throw new RegistryError(
        'rate_limit_exceeded',
        `This member has ${this.#limits.watchers} watchers already. Ask another one, or retry later.`,
        { retryAfterSeconds: 5 },
      );
    }
    const subscription = new Subscription(this, filter, from);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** @internal */
  wait(subscription: Subscription): void {
    const waiting = this.#waiting.get(subscription.topic);
    if (waiting) waiting.add(subscription);
    else this.#waiting.set(subscription.topic, new Set([subscription]));
  }

  /** @internal */
  leave(subscription: Subscription): void {
    const waiting = this.#waiting.get(subscription.topic);
    waiting?.delete(subscription);
    if (waiting?.size === 0) this.#waiting.delete(subscription.topic);
  }

  /** @internal */
  forget(subscription: Subscription): void {
    this.leave(subscription);
    this.#subscriptions.delete(subscription);
  }

  /** Ends every watch with `error`, now and from now on. */
  close(error: RegistryError): void {
    this.#closed = error;
    for (const subscription of [...this.#subscriptions]) subscription.end(error);
  }
}

/**
 * One watcher.
 *
 * Invariants: everything that concerns it and happened through `position` was taken; while it waits under its topic,
 * whatever concerns it after that is in its queue.
 */
export class Subscription {
  readonly topic: Topic;
  readonly #hub: WatchHub;
  readonly #filter: InstanceFilter;
  #position: number;
  #queue: RegistryEvent[] = [];
  #mode: 'behind' | 'live' = 'behind';
  #failure: RegistryError | null = null;
  #wake: (() => void) | null = null;

  constructor(hub: WatchHub, filter: InstanceFilter, from: number) {
    this.#hub = hub;
    this.#filter = filter;
    this.topic = topicOf(filter);
    this.#position = from;
  }

  /** Through this revision nothing more will be delivered; what was not taken yet lies after it. */
  get position(): number {
    return this.#position;
  }

  /** @internal */
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

  /** @internal */
  fallBehind(): void {
    this.#mode = 'behind';
    this.#queue = [];
    this.#hub.leave(this);
    this.#notify();
  }

  /**
   * Takes what there is, and does not wait.
   * @throws RegistryError why the watch has ended
   */
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

  /** Whether `take` has more at once, although it returned no event. */
  get isBehind(): boolean {
    return this.#mode === 'behind';
  }

  /** Calls `wake` once when there is something to take; `null` takes it back. At most one waits. */
  onceChanged(wake: (() => void) | null): void {
    this.#wake = wake;
    if (this.#queue.length > 0 || this.#failure || this.#mode === 'behind') this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** @internal */
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
