import { RegistryError } from '../registry/errors.ts';
import { EventHistory } from '../registry/event-history.ts';
import type { RegistryEvent } from '../registry/machine.ts';
import type { InstanceFilter } from '../registry/service.ts';
import { type Topic, topicsOf } from '../registry/watching.ts';
import { HubSubscription, type Subscription, type SubscriptionHub } from './subscription.ts';

export interface WatchLimits {
  /** Events kept for watchers that come back. */
  readonly historyEvents: number;
  /** Watches and held queries at once. */
  readonly watchers: number;
  /** Events that may wait for one watcher; it is cut off when it leaves more of them waiting. */
  readonly queuedEvents: number;
}

export const defaultWatchLimits: WatchLimits = { historyEvents: 50_000, watchers: 10_000, queuedEvents: 1_000 };

/**
 * Where applied events become watchers' events. A watcher that is behind reads from the history, in slices and at its
 * own pace; one that has seen everything waits under its topic, and an event costs those who wait under others
 * nothing (trap 38).
 */
export class WatchHub {
  readonly #limits: WatchLimits;
  readonly #waiting = new Map<Topic, Set<HubSubscription>>();
  readonly #subscriptions = new Set<HubSubscription>();
  /** What subscriptions may ask of this hub, and nobody else. */
  readonly #desk: SubscriptionHub;
  #history: EventHistory;
  #closed: RegistryError | null = null;

  /** @param revision of the state that the first event will change */
  constructor(revision: number, limits: Partial<WatchLimits> = {}) {
    this.#limits = { ...defaultWatchLimits, ...limits };
    this.#history = new EventHistory(revision, this.#limits.historyEvents);
    const history = () => this.#history;
    this.#desk = {
      get history() {
        return history();
      },
      queuedEvents: this.#limits.queuedEvents,
      wait: (subscription) => this.#wait(subscription),
      leave: (subscription) => this.#leave(subscription),
      forget: (subscription) => this.#forget(subscription),
    };
  }

  get watchers(): number {
    return this.#subscriptions.size;
  }

  get history(): EventHistory {
    return this.#history;
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
    const subscription = new HubSubscription(this.#desk, filter, from);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  #wait(subscription: HubSubscription): void {
    const waiting = this.#waiting.get(subscription.topic);
    if (waiting) waiting.add(subscription);
    else this.#waiting.set(subscription.topic, new Set([subscription]));
  }

  #leave(subscription: HubSubscription): void {
    const waiting = this.#waiting.get(subscription.topic);
    waiting?.delete(subscription);
    if (waiting?.size === 0) this.#waiting.delete(subscription.topic);
  }

  #forget(subscription: HubSubscription): void {
    this.#leave(subscription);
    this.#subscriptions.delete(subscription);
  }

  /** Ends every watch with `error`, now and from now on. */
  close(error: RegistryError): void {
    this.#closed = error;
    for (const subscription of [...this.#subscriptions]) subscription.end(error);
  }
}
