import type { InstanceRecord } from '../registry/records.ts';

/** Chooses instances in turn, for each service by itself. */
export class Rotation {
  readonly #turns = new Map<string, number>();

  /**
   * An instance that is up, one after another. Where none is, one that is `unknown`: after a cold start the registry says
   * that of all until they report, and most of them are well.
   * @param instances of one service
   * @returns `null` where all are unhealthy, or there is none
   */
  choose(instances: readonly InstanceRecord[]): InstanceRecord | null {
    for (const wanted of ['up', 'unknown'] as const) {
      const usable = instances.filter(({ status }) => status === wanted);
      const [first] = usable;
      if (!first) continue;
      const turn = this.#turns.get(first.name) ?? Math.floor(Math.random() * usable.length);
      this.#turns.set(first.name, turn + 1);
      return usable[turn % usable.length] ?? first;
    }
    return null;
  }
}
