import { drawFrom, generateHistory } from '../test/linearizability/generate.ts';
import { registerInputs, registryInputs } from '../test/linearizability/inputs.ts';
import { judge } from '../test/linearizability/judge.ts';
import { registerModel } from '../test/linearizability/models/register.ts';
import { registryModel } from '../test/linearizability/models/registry.ts';
import { createRegister, RegistryObject } from '../test/linearizability/objects.ts';

/**
 * Times the judge on 100,000 operations over 500 keys, a history of registers and one of the registry:
 * `node --import ./scripts/run-typescript.mjs scripts/judge-speed.ts`. Not a test: it depends on the machine.
 */
const operations = 100_000;
const common = { processes: 20, operations, lost: 0.002 };

const registers = () => {
  const draw = drawFrom(1);
  const nextInput = registerInputs(draw, ['key-0', ...names('key', 499)]);
  return generateHistory({ ...common, draw, nextInput, apply: createRegister() });
};

const registry = () => {
  const draw = drawFrom(2);
  const object = new RegistryObject();
  const nextInput = registryInputs(draw, ['service-0', ...names('service', 99)], ['a', 'b', 'c', 'd', 'e']);
  return generateHistory({
    ...common,
    draw,
    nextInput,
    apply: (input) => object.apply(input),
    meddle: () => object.meddle(draw),
  });
};

function names(stem: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${stem}-${i + 1}`);
}

function time(
  what: string,
  run: () => { readonly verdict: string; readonly keys: number; readonly steps: number },
): void {
  const startedMs = performance.now();
  const { verdict, keys, steps } = run();
  const durationMs = Math.round(performance.now() - startedMs);
  console.log(`${what}: ${verdict}, ${operations} operations, ${keys} keys, ${steps} steps, ${durationMs} ms`);
}

const registerHistory = registers();
const registryHistory = registry();
time('registers', () => judge(registerHistory, registerModel));
time('registry', () => judge(registryHistory, registryModel()));
