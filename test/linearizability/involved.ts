import type { History, Operation } from './history.ts';
import type { Model } from './model.ts';
import { type SearchLimits, search } from './search.ts';

/** Small: this is for the reader's comfort, and an operation too many in the answer does no harm. */
const limits: SearchLimits = { memoMax: 20_000, stepsMax: 200_000 };
const searchesMax = 400;

/**
 * Of a history that cannot be ordered, the operations whose answers contradict each other. All others are excused (a read
 * is forgotten, a write becomes one without an answer), which only ever makes a history easier to order, so that
 * what is still without an order after that is so by the operations that are left.
 */
export function involvedIn<State, Input, Output>(
  history: History<Input, Output>,
  culprit: Operation<Input, Output>,
  model: Model<State, Input, Output>,
  key: string,
): History<Input, Output> {
  const prefix = history.filter(({ calledAt }) => calledAt < culprit.returnedAt);
  const excused = new Set<Operation<Input, Output>>();
  let searches = 0;
  const isStillWrong = (more: History<Input, Output>): boolean => {
    if (++searches > searchesMax) return false;
    const trial = new Set([...excused, ...more]);
    return search(excuse(prefix, trial, model), model, key, limits).verdict === 'not-linearizable';
  };
  // By halves, as most operations of a long history have nothing to do with it.
  const tryToExcuse = (some: History<Input, Output>): void => {
    if (some.length === 0) return;
    if (isStillWrong(some)) {
      for (const operation of some) excused.add(operation);
      return;
    }
    if (some.length === 1) return;
    const middle = some.length >>> 1;
    tryToExcuse(some.slice(0, middle));
    tryToExcuse(some.slice(middle));
  };
  tryToExcuse(prefix.filter((operation) => operation !== culprit));
  return prefix.filter((operation) => !excused.has(operation) && operation.output !== null);
}

function excuse<State, Input, Output>(
  history: History<Input, Output>,
  excused: ReadonlySet<Operation<Input, Output>>,
  model: Model<State, Input, Output>,
): History<Input, Output> {
  return history.flatMap((operation) => {
    if (!excused.has(operation)) return [operation];
    if (model.isRead(operation.input)) return [];
    return [{ ...operation, output: null, returnedAt: Number.POSITIVE_INFINITY, returnedMs: null }];
  });
}
