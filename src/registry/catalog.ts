import { matches } from './filters.ts';
import type { Instance } from './machine.ts';
import type { Status } from './records.ts';
import type { InstanceFilter } from './service.ts';

const statusOrder: Readonly<Record<Status, number>> = { up: 0, unknown: 1, unhealthy: 2 };

export interface StatusCounts {
  readonly total: number;
  readonly up: number;
  readonly unhealthy: number;
  readonly unknown: number;
}

/**
 * The listed instances and the indexes over them. Every index holds lease ids, which last as long as a registration:
 * a heartbeat replaces one object in one map and touches no index.
 */
export class Catalog {
  /** By ascending lease id: a registration gets the greatest, and replacing a value keeps its place. */
  readonly #byLease = new Map<number, Instance>();
  readonly #byName = new Map<string, Map<string, number>>();
  readonly #byTag = new Map<string, Set<number>>();
  readonly #byDependency = new Map<string, Set<number>>();
  readonly #counts: Record<Status, number> = { up: 0, unhealthy: 0, unknown: 0 };
  #sortedNames: string[] | null = null;

  get size(): number {
    return this.#byLease.size;
  }

  counts(): StatusCounts {
    return { total: this.#byLease.size, ...this.#counts };
  }

  /** By ascending lease id. */
  all(): Iterable<Instance> {
    return this.#byLease.values();
  }

  byLease(leaseId: number): Instance | undefined {
    return this.#byLease.get(leaseId);
  }

  find(name: string, id: string): Instance | undefined {
    const leaseId = this.#byName.get(name)?.get(id);
    return leaseId === undefined ? undefined : this.#byLease.get(leaseId);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Lists a new lease. Any earlier one of the same instance must have been removed. */
  add(instance: Instance): void {
    const { name, id, metadata } = instance.registration;
    let ids = this.#byName.get(name);
    if (!ids) {
      ids = new Map();
      this.#byName.set(name, ids);
      this.#sortedNames = null;
    }
    ids.set(id, instance.leaseId);
    this.#byLease.set(instance.leaseId, instance);
    for (const tag of metadata.tags ?? []) addTo(this.#byTag, tag, instance.leaseId);
    for (const dependency of metadata.dependencies ?? []) addTo(this.#byDependency, dependency, instance.leaseId);
    this.#counts[instance.status]++;
  }

  /** Replaces an instance by its next version under the same lease. */
  replace(before: Instance, after: Instance): void {
    this.#byLease.set(after.leaseId, after);
    if (before.status === after.status) return;
    this.#counts[before.status]--;
    this.#counts[after.status]++;
  }

  remove(instance: Instance): void {
    const { name, id, metadata } = instance.registration;
    const ids = this.#byName.get(name);
    ids?.delete(id);
    if (ids?.size === 0) {
      this.#byName.delete(name);
      this.#sortedNames = null;
    }
    this.#byLease.delete(instance.leaseId);
    for (const tag of metadata.tags ?? []) removeFrom(this.#byTag, tag, instance.leaseId);
    for (const dependency of metadata.dependencies ?? []) removeFrom(this.#byDependency, dependency, instance.leaseId);
    this.#counts[instance.status]--;
  }

  /** Instances of one service that match, healthy ones first, then by id. */
  instancesOf(name: string, filter: InstanceFilter = {}): Instance[] {
    return this.#ofService(name)
      .filter((instance) => matches(instance, filter))
      .sort((a, b) => statusOrder[a.status] - statusOrder[b.status] || compare(a.registration.id, b.registration.id));
  }

  /** All that match, by name and id. Looks only at those that the most selective index offers. */
  select(filter: InstanceFilter): Instance[] {
    const indexed = this.#mostSelective(filter);
    if (indexed) {
      const found: Instance[] = [];
      for (const leaseId of indexed) {
        const instance = this.#byLease.get(leaseId);
        if (instance && matches(instance, filter)) found.push(instance);
      }
      return found.sort(byNameAndId);
    }
    const found: Instance[] = [];
    for (const name of this.#names()) {
      if (filter.name !== undefined && !name.startsWith(filter.name)) continue;
      const instances = this.#ofService(name).filter((instance) => matches(instance, filter));
      found.push(...instances.sort(byNameAndId));
    }
    return found;
  }

  #mostSelective(filter: InstanceFilter): ReadonlySet<number> | null {
    const sets: ReadonlySet<number>[] = [];
    const nothing: ReadonlySet<number> = new Set();
    for (const tag of filter.tags ?? []) sets.push(this.#byTag.get(tag) ?? nothing);
    if (filter.dependency !== undefined) sets.push(this.#byDependency.get(filter.dependency) ?? nothing);
    return sets.reduce<ReadonlySet<number> | null>((best, set) => (best && best.size <= set.size ? best : set), null);
  }

  #ofService(name: string): Instance[] {
    const found: Instance[] = [];
    for (const leaseId of this.#byName.get(name)?.values() ?? []) {
      const instance = this.#byLease.get(leaseId);
      if (instance) found.push(instance);
    }
    return found;
  }

  #names(): readonly string[] {
    this.#sortedNames ??= [...this.#byName.keys()].sort();
    return this.#sortedNames;
  }
}

function byNameAndId(a: Instance, b: Instance): number {
  return compare(a.registration.name, b.registration.name) || compare(a.registration.id, b.registration.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function addTo(index: Map<string, Set<number>>, key: string, leaseId: number): void {
  const leases = index.get(key);
  if (leases) leases.add(leaseId);
  else index.set(key, new Set([leaseId]));
}

function removeFrom(index: Map<string, Set<number>>, key: string, leaseId: number): void {
  const leases = index.get(key);
  leases?.delete(leaseId);
  if (leases?.size === 0) index.delete(key);
}
