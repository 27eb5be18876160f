import { z } from 'zod';
import { type Model, partitionBy } from '../model.ts';

const value = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const key = z.string().optional();

const registerInput = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('write'), key, value }),
  z.strictObject({ type: z.literal('read'), key }),
  /** Writes `to` if the register holds `from`. */
  z.strictObject({ type: z.literal('compare-and-set'), key, from: value, to: value }),
]);

const outputs = {
  write: z.strictObject({ type: z.literal('ok') }),
  read: z.strictObject({ type: z.literal('value'), value }),
  'compare-and-set': z.strictObject({ type: z.enum(['ok', 'other']) }),
} as const;

export type RegisterValue = z.infer<typeof value>;
export type RegisterInput = z.infer<typeof registerInput>;
export type RegisterOutput = { [Type in keyof typeof outputs]: z.infer<(typeof outputs)[Type]> }[keyof typeof outputs];

/** A register a key, `null` at first. Operations without a key are about one and the same. */
export const registerModel: Model<RegisterValue, RegisterInput, RegisterOutput> = {
  name: 'register',
  input: registerInput,
  output: ({ type }): z.ZodType<RegisterOutput> => outputs[type],
  partition: (history) => partitionBy(history, (input) => input.key ?? ''),
  initial: () => null,
  step: (state, input, output) => {
    switch (input.type) {
      case 'write':
        return [input.value];
      case 'read':
        return output === null || (output.type === 'value' && output.value === state) ? [state] : [];
      case 'compare-and-set': {
        const isSet = state === input.from;
        if (output !== null && output.type !== (isSet ? 'ok' : 'other')) return [];
        return [isSet ? input.to : state];
      }
    }
  },
  encode: (state) => JSON.stringify(state),
  isRead: ({ type }) => type === 'read',
  describeInput: (input) => {
    const where = input.key === undefined ? '' : `${input.key} `;
    if (input.type === 'read') return `read ${where}`.trim();
    if (input.type === 'write') return `write ${where}${JSON.stringify(input.value)}`;
    return `compare-and-set ${where}${JSON.stringify(input.from)} to ${JSON.stringify(input.to)}`;
  },
  describeOutput: (output) => (output.type === 'value' ? JSON.stringify(output.value) : output.type),
  describeState: (state) => JSON.stringify(state),
};
