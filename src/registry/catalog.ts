import { matches } from './filters.ts';
import type { Instance } from './machine.ts';
import type { QueryableStatus, Status } from './records.ts';
import type { InstanceFilter, InstanceKey } from './service.ts';
import { lowerBound, SortedKeys } from './sorted-keys.ts';
import { ValueIndexes } from './value-indexes.ts';

/** Instances looked at in one go: what takes more of them is done in slices, so that nothing else waits for it. */
const defaultSliceLooks = 2_000;

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
  readonly entries: Map<string, Entry>;
  readonly ids: SortedKeys;
  /** The entries by id, kept until one comes or goes. */
  sorted: readonly Entry[] | null;
}

/**
 * One registration's place in the catalog. It lasts as long as its lease, so a heartbeat replaces one field and touches
 * no index.
 */
interface Entry {
  instance: Instance;
  readonly service: Service;
}

/**
 * The listed instances and the indexes over them.
 *
 * A page is found in one of three ways: whole services are skipped by their numbers; few matches are taken from the
 * narrowest index and sorted; else all instances are looked at in order, in slices. Instances never change, so the
 * references that are taken at the beginning are one state, whatever happens between two slices.
 */
export class Catalog {
  /** By ascending lease id: a registration gets the greatest. */
  readonly #byLease = new Map<number, Entry>();
  readonly #services = new Map<string, Service>();
  readonly #names = new SortedKeys();
  readonly #byStatus: Readonly<Record<QueryableStatus, Set<Entry>>> = {
    up: new Set(),
    unhealthy: new Set(),
    unknown: new Set(),
    down: new Set(),
  };
  readonly #byValue = new ValueIndexes<Entry>();
  readonly #sliceLooks: number;

  constructor(sliceLooks = defaultSliceLooks) {
    this.#sliceLooks = sliceLooks;
  }

  get size(): number {
    return this.#byLease.size;
  }

  counts(): StatusCounts {
    const { up, unhealthy, unknown } = this.#byStatus;
    return { total: this.#byLease.size, up: up.size, unhealthy: unhealthy.size, unknown: unknown.size };
  }

  /** By ascending lease id. */
  *all(): Iterable<Instance> {
    for (const { instance } of this.#byLease.values()) yield instance;
  }

  byLease(leaseId: number): Instance | undefined {
    return this.#byLease.get(leaseId)?.instance;
  }

  find(name: string, id: string): Instance | undefined {
    return this.#services.get(name)?.entries.get(id)?.instance;
  }

  has(name: string): boolean {
    return this.#services.has(name);
  }

  /** Lists a new lease. Any earlier one of the same instance must have been removed. */
  add(instance: Instance): void {
    const { name, id } = instance.registration;
    let service = this.#services.get(name);
    if (!service) {
      service = { entries: new Map(), ids: new SortedKeys(), sorted: null };
      this.#services.set(name, service);
      this.#names.add(name);
    }
    const entry: Entry = { instance, service };
    service.entries.set(id, entry);
    service.ids.add(id);
    service.sorted = null;
    this.#byLease.set(instance.leaseId, entry);
    this.#byStatus[instance.status].add(entry);
    this.#byValue.add(instance.registration, entry);
  }

  /** Replaces an instance by its next version under the same lease. */
  replace(before: Instance, after: Instance): void {
    const entry = this.#byLease.get(after.leaseId);
    if (!entry) throw new Error(`Lease ${after.leaseId} is not listed.`);
    entry.instance = after;
    if (before.status === after.status) return;
    this.#byStatus[before.status].delete(entry);
    this.#byStatus[after.status].add(entry);
  }

  remove({ leaseId, registration, status }: Instance): void {
    const { name, id } = registration;
    const service = this.#services.get(name);
    const entry = service?.entries.get(id);
    // A removal that finds nothing would put the counts wrong for good.
    if (!service || entry?.instance.leaseId !== leaseId) throw new Error(`Lease ${leaseId} is not listed.`);
    service.entries.delete(id);
    service.ids.delete(id);
    service.sorted = null;
    if (service.entries.size === 0) {
      this.#services.delete(name);
      this.#names.delete(name);
    }
    this.#byLease.delete(leaseId);
    this.#byStatus[status].delete(entry);
    this.#byValue.remove(registration, entry);
  }

  /** Instances of one service that match, healthy ones first, then by id. */
  instancesOf(name: string, filter: InstanceFilter = {}): Instance[] {
    const found: Record<Status, Instance[]> = { up: [], unknown: [], unhealthy: [] };
    const service = this.#services.get(name);
    if (!service) return [];
    for (const { instance } of entriesOf(service, filter.instance_id)) {
      if (matches(instance, filter)) found[instance.status].push(instance);
    }
    return [...found.up, ...found.unknown, ...found.unhealthy];
  }

  /** A page of all that match, by name and id, found in one go. */
  select(filter: InstanceFilter, limit: number, offset: number, after?: InstanceKey): Selection {
    const selecting = this.selecting(filter, limit, offset, after);
    for (;;) {
      const step = selecting.next();
      if (step.done) return step.value;
    }
  }

  /**
   * As `select`, in slices: it yields where the caller may do something else. What it finds is the state as of the call
   * of the first `next`.
   */
  *selecting(
    filter: InstanceFilter,
    limit: number,
    offset: number,
    after?: InstanceKey,
  ): Generator<undefined, Selection> {
    const total = this.#knownTotal(filter);
    if (total !== null) {
      if (after === undefined && offset >= total) return { instances: [], total, hasMore: false };
      const page = this.#walk(filter, limit, offset, after);
      if (page) return { ...page, total };
    }
    const few = this.#fewCandidates(filter);
    if (few) return pageOf(few.filter((instance) => matches(instance, filter)).sort(byNameAndId), limit, offset, after);
    const found: Instance[] = [];
    let looks = 0;
    for (const instance of this.#present(filter)) {
      if (++looks % this.#sliceLooks === 0) yield;
      if (matches(instance, filter)) found.push(instance);
    }
    return pageOf(found, limit, offset, after);
  }

  /** How many match, where the sizes of services and indexes tell without looking at any. */
  #knownTotal(filter: InstanceFilter): number | null {
    if (takesWholeServices(filter)) {
      if (filter.service === undefined && filter.name === undefined) return this.size;
      let total = 0;
      for (const [, { entries }] of this.#inOrder(filter)) total += entries.size;
      return total;
    }
    const conditions = Object.values(filter).filter((condition) => condition !== undefined);
    if (conditions.length > 1) return null;
    if (filter.status !== undefined) return this.#byStatus[filter.status].size;
    return this.#byValue.countOf(filter);
  }

  /** A page by going through services in order; `null` where too many instances would have to be looked at. */
  #walk(
    filter: InstanceFilter,
    limit: number,
    offset: number,
    after: InstanceKey | undefined,
  ): Omit<Selection, 'total'> | null {
    const whole = takesWholeServices(filter);
    const instances: Instance[] = [];
    let looks = 0;
    let skip = offset;
    for (const [name, service] of this.#inOrder(filter, after?.name)) {
      let position = name === after?.name ? positionAfter(service, after.id) : 0;
      const sorted = entriesOf(service);
      if (whole) {
        const passed = Math.min(skip, sorted.length - position);
        skip -= passed;
        position += passed;
      }
      for (; position < sorted.length; position++) {
        const instance = sorted[position]?.instance;
        if (!instance || (!whole && !matches(instance, filter))) {
          if (++looks > this.#sliceLooks) return null;
          continue;
        }
        if (skip > 0) {
          skip--;
          if (++looks > this.#sliceLooks) return null;
          continue;
        }
        if (instances.length === limit) return { instances, hasMore: true };
        instances.push(instance);
      }
    }
    return { instances, hasMore: false };
  }

  /** Who may match, in no order, where an index says that they are few. */
  #fewCandidates(filter: InstanceFilter): Instance[] | null {
    const { status, instance_id } = filter;
    if (instance_id !== undefined) {
      const found: Instance[] = [];
      for (const [, service] of this.#inOrder(filter)) {
        for (const { instance } of entriesOf(service, instance_id)) found.push(instance);
      }
      return found;
    }
    const byValue = this.#byValue.narrowest(filter);
    const byStatus = status === undefined ? null : this.#byStatus[status];
    const sets = byStatus && (!byValue || byStatus.size < byValue.size) ? [byStatus] : byValue?.sets;
    if (!sets || sets.reduce((sum, { size }) => sum + size, 0) > this.#sliceLooks) return null;
    return sets.flatMap((set) => [...set]).map(({ instance }) => instance);
  }

  /** All of the services that the filter names, by name and id. */
  #present(filter: InstanceFilter): Instance[] {
    const instances: Instance[] = [];
    for (const [, service] of this.#inOrder(filter)) {
      for (const { instance } of entriesOf(service)) instances.push(instance);
    }
    return instances;
  }

  /** Services that may have matches, by name. @param from passes those with lesser names */
  *#inOrder({ service: whole, name: prefix = '' }: InstanceFilter, from = ''): Iterable<[string, Service]> {
    if (whole !== undefined) {
      const service = this.#services.get(whole);
      if (service && whole >= from && whole.startsWith(prefix)) yield [whole, service];
      return;
    }
    const names = this.#names.all();
    for (let position = lowerBound(names, from > prefix ? from : prefix); position < names.length; position++) {
      const name = names[position] ?? '';
      if (!name.startsWith(prefix)) return;
      const service = this.#services.get(name);
      if (service) yield [name, service];
    }
  }
}

/** Whether every instance of a service matches when its name does. */
function takesWholeServices({ name: _name, service: _service, ...others }: InstanceFilter): boolean {
  return Object.values(others).every((condition) => condition === undefined);
}

/** By id; only the one with `id` where one is given. */
function entriesOf(service: Service, id?: string): readonly Entry[] {
  const { entries, ids } = service;
  if (id !== undefined) {
    const entry = entries.get(id);
    return entry ? [entry] : [];
  }
  service.sorted ??= ids.all().flatMap((known) => entries.get(known) ?? []);
  return service.sorted;
}

/** Of the first entry with a greater id. */
function positionAfter({ ids }: Service, id: string): number {
  const sorted = ids.all();
  const position = lowerBound(sorted, id);
  return sorted[position] === id ? position + 1 : position;
}

/** @param sorted all matches */
function pageOf(sorted: readonly Instance[], limit: number, offset: number, after: InstanceKey | undefined): Selection {
  const begin = offset + (after === undefined ? 0 : positionIn(sorted, after));
  const instances = sorted.slice(begin, begin + limit);
  return { instances, total: sorted.length, hasMore: begin + instances.length < sorted.length };
}

/** Of the first instance after `key`. */
function positionIn(sorted: readonly Instance[], key: InstanceKey): number {
  const later = sorted.findIndex(({ registration }) => compareKeys(registration, key) > 0);
  return later < 0 ? sorted.length : later;
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
