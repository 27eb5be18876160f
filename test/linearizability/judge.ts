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

/** Why a history has no order. */
export interface Violation<Input, Output> {
  /** The key, or the name of numbers that went back, such as `revision`. */
  readonly key: string;
  readonly reason: string;
  /** The operation with whose return no order is left: the history up to there is the smallest prefix that is wrong. */
  readonly culprit: Operation<Input, Output>;
  /** Operations without whose answers the rest could be ordered, the culprit among them; in order of their calls. */
  readonly involved: History<Input, Output>;
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

export function judge<State, Input, Output>(
  _history: History<Input, Output>,
  _model: Model<State, Input, Output>,
  _limits: Partial<SearchLimits> = {},
): Judgement<Input, Output> {
  throw new Error('not there yet');
}
