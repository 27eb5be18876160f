import { z } from 'zod';
import type { History } from '../history.ts';
import { type Model, partitionBy } from '../model.ts';

const item = z.union([z.string(), z.number()]);
const list = z.array(item);
const key = z.string();

const appendMapInput = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('put'), key, value: list }),
  z.strictObject({ type: z.literal('append'), key, item }),
  z.strictObject({ type: z.literal('get'), key }),
]);

const outputs = {
  put: z.strictObject({ type: z.literal('ok') }),
  append: z.strictObject({ type: z.literal('ok') }),
  get: z.strictObject({ type: z.literal('value'), value: list }),
} as const;

export type AppendMapInput = z.infer<typeof appendMapInput>;
export type AppendMapOutput = { [Type in keyof typeof outputs]: z.infer<(typeof outputs)[Type]> }[keyof typeof outputs];

type List = readonly (string | number)[];

/** `unseen`: some list that is no beginning of any that the history shows, so that which one makes no difference. */
type ListState = List | 'unseen';

type AppendMapModel = Model<ListState, AppendMapInput, AppendMapOutput>;

/** A list a key, empty at first. An append that is applied twice or lost shows in every list that is read later. */
export const appendMapModel: AppendMapModel = {
  name: 'append-map',
  input: appendMapInput,
  output: ({ type }): z.ZodType<AppendMapOutput> => outputs[type],
  partition: (history) => partitionBy(history, (input) => input.key),
  initial: () => [],
  step,
  forHistory,
  encode: (state) => JSON.stringify(state),
  isRead: ({ type }) => type === 'get',
  describeInput: (input) => {
    if (input.type === 'get') return `get ${input.key}`;
    return `${input.type} ${input.key} ${JSON.stringify(input.type === 'put' ? input.value : input.item)}`;
  },
  describeOutput: (output) => (output.type === 'value' ? JSON.stringify(output.value) : output.type),
  describeState: (state) => (state === 'unseen' ? 'a list that no answer shows' : JSON.stringify(state)),
};

function step(state: ListState, input: AppendMapInput, output: AppendMapOutput | null): readonly ListState[] {
  if (input.type === 'put') return [input.value];
  if (input.type === 'append') return [state === 'unseen' ? state : [...state, input.item]];
  if (output === null) return [state];
  return state !== 'unseen' && output.type === 'value' && sameList(output.value, state) ? [state] : [];
}

/**
 * Appends without an answer could be in the list in any order. A list only grows until it is put anew, so one that does not
 * begin as some list that was read will never be read: all of these are one state.
 */
function forHistory(history: History<AppendMapInput, AppendMapOutput>): AppendMapModel {
  const seen = new Beginnings();
  for (const { output } of history) if (output?.type === 'value') seen.add(output.value);
  return {
    ...appendMapModel,
    step: (state, input, output) =>
      step(state, input, output).map((next) => (next !== 'unseen' && seen.has(next) ? next : 'unseen')),
  };
}

/** A set of lists with all their beginnings, as a tree. */
class Beginnings {
  readonly #next = new Map<string | number, Beginnings>();

  add(list: List): void {
    let node: Beginnings = this;
    for (const item of list) {
      const next = node.#next.get(item) ?? new Beginnings();
      node.#next.set(item, next);
      node = next;
    }
  }

  has(list: List): boolean {
    let node: Beginnings = this;
    for (const item of list) {
      const next = node.#next.get(item);
      if (!next) return false;
      node = next;
    }
    return true;
  }
}

function sameList(a: List, b: List): boolean {
  return a.length === b.length && a.every((item, position) => item === b[position]);
}
