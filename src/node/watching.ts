import { RegistryError } from '../registry/errors.ts';
import type { Instance } from '../registry/machine.ts';
import type { WatchEvent } from '../registry/records.ts';
import type { RegistryState } from '../registry/registry-state.ts';
import type { Hold, InstanceFilter, WatchOptions, WatchQuery } from '../registry/service.ts';
import { toRecord } from '../registry/views.ts';
import { toChangeEvent } from '../registry/watching.ts';
import type { Clock, Random } from './environment.ts';
import type { Subscription } from './subscription.ts';
import type { Turns } from './turns.ts';
import type { WatchHub } from './watch-hub.ts';

/** How often a quiet watch hears how far it has come. */
const progressMs = 15_000;

/** Records and events delivered before sockets and timers get their turn: each is encoded and written on the way. */
const eventsPerTurn = 100;

/** A held query waits up to this share longer than it asked for, so that many of them do not come back at once. */
const jitterShare = 1 / 16;

export interface WatchingHost {
  state(): RegistryState;
  /** Resolves when this member's state is level with the cluster's. @throws RegistryError */
  ready(options: WatchOptions): Promise<unknown>;
  /** Age of this member's last proof that it is level, in milliseconds; `null` while it has none. */
  levelAgeMs(): number | null;
}

interface Present {
  readonly revision: number;
  readonly instances: readonly Instance[];
}

/** Watches and held queries, served from this member's own state. */
export class Watching {
  readonly #host: WatchingHost;
  readonly #hub: WatchHub;
  readonly #clock: Clock;
  readonly #turns: Turns;
  readonly #random: Random;

  constructor(host: WatchingHost, hub: WatchHub, clock: Clock, turns: Turns, random: Random) {
    this.#host = host;
    this.#hub = hub;
    this.#clock = clock;
    this.#turns = turns;
    this.#random = random;
  }

  async *watch(query: WatchQuery, options: WatchOptions): AsyncGenerator<WatchEvent, void> {
    const { from, initial, ...filter } = query;
    const withState = from === undefined && initial === true;
    if (withState) await this.#turns.inSlices(this.#host.state().tidying());
    await this.#host.ready(options);
    // In the same breath as the state is looked at, so that nothing falls in between.
    const subscription = this.#hub.subscribe(filter, from ?? this.#host.state().revision);
    try {
      if (withState) yield* this.#deliver(await this.#present(filter));
      yield* this.#follow(subscription, filter, options, withState);
    } finally {
      subscription.close();
    }
  }

  /** @param begun whether the watcher has heard anything yet: else it is told at once how far it has come */
  async *#follow(
    first: Subscription,
    filter: InstanceFilter,
    options: WatchOptions,
    begun: boolean,
  ): AsyncGenerator<WatchEvent, void> {
    let subscription = first;
    /** Through this revision the watcher knows that it has heard everything. */
    let told = begun ? subscription.position : -1;
    try {
      while (!options.signal?.aborted) {
        const step = subscription.take();
        if (step.kind === 'compacted') {
          subscription.close();
          const present = await this.#present(filter);
          subscription = this.#hub.subscribe(filter, present.revision);
          told = present.revision;
          yield { type: 'compacted', revision: told };
          yield* this.#deliver(present);
          continue;
        }
        let delivered = 0;
        for (const event of step.events) {
          told = event.revision;
          yield toChangeEvent(event);
          if (++delivered % eventsPerTurn === 0) await this.#turns.next();
        }
        if (subscription.isBehind) {
          await this.#turns.next();
          continue;
        }
        if (step.events.length > 0) continue;
        if (told < 0) {
          told = subscription.position;
          yield { type: 'progress', revision: told };
          continue;
        }
        const woken = await this.#wait(subscription, progressMs, options.signal);
        if (woken !== 'quiet') continue;
        if (options.consistency !== 'stale') this.#refuseWhenCutOff();
        if (subscription.position <= told) continue;
        told = subscription.position;
        yield { type: 'progress', revision: told };
      }
    } finally {
      subscription.close();
    }
  }

  /** The state as of the call, although it takes a while: references to records that never change. */
  async #present(filter: InstanceFilter): Promise<Present> {
    const state = this.#host.state();
    const { revision } = state;
    const { instances } = await this.#turns.inSlices(state.querying(filter, Number.MAX_SAFE_INTEGER, 0));
    return { revision, instances };
  }

  /** What changes while it is delivered follows from the history. */
  async *#deliver({ revision, instances }: Present): AsyncGenerator<WatchEvent, void> {
    let delivered = 0;
    for (const instance of instances) {
      yield { type: 'current', record: toRecord(instance) };
      if (++delivered % eventsPerTurn === 0) await this.#turns.next();
    }
    yield { type: 'synced', revision };
  }

  /** A watcher of a member that is cut off would wait for ever: it has to look for another one. */
  #refuseWhenCutOff(): void {
    const ageMs = this.#host.levelAgeMs();
    if (ageMs !== null && ageMs < progressMs) return;
    throw new RegistryError(
      'service_unavailable',
      'This member has not heard from a leader for a while, so it may miss changes. Resume at another member.',
      { retryAfterSeconds: 1, details: { reason: 'cut_off' } },
    );
  }

  /** Waits until something that concerns `filter` happened after `hold.after`, or the wait is over. */
  async hold(filter: InstanceFilter, { after, waitMs, signal }: Hold): Promise<void> {
    // A revision that this registry has not reached comes from another one: its answer is of no use any more.
    if (after > this.#host.state().revision) return;
    const untilMs = this.#clock.monotonicMs() + waitMs + this.#random.integer(Math.ceil(waitMs * jitterShare) + 1);
    const subscription = this.#hub.subscribe(filter, after);
    try {
      for (;;) {
        const step = subscription.take();
        const leftMs = untilMs - this.#clock.monotonicMs();
        if (step.kind === 'compacted' || step.events.length > 0 || leftMs <= 0 || signal?.aborted) return;
        if (subscription.isBehind) await this.#turns.next();
        else await this.#wait(subscription, leftMs, signal);
      }
    } finally {
      subscription.close();
    }
  }

  #wait(
    subscription: Subscription,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<'changed' | 'quiet' | 'aborted'> {
    return new Promise((resolve) => {
      const end = (why: 'changed' | 'quiet' | 'aborted') => {
        cancelTimer();
        signal?.removeEventListener('abort', abort);
        subscription.onceChanged(null);
        resolve(why);
      };
      const abort = () => end('aborted');
      const cancelTimer = this.#clock.after(timeoutMs, () => end('quiet'));
      signal?.addEventListener('abort', abort, { once: true });
      if (signal?.aborted) abort();
      else subscription.onceChanged(() => end('changed'));
    });
  }
}
