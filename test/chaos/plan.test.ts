import { describe, expect, test } from 'vitest';
import { allFaults, faultsNamed } from './catalogue.ts';
import { plan, randomOf, type Step } from './plan.ts';

function steps(seed: string, count: number): Step[] {
  const planned = plan(seed, allFaults);
  return Array.from({ length: count }, () => planned.next().value);
}

const told = ({ faults, lastsMs, restMs }: Step) => [faults.map(({ name }) => name), lastsMs, restMs];

describe('a plan of faults', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(steps('a', 100).map(told)).toEqual(steps('a', 100).map(told));
    expect(steps('a', 100).map(told)).not.toEqual(steps('b', 100).map(told));
  });

  test('has every fault once before one comes again', () => {
    const names = steps('c', 3 * allFaults.length).map(({ faults }) => faults.at(-1)?.name);
    for (let round = 0; round < 3; round++) {
      const inRound = names.slice(round * allFaults.length, (round + 1) * allFaults.length);
      expect(new Set(inRound).size).toBe(allFaults.length);
    }
  });

  test('puts beside a fault only what breaks no member, and never two of one kind', () => {
    const pairs = steps('d', 400).filter(({ faults }) => faults.length > 1);
    expect(pairs.length).toBeGreaterThan(40);
    for (const { faults } of pairs) {
      const [companion, fault] = faults;
      expect(['slow-network', 'slow-clients', 'passing-clients', 'clock-jumps']).toContain(companion?.name);
      expect(companion?.kind).not.toBe(fault?.kind);
    }
  });

  test('gives each fault of each step a source of chance that does not depend on the others', () => {
    const [first, second] = steps('e', 2);
    if (!first || !second) throw new Error('there are two');
    const [fault] = first.faults;
    if (!fault) throw new Error('there is one');
    expect(randomOf('e', first, fault).hex(16)).toBe(randomOf('e', first, fault).hex(16));
    expect(randomOf('e', first, fault).hex(16)).not.toBe(randomOf('e', second, fault).hex(16));
  });
});

test('a fault that is not known is refused with the names of those that are', () => {
  expect(faultsNamed(['kill-all']).map(({ name }) => name)).toEqual(['kill-all']);
  expect(() => faultsNamed(['kill-al'])).toThrow(/'kill-al'.*kill-leader/);
});
