import { matches } from './filters.ts';
import type { Instance } from './machine.ts';
import type { Status } from './records.ts';
import type { InstanceFilter, InstanceKey } from './service.ts';
import { lowerBound, SortedKeys } from './sorted-keys.ts';

/** An index that offers more than this part of all instances saves less than sorting its offer costs. */
const usefulShare = 1 / 16;

/** Lease ids begin at 1. */
const noLease = 0;

export interface StatusCounts {
  readonly total: number;
  readonly up: number;
  readonly unhealthy: number;
  readonly unknown: number;
}

export interface Selection {
  readonly instances: readonly Instance[];
  /** Matches in all, before the page was cut out. */
  readonly total: number;
  /** There are more behind these. */
  readonly hasMore: boolean;
}

/** One service's instances. */
interface Service {
  readonly leaseOf: Map<string, number>;
  readonly ids: SortedKeys;
}

/**
 * The listed instances and the indexes over them. Every index holds lease ids, which last as long as a registration:
 * a heartbeat replaces one object in one map and touches no index.
 */
export class Catalog {
  /** By ascending lease id: a registration gets the greatest, and replacing a value keeps its place. */
  readonly #byLease = new Map<number, Instance>();
  readonly #services = new Map<string, Service>();
  readonly #names = new SortedKeys();
  readonly #byTag = new Map<string, Set<number>>();
  readonly #byDependency = new Map<string, Set<number>>();
  readonly #counts: Record<Status, number> = { up: 0, unhealthy: 0, unknown: 0 };

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
    return this.#byLease.get(this.#services.get(name)?.leaseOf.get(id) ?? noLease);
  }

  has(name: string): boolean {
    return this.#services.has(name);
  }

  /** Lists a new lease. Any earlier one of the same instance must have been removed. */
  add(instance: Instance): void {
    const { name, id, metadata } = instance.registration;
    let service = this.#services.get(name);
    if (!service) {
      service = { leaseOf: new Map(), ids: new SortedKeys() };
      this.#services.set(name, service);
      this.#names.add(name);
    }
    service.leaseOf.set(id, instance.leaseId);
    service.ids.add(id);
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
    const service = this.#services.get(name);
    // A removal that finds nothing would put the counts wrong for good.
    if (service?.leaseOf.get(id) !== instance.leaseId) throw new Error(`Lease ${instance.leaseId} is not listed.`);
    service.leaseOf.delete(id);
    service.ids.delete(id);
    if (service.leaseOf.size === 0) {
      this.#services.delete(name);
      this.#names.delete(name);
    }
    this.#byLease.delete(instance.leaseId);
    for (const tag of metadata.tags ?? []) removeFrom(this.#byTag, tag, instance.leaseId);
    for (const dependency of metadata.dependencies ?? []) removeFrom(this.#byDependency, dependency, instance.leaseId);
    this.#counts[instance.status]--;
  }

  /** Instances of one service that match, healthy ones first, then by id. */
  instancesOf(name: string, filter: InstanceFilter = {}): Instance[] {
    const found: Record<Status, Instance[]> = { up: [], unknown: [], unhealthy: [] };
    for (const instance of this.#ofService(name, filter.instance_id)) {
      if (matches(instance, filter)) found[instance.status].push(instance);
    }
    return [...found.up, ...found.unknown, ...found.unhealthy];
  }

  /** A page of all that match, by name and id. Looks at no more instances than the indexes cannot rule out. */
  select(filter: InstanceFilter, limit: number, offset: number, after?: InstanceKey): Selection {
    const instances: Instance[] = [];
    const knownTotal = after === undefined ? this.#knownTotal(filter) : null;
    if (knownTotal !== null && offset >= knownTotal) return { instances, total: knownTotal, hasMore: false };
    let total = 0;
    let reached = 0;
    for (const instance of this.#candidates(filter)) {
      if (!matches(instance, filter)) continue;
      total++;
      if (after !== undefined && compareKeys(instance.registration, after) <= 0) continue;
      if (reached++ >= offset && instances.length < limit) instances.push(instance);
      if (knownTotal !== null && instances.length === limit) break;
    }
    const hasMore = offset + instances.length < (knownTotal ?? reached);
    return { instances, total: knownTotal ?? total, hasMore };
  }

  /** How many match, where the counts tell without looking at any: then a page is found without reading to the end. */
  #knownTotal({ status, ...others }: InstanceFilter): number | null {
    if (Object.values(others).some((condition) => condition !== undefined)) return null;
    if (status === undefined) return this.#byLease.size;
    return status === 'down' ? 0 : this.#counts[status];
  }

  /** All that may match and perhaps others, by name and id. */
  #candidates(filter: InstanceFilter): Iterable<Instance> {
    const indexed = this.#mostSelective(filter);
    if (!indexed || indexed.size > this.#byLease.size * usefulShare) return this.#inOrder(filter);
    const offered: Instance[] = [];
    for (const leaseId of indexed) {
      const instance = this.#byLease.get(leaseId);
      if (instance && matches(instance, filter)) offered.push(instance);
    }
    return offered.sort(byNameAndId);
  }

  #mostSelective(filter: InstanceFilter): ReadonlySet<number> | null {
    const sets: ReadonlySet<number>[] = [];
    const nothing: ReadonlySet<number> = new Set();
    for (const tag of filter.tags ?? []) sets.push(this.#byTag.get(tag) ?? nothing);
    if (filter.dependency !== undefined) sets.push(this.#byDependency.get(filter.dependency) ?? nothing);
    return sets.reduce<ReadonlySet<number> | null>((best, set) => (best && best.size <= set.size ? best : set), null);
  }

  *#inOrder({ service, name: prefix = '', instance_id }: InstanceFilter): Iterable<Instance> {
    if (service !== undefined) {
      yield* this.#ofService(service, instance_id);
      return;
    }
    const names = this.#names.all();
    for (let position = lowerBound(names, prefix); position < names.length; position++) {
      const name = names[position];
      if (!name?.startsWith(prefix)) return;
      yield* this.#ofService(name, instance_id);
    }
  }

  /** By id; only the one with `id` where one is given. */
  *#ofService(name: string, id?: string): Iterable<Instance> {
    const service = this.#services.get(name);
    if (!service) return;
    for (const known of id === undefined ? service.ids.all() : [id]) {
      const instance = this.byLease(service.leaseOf.get(known) ?? noLease);
      if (instance) yield instance;
    }
  }
}

function byNameAndId(a: Instance, b: Instance): number {
  return compareKeys(a.registration, b.registration);
}

function compareKeys(a: InstanceKey, b: InstanceKey): number {
  return compare(a.name, b.name) || compare(a.id, b.id);
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
