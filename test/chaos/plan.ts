import { SimulatedRandom } from '../simulation/random.ts';
import type { Fault } from './fault.ts';

/** Faults that leave every process alone, so that they may accompany another kind of fault. */
const companions: ReadonlySet<string> = new Set(['slow-network', 'slow-clients', 'passing-clients', 'clock-jumps']);

const companionChance = 0.25;

const lastsMs = { least: 2_000, most: 6_000 };
const restMs = { least: 500, most: 2_000 };

/** One fault, perhaps with another beside it that breaks no member, and how long each part lasts. */
export interface Step {
  readonly number: number;
  readonly faults: readonly Fault[];
  readonly lastsMs: number;
  /** After everything is well again. */
  readonly restMs: number;
}

/**
 * Steps without end. Every fault comes once before one comes again, in an order that the seed decides, as it decides
 * all that the faults choose; so one seed plans the same run each time. How the processes run is not in its hands.
 */
export function* plan(seed: string, faults: readonly Fault[]): Generator<Step, never> {
  const random = new SimulatedRandom(`${seed}/plan`);
  if (faults.length === 0) throw new RangeError('There are no faults to plan with.');
  for (let number = 1; ; ) {
    for (const fault of random.shuffled(faults)) {
      const fitting = faults.filter(({ name, kind }) => companions.has(name) && kind !== fault.kind);
      const hasCompanion = random.chance(companionChance) && fitting.length > 0;
      yield {
        number: number++,
        faults: hasCompanion ? [random.pick(fitting), fault] : [fault],
        lastsMs: Math.round(random.between(lastsMs.least, lastsMs.most)),
        restMs: Math.round(random.between(restMs.least, restMs.most)),
      };
    }
  }
}

/** What a fault of a step chooses by. */
export function randomOf(seed: string, { number }: Step, { name }: Fault): SimulatedRandom {
  return new SimulatedRandom(`${seed}/step-${number}/${name}`);
}
