import { z } from 'zod';
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

/** A list a key, empty at first. An append that is applied twice or lost shows in every list that is read later. */
export const appendMapModel: Model<List, AppendMapInput, AppendMapOutput> = {
  name: 'append-map',
  input: appendMapInput,
  output: ({ type }): z.ZodType<AppendMapOutput> => outputs[type],
  partition: (history) => partitionBy(history, (input) => input.key),
  initial: () => [],
  step: (state, input, output) => {
    if (input.type === 'put') return [input.value];
    if (input.type === 'append') return [[...state, input.item]];
    return output === null || (output.type === 'value' && sameList(output.value, state)) ? [state] : [];
  },
  encode: (state) => JSON.stringify(state),
  isRead: ({ type }) => type === 'get',
  describeInput: (input) => {
    if (input.type === 'get') return `get ${input.key}`;
    return `${input.type} ${input.key} ${JSON.stringify(input.type === 'put' ? input.value : input.item)}`;
  },
  describeOutput: (output) => (output.type === 'value' ? JSON.stringify(output.value) : output.type),
  describeState: (state) => JSON.stringify(state),
};

function sameList(a: List, b: List): boolean {
  return a.length === b.length && a.every((item, position) => item === b[position]);
}
