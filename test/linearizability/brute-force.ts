import type { History } from './history.ts';
import type { Model } from './model.ts';

/**
 * The definition of linearizability, tried out: every order of one key's operations that real time allows, with each operation
 * without an answer in or out. No memory and no shortcuts, so only for a handful of operations; the search is
 * compared with this.
 */
export function isLinearizableByForce<State, Input, Output>(
  history: History<Input, Output>,
  model: Model<State, Input, Output>,
  key: string,
): boolean {
  const goOn = (state: State, left: History<Input, Output>): boolean => {
    if (left.every(({ returnedAt }) => !Number.isFinite(returnedAt))) return true;
    const firstReturn = Math.min(...left.map(({ returnedAt }) => returnedAt));
    return left.some((operation) => {
      if (operation.calledAt > firstReturn) return false;
      const rest = left.filter((other) => other !== operation);
      return model.step(state, operation.input, operation.output).some((next) => goOn(next, rest));
    });
  };
  return goOn(model.initial(key), history);
}
