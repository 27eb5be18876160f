import { RegistryError } from '../../src/registry/errors.ts';
import type { RegistryService } from '../../src/registry/service.ts';
import type { Machine } from './cluster.ts';
import type { SimulatedProcess } from './process.ts';
import type { SimulatedRandom } from './random.ts';
import type { SimulatedWorld } from './world.ts';

/** Errors with which a watch or a held read may end. */
export const streamErrors: ReadonlySet<string> = new Set([
  'service_unavailable',
  'outcome_unknown',
  'rate_limit_exceeded',
]);

/** How a stream ended, as its client sees it. */
export type StreamEnd =
  | { readonly type: 'ended' }
  | { readonly type: 'error'; readonly error: RegistryError }
  /** The connection is gone, or there was none. */
  | { readonly type: 'broken' };

export interface StreamSettings {
  /** Items that may be under way or wait at the client: the sender then waits as well. */
  readonly window: number;
  /** Time that the client takes for an item. */
  takeMs(): number;
}

/** One connection on which a member sends a client one item after the other, as fast as the client takes them. */
export class Stream<T> {
  /** Resolves when nothing more will come. */
  readonly end: Promise<StreamEnd>;
  readonly #world: SimulatedWorld;
  readonly #random: SimulatedRandom;
  readonly #process: SimulatedProcess | null;
  readonly #settings: StreamSettings;
  readonly #served: (process: SimulatedProcess) => void;
  readonly #take: (item: T) => void;
  readonly #abort = new AbortController();
  readonly #arrived: T[] = [];
  #iterator: AsyncIterator<T> | null = null;
  #pulling = false;
  /** Sent and not yet taken. */
  #underWay = 0;
  #taking = false;
  #lastArrivalMs = 0;
  #isOver = false;
  /** What the member said last, once everything before it is taken. */
  #last: StreamEnd | null = null;
  #resolve: (end: StreamEnd) => void = () => {};
  #disconnect = () => {};

  constructor(
    world: SimulatedWorld,
    random: SimulatedRandom,
    { process, member, stopping }: Machine,
    settings: StreamSettings,
    served: (process: SimulatedProcess) => void,
    open: (registry: RegistryService, signal: AbortSignal) => AsyncIterable<T>,
    take: (item: T) => void,
  ) {
    this.#world = world;
    this.#random = random;
    this.#settings = settings;
    this.#served = served;
    this.#take = take;
    this.end = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (!process || !member || stopping) {
      this.#process = null;
      world.after(20, () => this.#finish({ type: 'broken' }));
      return;
    }
    this.#process = process;
    this.#disconnect = process.whenDead(() => world.after(1, () => this.#finish({ type: 'broken' })));
    this.#toMember(() => {
      // The client left before its request was there; nobody would end what begins now.
      if (this.#abort.signal.aborted) return;
      this.#iterator = open(member.registry, this.#abort.signal)[Symbol.asyncIterator]();
      this.#pull();
    });
  }

  /** The connection breaks, or the client leaves: it hears nothing more, and the member learns of it. */
  close(): void {
    this.#toMember(() => {
      this.#abort.abort();
      void this.#iterator?.return?.();
    });
    this.#finish({ type: 'broken' });
  }

  #finish(end: StreamEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#disconnect();
    this.#resolve(end);
  }

  #toMember(work: () => void): void {
    this.#world.after(this.#random.between(0.1, 2), () => this.#process?.run(work));
  }

  /** In order, as on one connection. */
  #toClient(work: () => void): void {
    if (!this.#process?.act()) return;
    this.#lastArrivalMs = Math.max(this.#world.nowMs + this.#random.between(0.1, 2), this.#lastArrivalMs);
    this.#world.after(this.#lastArrivalMs - this.#world.nowMs, () => {
      if (!this.#isOver) work();
    });
  }

  /** At the member: asks for the next item when there is room for it. */
  #pull(): void {
    if (!this.#iterator || this.#pulling || this.#underWay >= this.#settings.window) return;
    this.#pulling = true;
    this.#iterator.next().then(
      (result) => {
        this.#pulling = false;
        if (result.done) {
          this.#toClient(() => this.#ends({ type: 'ended' }));
          return;
        }
        this.#underWay++;
        if (this.#process) this.#served(this.#process);
        this.#toClient(() => {
          this.#arrived.push(result.value);
          this.#takeNext();
        });
        this.#pull();
      },
      (error) => {
        if (error instanceof RegistryError) this.#toClient(() => this.#ends({ type: 'error', error }));
        else this.#world.violate('client-error', `${this.#process?.name} fails a watch with ${(error as Error).stack}`);
      },
    );
  }

  #ends(end: StreamEnd): void {
    this.#last = end;
    this.#takeNext();
  }

  #takeNext(): void {
    if (this.#taking || this.#isOver) return;
    const [item] = this.#arrived.splice(0, 1);
    if (item === undefined) {
      if (this.#last) this.#finish(this.#last);
      return;
    }
    this.#taking = true;
    const taken = () => {
      this.#taking = false;
      if (this.#isOver) return;
      this.#take(item);
      this.#toMember(() => {
        this.#underWay--;
        this.#pull();
      });
      this.#takeNext();
    };
    const takeMs = this.#settings.takeMs();
    if (takeMs === 0) taken();
    else this.#world.after(takeMs, taken);
  }
}
