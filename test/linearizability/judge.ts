import type { History, Operation } from './history.ts';
import { involvedIn } from './involved.ts';
import type { Model } from './model.ts';
import { checkOrderedNumbers } from './ordered-numbers.ts';
import { defaultSearchLimits, type SearchLimits, search } from './search.ts';

/** Why a history has no order. */
export interface Violation<Input, Output> {
  /** The key, or the name of numbers that went back, such as `revision`. */
  readonly key: string;
  readonly reason: string;
  /** The operation with whose return no order is left: the history up to there is the smallest prefix that is wrong. */
  readonly culprit: Operation<Input, Output>;
  /** Operations without whose answers the rest could be ordered, the culprit among them; in order of their calls. */
  readonly involved: History<Input, Output>;
  /** What the object could have been just before the culprit returned, in words; empty for numbers that went back. */
  readonly states: readonly string[];
}

export type Verdict = 'linearizable' | 'not-linearizable' | 'not-decided';

export interface Judgement<Input, Output> {
  /** `not-linearizable` if any key is; else `not-decided` if any key is. */
  readonly verdict: Verdict;
  readonly violations: readonly Violation<Input, Output>[];
  /** Keys whose search came to its limits. */
  readonly undecidedKeys: readonly string[];
  readonly keys: number;
  readonly operations: number;
  /** Operations whose outcome nobody knows. */
  readonly unknownOutcomes: number;
  /** Steps of the model tried, over all keys. */
  readonly steps: number;
}

/**
 * Whether the operations can be put into one order that the model allows, each between its call and its return.
 * Each key is searched on its own; then numbers that the keys share are compared.
 */
export function judge<State, Input, Output>(
  history: History<Input, Output>,
  model: Model<State, Input, Output>,
  limits: Partial<SearchLimits> = {},
): Judgement<Input, Output> {
  const bounds = { ...defaultSearchLimits, ...limits };
  const violations: Violation<Input, Output>[] = [];
  const undecidedKeys: string[] = [];
  const parts = model.partition(history);
  let steps = 0;
  for (const [key, part] of parts) {
    const result = search(part, model, key, bounds);
    steps += result.steps;
    if (result.verdict === 'not-decided') undecidedKeys.push(key);
    if (result.verdict !== 'not-linearizable') continue;
    const { culprit, states } = result;
    violations.push({
      key,
      reason: `no order is left once ${culprit.process} has the answer to "${model.describeInput(culprit.input)}"`,
      culprit,
      involved: involvedIn(part, culprit, model, key),
      states: states.map((state) => model.describeState(state)),
    });
  }
  violations.push(...checkOrderedNumbers(history, model));
  return {
    verdict: violations.length > 0 ? 'not-linearizable' : undecidedKeys.length > 0 ? 'not-decided' : 'linearizable',
    violations,
    undecidedKeys,
    keys: parts.size,
    operations: history.length,
    unknownOutcomes: history.filter(({ output }) => output === null).length,
    steps,
  };
}
