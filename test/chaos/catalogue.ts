import type { Fault } from './fault.ts';
import { clientFaults } from './faults/clients.ts';
import { clockFaults } from './faults/clocks.ts';
import { diskFaults } from './faults/disks.ts';
import { networkFaults } from './faults/networks.ts';
import { processFaults } from './faults/processes.ts';

export const allFaults: readonly Fault[] = [
  ...processFaults,
  ...networkFaults,
  ...clientFaults,
  ...diskFaults,
  ...clockFaults,
];

/** @throws Error naming what is not known */
export function faultsNamed(names: readonly string[]): readonly Fault[] {
  return names.map((name) => {
    const found = allFaults.find((fault) => fault.name === name);
    if (found) return found;
    throw new Error(`There is no fault '${name}'. Known are ${allFaults.map((fault) => fault.name).join(', ')}.`);
  });
}
