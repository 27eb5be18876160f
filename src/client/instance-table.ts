import type { InstanceRecord, Status } from '../registry/records.ts';

const healthOrder: Readonly<Record<Status, number>> = { up: 0, unknown: 1, unhealthy: 2 };

const none: readonly InstanceRecord[] = Object.freeze([]);

/** Instances by service. A list that was handed out is never changed: it is made anew after a change, when it is asked for. */
export class InstanceTable {
  readonly #services = new Map<string, Map<string, InstanceRecord>>();
  readonly #lists = new Map<string, readonly InstanceRecord[]>();
  #size = 0;

  /** Instances in all. */
  get size(): number {
    return this.#size;
  }

  /** Services that have an instance, sorted. */
  get names(): readonly string[] {
    return [...this.#services.keys()].sort();
  }

  find(name: string, id: string): InstanceRecord | null {
    return this.#services.get(name)?.get(id) ?? null;
  }

  set(record: InstanceRecord): void {
    const { name, id } = record;
    let service = this.#services.get(name);
    if (!service) {
      service = new Map();
      this.#services.set(name, service);
    }
    if (!service.has(id)) this.#size++;
    service.set(id, record);
    this.#lists.delete(name);
  }

  delete(name: string, id: string): void {
    const service = this.#services.get(name);
    if (!service?.delete(id)) return;
    this.#size--;
    this.#lists.delete(name);
    if (service.size === 0) this.#services.delete(name);
  }

  /** Those of one service, as a read of the registry has them: healthy ones first, then by id. */
  get(name: string): readonly InstanceRecord[] {
    const known = this.#lists.get(name);
    if (known) return known;
    const service = this.#services.get(name);
    if (!service) return none;
    const list = Object.freeze([...service.values()].sort(byHealth));
    this.#lists.set(name, list);
    return list;
  }

  *[Symbol.iterator](): Generator<InstanceRecord, void> {
    for (const service of this.#services.values()) yield* service.values();
  }
}

function byHealth(a: InstanceRecord, b: InstanceRecord): number {
  return healthOrder[a.status] - healthOrder[b.status] || (a.id < b.id ? -1 : 1);
}
