import type { z } from 'zod';
import type { History, Operation } from './history.ts';

/**
 * What a sequential object does: the specification that a history is held against. A state is immutable. A model may
 * be nondeterministic, which is how changes that no client asked for are written.
 */
export interface Model<State, Input, Output> {
  readonly name: string;
  /** Shape of an operation in a history file. */
  readonly input: z.ZodType<Input>;
  /** Shape of this operation's result in a history file. */
  output(input: Input): z.ZodType<Output>;
  /**
   * Histories that can be judged apart from each other: if each has an order, they have one together (Herlihy and
   * Wing's locality). An operation over several objects may be split into one for each.
   */
  partition(history: History<Input, Output>): ReadonlyMap<string, History<Input, Output>>;
  initial(key: string): State;
  /**
   * The same model, for one key's history only: states that no answer in it can tell apart may become one. That saves
   * the search from visiting them all.
   */
  forHistory?(history: History<Input, Output>): Model<State, Input, Output>;
  /**
   * States that may follow. Empty: the object never answers so in this state.
   * @param output `null`: no answer came, so any will do
   */
  step(state: State, input: Input, output: Output | null): readonly State[];
  /** Equal for equal states and for no others. */
  encode(state: State): string;
  /** Whether the operation changes nothing, whatever it answers: without an answer it is of no account. */
  isRead(input: Input): boolean;
  describeInput(input: Input): string;
  describeOutput(output: Output): string;
  describeState(state: State): string;
  /** Numbers in the answer that may not go back in real time, over all keys; see `ordered-numbers.ts`. */
  orderedNumbers?(input: Input, output: Output): readonly OrderedNumber[];
}

export interface OrderedNumber {
  /** Such as `revision`: numbers of one name are compared with each other. */
  readonly name: string;
  readonly value: number;
  /** Made by this operation: greater than every one seen before its call, and given to no other. Else: at least as great. */
  readonly isNew: boolean;
}

/** Splits a history whose operations have one key each. */
export function partitionBy<Input, Output>(
  history: History<Input, Output>,
  keyOf: (input: Input) => string,
): ReadonlyMap<string, History<Input, Output>> {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    const key = keyOf(operation.input);
    const part = parts.get(key);
    if (part) part.push(operation);
    else parts.set(key, [operation]);
  }
  return parts;
}
