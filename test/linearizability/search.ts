import type { History, Operation } from './history.ts';
import type { Model } from './model.ts';

/** Bounds of the search, for each key. Past either the answer is `not-decided`, never a guess. */
export interface SearchLimits {
  /** Configurations remembered; each takes about 200 bytes. */
  readonly memoMax: number;
  /** Steps of the model tried. */
  readonly stepsMax: number;
}

export const defaultSearchLimits: SearchLimits = { memoMax: 1_000_000, stepsMax: 20_000_000 };

export type SearchResult<State, Input, Output> = { readonly steps: number } & (
  | { readonly verdict: 'linearizable' | 'not-decided' }
  | {
      readonly verdict: 'not-linearizable';
      /** The operation before whose return every order broke down. */
      readonly culprit: Operation<Input, Output>;
      /** States that the object could have been in just before. */
      readonly states: readonly State[];
    }
);

/** One return, with what could have taken effect before it. */
interface Return<Input, Output> {
  readonly operation: number;
  /** Places of operations that were called before and had not returned yet; this one first. */
  readonly candidates: readonly number[];
  /** How many of each kind without an answer had been called by then. */
  readonly openCounts: readonly number[];
  readonly value: Operation<Input, Output>;
}

/** What a partial order has come to. */
interface Configuration<State> {
  /** Returns dealt with: everything that returned by then is in the order. */
  readonly at: number;
  readonly state: State;
  /** Places of operations that are in the order already although they return later; ascending. */
  readonly early: readonly number[];
  /** How many operations without an answer, of each kind, are in the order. */
  readonly used: readonly number[];
}

/**
 * Looks for an order of one key's operations that the model allows and real time does not forbid.
 *
 * The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with two ideas of Lowe's ("Testing
 * for linearizability", 2017): what was visited is remembered, and an operation is put into the order only when a return
 * asks for it ("just in time"). Nothing is lost by the second, because an effect can wait until just before the next
 * return. It goes on with the furthest configuration it has, and among those of one return with the one that added the least.
 *
 * Operations without an answer stay candidates for ever. Two that ask the same are interchangeable, so they are used in
 * order of their calls, and a configuration is dropped if one was visited that is equal but has used no more of any kind.
 */
export function search<State, Input, Output>(
  history: History<Input, Output>,
  model: Model<State, Input, Output>,
  key: string,
  limits: SearchLimits,
): SearchResult<State, Input, Output> {
  return new Search(history, model.forHistory?.(history) ?? model, limits).run(model.initial(key));
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #limits: SearchLimits;
  readonly #operations: readonly Operation<Input, Output>[];
  /** The operations without an answer by what they ask; within a kind in order of their calls. */
  readonly #kinds: readonly (readonly Operation<Input, Output>[])[];
  readonly #returns: readonly Return<Input, Output>[];
  /** Configurations that wait, by the return that they are at. */
  readonly #waiting: Configuration<State>[][] = [];
  readonly #visited = new Map<string, (readonly number[])[]>();
  #remembered = 0;
  #steps = 0;
  /** The furthest return that any order came to. */
  #furthest = 0;
  #accepted = false;

  constructor(history: History<Input, Output>, model: Model<State, Input, Output>, limits: SearchLimits) {
    this.#model = model;
    this.#limits = limits;
    // A read without an answer changed nothing and showed nothing.
    const relevant = history.filter(({ input, output }) => output !== null || !model.isRead(input));
    const sorted = relevant.toSorted((a, b) => a.calledAt - b.calledAt);
    this.#operations = sorted.filter(({ returnedAt }) => Number.isFinite(returnedAt));
    this.#kinds = groupByInput(sorted.filter(({ returnedAt }) => !Number.isFinite(returnedAt)));
    this.#returns = returnsOf(this.#operations, this.#kinds);
  }

  run(initial: State): SearchResult<State, Input, Output> {
    this.#arrive({ at: 0, state: initial, early: [], used: this.#kinds.map(() => 0) });
    let at = this.#furthest;
    const heads = this.#returns.map(() => 0);
    while (!this.#accepted && at >= 0) {
      const head = heads[at] ?? 0;
      const configuration = this.#waiting[at]?.[head];
      if (!configuration) {
        at--;
        continue;
      }
      if (this.#remembered > this.#limits.memoMax || this.#steps > this.#limits.stepsMax) {
        return { verdict: 'not-decided', steps: this.#steps };
      }
      heads[at] = head + 1;
      at = Math.max(at, this.#expand(configuration));
    }
    if (this.#accepted) return { verdict: 'linearizable', steps: this.#steps };
    return this.#failure();
  }

  #failure(): SearchResult<State, Input, Output> {
    const broken = this.#returns[this.#furthest];
    if (!broken) throw new Error('A history without a return is linearizable.');
    const states = new Map<string, State>();
    for (const { state } of this.#waiting[this.#furthest] ?? []) states.set(this.#model.encode(state), state);
    return {
      verdict: 'not-linearizable',
      steps: this.#steps,
      culprit: broken.value,
      states: [...states.values()],
    };
  }

  /** Puts each candidate next. @returns the furthest return that this led to */
  #expand(configuration: Configuration<State>): number {
    const current = this.#returns[configuration.at];
    if (!current) return configuration.at;
    let furthest = configuration.at;
    for (const place of current.candidates) {
      if (configuration.early.includes(place)) continue;
      const operation = this.#operations[place];
      if (!operation) continue;
      const early = place === current.operation ? configuration.early : inserted(configuration.early, place);
      for (const state of this.#step(configuration.state, operation)) {
        const at = place === current.operation ? configuration.at + 1 : configuration.at;
        furthest = Math.max(furthest, this.#arrive({ at, state, early, used: configuration.used }));
        if (this.#accepted) return furthest;
      }
    }
    this.#expandOpen(configuration, current);
    return furthest;
  }

  #expandOpen(configuration: Configuration<State>, current: Return<Input, Output>): void {
    const before = this.#model.encode(configuration.state);
    for (const [kind, called] of current.openCounts.entries()) {
      const usedOfKind = configuration.used[kind] ?? 0;
      const operation = this.#kinds[kind]?.[usedOfKind];
      if (!operation || usedOfKind >= called) continue;
      for (const state of this.#step(configuration.state, operation)) {
        // To happen without any effect is as good as never to happen.
        if (this.#model.encode(state) === before) continue;
        this.#arrive({ ...configuration, state, used: configuration.used.with(kind, usedOfKind + 1) });
      }
    }
  }

  #step(state: State, { input, output }: Operation<Input, Output>): readonly State[] {
    this.#steps++;
    return this.#model.step(state, input, output);
  }

  /** Passes the returns of what is in the order already, and waits at the next unless that was visited before. */
  #arrive({ at: from, state, early: earlier, used }: Configuration<State>): number {
    let at = from;
    let early = earlier;
    for (let next = this.#returns[at]; next && early.includes(next.operation); next = this.#returns[at]) {
      const { operation } = next;
      early = early.filter((place) => place !== operation);
      at++;
    }
    if (at === this.#returns.length) {
      this.#accepted = true;
      return at;
    }
    if (this.#wasVisited(`${at} ${early.join()} ${this.#model.encode(state)}`, used)) return from;
    this.#furthest = Math.max(this.#furthest, at);
    const waiting = this.#waiting[at];
    if (waiting) waiting.push({ at, state, early, used });
    else this.#waiting[at] = [{ at, state, early, used }];
    return at;
  }

  #wasVisited(name: string, used: readonly number[]): boolean {
    const visited = this.#visited.get(name);
    if (visited?.some((other) => other.every((count, kind) => count <= (used[kind] ?? 0)))) return true;
    if (visited) visited.push(used);
    else this.#visited.set(name, [used]);
    this.#remembered++;
    return false;
  }
}

function groupByInput<Input, Output>(
  operations: readonly Operation<Input, Output>[],
): readonly (readonly Operation<Input, Output>[])[] {
  const kinds = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const name = JSON.stringify(operation.input);
    const kind = kinds.get(name);
    if (kind) kind.push(operation);
    else kinds.set(name, [operation]);
  }
  return [...kinds.values()];
}

function returnsOf<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  kinds: readonly (readonly Operation<Input, Output>[])[],
): readonly Return<Input, Output>[] {
  const byReturn = operations
    .map((value, operation) => ({ value, operation }))
    .toSorted((a, b) => a.value.returnedAt - b.value.returnedAt);
  const openCounts = kinds.map(() => 0);
  let pending: number[] = [];
  let called = 0;
  return byReturn.map(({ value, operation }) => {
    for (; (operations[called]?.calledAt ?? Number.POSITIVE_INFINITY) < value.returnedAt; called++)
      pending.push(called);
    for (const [kind, ofKind] of kinds.entries()) {
      let count = openCounts[kind] ?? 0;
      while ((ofKind[count]?.calledAt ?? Number.POSITIVE_INFINITY) < value.returnedAt) count++;
      openCounts[kind] = count;
    }
    pending = pending.filter((place) => place !== operation);
    return { operation, value, candidates: [operation, ...pending], openCounts: [...openCounts] };
  });
}

function inserted(places: readonly number[], place: number): readonly number[] {
  return [...places, place].toSorted((a, b) => a - b);
}
