import { describe, expect, test } from 'vitest';
import { type Draw, drawFrom, generateHistory } from './generate.ts';
import type { History } from './history.ts';
import { appendMapInputs, registerInputs, registryInputs } from './inputs.ts';
import { judge } from './judge.ts';
import type { Model } from './model.ts';
import { appendMapModel } from './models/append-map.ts';
import { registerModel } from './models/register.ts';
import { registryModel } from './models/registry.ts';
import { createAppendMap, createRegister, RegistryObject } from './objects.ts';

const seeds = 40;
const keys = ['a', 'b', 'c'] as const;

/** A history of each model from an object that works, with answers lost on the way. */
const generators = {
  register: (draw: Draw, operations: number) =>
    generateHistory({
      draw,
      processes: 5,
      operations,
      lost: 0.05,
      nextInput: registerInputs(draw, keys),
      apply: createRegister(),
    }),
  'append-map': (draw: Draw, operations: number) =>
    generateHistory({
      draw,
      processes: 5,
      operations,
      lost: 0.05,
      nextInput: appendMapInputs(draw, keys),
      apply: createAppendMap(),
    }),
  registry: (draw: Draw, operations: number) => {
    const registry = new RegistryObject();
    return generateHistory({
      draw,
      processes: 5,
      operations,
      lost: 0.05,
      nextInput: registryInputs(draw, ['web', 'db'], keys),
      apply: (input) => registry.apply(input),
      meddle: () => registry.meddle(draw),
    });
  },
};

describe('histories of an object that keeps to its specification', () => {
  test('are accepted: registers', () => acceptAll(generators.register, registerModel));
  test('are accepted: maps with append', () => acceptAll(generators['append-map'], appendMapModel));
  test('are accepted: the registry itself, with expiries and cold starts', () =>
    acceptAll(generators.registry, registryModel()));
});

describe('the same histories, with the answers of two reads of one key exchanged', () => {
  test('are mostly refused: registers', () => refuseMost(generators.register, registerModel));
  test('are mostly refused: maps with append', () => refuseMost(generators['append-map'], appendMapModel));
  test('are mostly refused: the registry', () => refuseMost(generators.registry, registryModel()));
});

type Generate<Input, Output> = (draw: Draw, operations: number) => History<Input, Output>;

function acceptAll<State, Input, Output>(generate: Generate<Input, Output>, model: Model<State, Input, Output>): void {
  for (let seed = 1; seed <= seeds; seed++) {
    const history = generate(drawFrom(seed), 300);
    const { verdict, violations } = judge(history, model);
    expect({ seed, verdict, violations }).toEqual({ seed, verdict: 'linearizable', violations: [] });
  }
}

function refuseMost<State, Input, Output>(generate: Generate<Input, Output>, model: Model<State, Input, Output>): void {
  let exchanged = 0;
  let refused = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const draw = drawFrom(seed);
    const history = exchangeTwoReads(generate(draw, 300), model, draw);
    if (!history) continue;
    exchanged++;
    const { verdict, violations } = judge(history, model);
    if (verdict === 'not-linearizable') refused++;
    for (const { involved, culprit } of violations) expect(involved).toContain(culprit);
  }
  expect(exchanged).toBeGreaterThan(seeds * 0.9);
  expect(refused).toBeGreaterThan(exchanged * 0.9);
}

/** Two reads that asked the same, far from each other, and were answered differently. */
function exchangeTwoReads<State, Input, Output>(
  history: History<Input, Output>,
  model: Model<State, Input, Output>,
  draw: Draw,
): History<Input, Output> | null {
  const asks = ({ input }: { readonly input: Input }) => JSON.stringify(input);
  const shows = ({ output }: { readonly output: Output | null }) => JSON.stringify(output);
  const reads = history.filter(({ input, output }) => model.isRead(input) && output !== null);
  for (let attempt = 0; attempt < 100; attempt++) {
    const one = reads[Math.floor(draw() * reads.length)];
    const other = reads.find(
      (read) => one && asks(read) === asks(one) && shows(read) !== shows(one) && read.calledAt > one.returnedAt + 100,
    );
    if (!one || !other) continue;
    return history.map((operation) => {
      if (operation === one) return { ...operation, output: other.output };
      return operation === other ? { ...operation, output: one.output } : operation;
    });
  }
  return null;
}
