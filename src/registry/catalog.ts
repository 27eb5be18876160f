import type { ServiceNode } from './dependencies.ts';
import { matches } from './filters.ts';
import { type Entry, handOut, ListedService } from './listed-service.ts';
import type { Instance } from './machine.ts';
import { Page, type Selection } from './page.ts';
import { Postings } from './postings.ts';
import type { QueryableStatus, Status } from './records.ts';
import type { Renewal } from './renewal.ts';
import type { InstanceFilter, InstanceKey } from './service.ts';
import { inOneGo, Pace, type Sliced } from './slices.ts';
import { lowerBound, SortedKeys } from './sorted-keys.ts';
import { ValueIndexes } from './value-indexes.ts';

/** Instances looked at in one go: what takes more of them is done in slices, so that nothing else waits for it. */
const defaultSliceLooks = 2_000;

/** Slices' worth of candidates that an index may name: with more, looking at everybody in order is as good. */
const maxCandidateSlices = 2;

export interface StatusCounts {
  readonly total: number;
  readonly up: number;
  readonly unhealthy: number;
  readonly unknown: number;
}

/**
 * The listed instances and the indexes over them.
 *
 * A page is found in one of two ways: few matches are taken from the narrowest index and sorted; else the instances are
 * looked at in order, up to the end of the page where the number of matches is known from the indexes. Both go in
 * slices. Instances, and the services' lists of them, never change once they were handed out, so what is taken before
 * the first pause is one state, whatever happens in the pauses.
 */
export class Catalog {
  /** By ascending lease id: a registration gets the greatest. */
  readonly #byLease = new Map<number, Entry>();
  readonly #services = new Map<string, ListedService>();
  readonly #names = new SortedKeys();
  /** Those whose lists may have to be put in order before they are read. */
  readonly #untidy = new Set<ListedService>();
  readonly #byStatus: Readonly<Record<QueryableStatus, Postings<Entry>>>;
  readonly #byValue: ValueIndexes<Entry>;
  /** Those of the two indexes whose members are to be found again. */
  readonly #incomplete = new Set<Postings<Entry>>();
  readonly #sliceLooks: number;
  readonly #maxCandidates: number;

  constructor(sliceLooks = defaultSliceLooks) {
    this.#sliceLooks = sliceLooks;
    this.#maxCandidates = maxCandidateSlices * sliceLooks;
    const newPostings = () => new Postings(this.#maxCandidates, this.#incomplete);
    this.#byStatus = { up: newPostings(), unhealthy: newPostings(), unknown: newPostings(), down: newPostings() };
    this.#byValue = new ValueIndexes(newPostings);
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
    for (const entry of this.#byLease.values()) yield handOut(entry);
  }

  /** As `all`, taken at once: much faster than a generator where everything else waits for it. */
  everybody(): readonly Instance[] {
    return [...this.#byLease.values()].map(handOut);
  }

  byLease(leaseId: number): Instance | undefined {
    const entry = this.entryOfLease(leaseId);
    return entry && handOut(entry);
  }

  find(name: string, id: string): Instance | undefined {
    const entry = this.entry(name, id);
    return entry && handOut(entry);
  }

  /** To be looked at only. */
  entryOfLease(leaseId: number): Readonly<Entry> | undefined {
    return this.#byLease.get(leaseId);
  }

  /** To be looked at only. */
  entry(name: string, id: string): Readonly<Entry> | undefined {
    return this.#services.get(name)?.find(id);
  }

  /** In one go. */
  instancesOf(name: string, filter: InstanceFilter = {}): Instance[] {
    return inOneGo(this.selectingOf(name, filter));
  }

  /** In one go. */
  select(filter: InstanceFilter, limit: number, offset: number, after?: InstanceKey): Selection {
    return inOneGo(this.selecting(filter, limit, offset, after));
  }

  has(name: string): boolean {
    return this.#services.has(name);
  }

  /** What each service is as a whole, by name; the same object for as long as it says the same. */
  nodes(): readonly ServiceNode[] {
    return [...this.#inOrder({})].map((service) => service.node());
  }

  /** Lists a new lease. Any earlier one of the same instance must have been removed. */
  add(instance: Instance): void {
    const { name } = instance.registration;
    let service = this.#services.get(name);
    if (!service) {
      service = new ListedService(name);
      this.#services.set(name, service);
      this.#names.add(name);
    }
    const entry = service.add(instance);
    this.#untidy.add(service);
    this.#byLease.set(instance.leaseId, entry);
    this.#byStatus[instance.status].add(entry);
    this.#byValue.add(instance.registration, entry);
  }

  /** Renews a lease; its status stays. */
  renew(entry: Readonly<Entry>, renewal: Renewal): void {
    entry.service.renew(entry, renewal);
  }

  /** Replaces an instance by its next version under the same lease. */
  replace(before: Instance, after: Instance): void {
    const entry = this.#byLease.get(after.leaseId);
    if (!entry) throw new Error(`Lease ${after.leaseId} is not listed.`);
    entry.service.replace(entry, after);
    if (before.status === after.status) return;
    this.#byStatus[before.status].remove(entry);
    this.#byStatus[after.status].add(entry);
  }

  remove({ leaseId, registration, status }: Instance): void {
    const entry = this.#services.get(registration.name)?.find(registration.id);
    // A removal that finds nothing would put the counts wrong for good.
    if (entry?.instance.leaseId !== leaseId) throw new Error(`Lease ${leaseId} is not listed.`);
    const { service } = entry;
    service.remove(entry);
    this.#untidy.add(service);
    if (service.size === 0) {
      this.#services.delete(service.name);
      this.#names.delete(service.name);
      this.#untidy.delete(service);
    }
    this.#byLease.delete(leaseId);
    this.#byStatus[status].remove(entry);
    this.#byValue.remove(registration, entry);
  }

  /**
   * Puts the lists that changed in order, in slices, so that a search that follows begins at once: after a start, all of
   * them are to be sorted. What changes meanwhile is left to the search.
   */
  *tidying(): Sliced<void> {
    const pace = new Pace(this.#sliceLooks);
    for (const service of [...this.#untidy]) {
      this.#untidy.delete(service);
      if (!service.isInOrder && pace.isOver(service.putInOrder())) yield;
    }
  }

  /** Whether the members of all values that few have are known. Searches for the others go in order. */
  get isComplete(): boolean {
    return this.#incomplete.size === 0;
  }

  /**
   * Finds the members of the values that have become few, in slices. Goes round everybody who is listed once at most, so
   * that it ends, however many come meanwhile.
   */
  *completing(): Sliced<void> {
    const pace = new Pace(this.#sliceLooks);
    let left = this.size;
    // A map's iterator goes on with what is in the map after a pause: it comes upon nobody who is gone.
    for (const entry of this.#byLease.values()) {
      if (this.#incomplete.size === 0 || left-- === 0) return;
      this.#byStatus[entry.instance.status].restore(entry);
      this.#byValue.restore(entry.instance.registration, entry);
      if (pace.isOver()) yield;
    }
  }

  /**
   * Instances of one service that match, healthy ones first, then by id, in slices. What it finds is the state as of the
   * call of the first `next`.
   */
  *selectingOf(name: string, filter: InstanceFilter): Sliced<Instance[]> {
    const found: Record<Status, Instance[]> = { up: [], unknown: [], unhealthy: [] };
    const service = this.#services.get(name);
    const pace = new Pace(this.#sliceLooks);
    for (const instance of service ? instancesOf(service, filter) : []) {
      if (pace.isOver()) yield;
      if (matches(instance, filter)) found[instance.status].push(instance);
    }
    return [...found.up, ...found.unknown, ...found.unhealthy];
  }

  /**
   * A page of all that match, by name and id, in slices: it yields where the caller may do something else. What it finds
   * is the state as of the call of the first `next`.
   */
  *selecting(filter: InstanceFilter, limit: number, offset: number, after?: InstanceKey): Sliced<Selection> {
    const total = this.#knownTotal(filter);
    if (total !== null && after === undefined && offset >= total) return { instances: [], total, hasMore: false };
    const page = new Page(limit, offset, after);
    // In order, a page of evenly spread matches takes about so many looks; among candidates, one look at each.
    const looksInOrder = total === null ? this.size : ((offset + limit + 1) / total) * this.size;
    const few = this.#fewCandidates(filter, looksInOrder);
    if (few) yield* this.#searchFew(few, filter, page);
    else if (total === null) yield* this.#searchInOrder(this.#inOrder(filter), filter, page, false);
    else yield* this.#searchInOrder(this.#inOrder(filter, after?.name), filter, page, true);
    return total === null ? page.selection() : { ...page.selection(), total };
  }

  *#searchFew(few: readonly Instance[], filter: InstanceFilter, page: Page): Sliced<void> {
    const byService = new Map<string, Instance[]>();
    const pace = new Pace(this.#sliceLooks);
    for (const instance of few) {
      if (pace.isOver()) yield;
      if (!matches(instance, filter)) continue;
      const { name } = instance.registration;
      const others = byService.get(name);
      if (others) others.push(instance);
      else byService.set(name, [instance]);
    }
    for (const [name, found] of [...byService].sort(byKey)) page.takeService(name, found);
  }

  /**
   * @param services by name, read on while nothing can have changed
   * @param untilFull whether the page is all that is asked for: nobody waits for the number of matches
   */
  *#searchInOrder(
    services: Iterable<ListedService>,
    filter: InstanceFilter,
    page: Page,
    untilFull: boolean,
  ): Sliced<void> {
    const passesWhole = untilFull && takesWholeServices(filter);
    const unread: Iterator<TakenService> = services[Symbol.iterator]();
    /** What is left of the services and their lists, taken before the first pause. */
    let taken: Iterator<TakenService> | null = null;
    const pace = new Pace(this.#sliceLooks);
    for (let next = unread.next(); !next.done; next = (taken ?? unread).next()) {
      const { name, size } = next.value;
      if (passesWhole && page.passes(name, size)) continue;
      const list = next.value.sorted();
      // Only the first one can be the cursor's own, and before it nothing has changed.
      const isCursors = untilFull && name === page.after?.name;
      const begin = isCursors ? (this.#services.get(name)?.positionAfter(page.after.id) ?? 0) : 0;
      for (const instance of begin === 0 ? list : list.slice(begin)) {
        if (pace.isOver()) {
          taken ??= takenFrom(unread, passesWhole ? page.wanted : Number.POSITIVE_INFINITY).values();
          yield;
        }
        if (matches(instance, filter)) page.take(instance);
        if (untilFull && page.isFull) return;
      }
    }
  }

  /** How many match, where the sizes of services and indexes tell without looking at any. */
  #knownTotal(filter: InstanceFilter): number | null {
    if (takesWholeServices(filter)) {
      if (filter.service === undefined && filter.name === undefined) return this.size;
      let total = 0;
      for (const { size } of this.#inOrder(filter)) total += size;
      return total;
    }
    const conditions = Object.values(filter).filter((condition) => condition !== undefined);
    if (conditions.length > 1) return null;
    if (filter.status !== undefined) return this.#byStatus[filter.status].size;
    return this.#byValue.countOf(filter);
  }

  /** Who may match, in no order, where an index says that they are few, and fewer than `most`. */
  #fewCandidates(filter: InstanceFilter, most: number): Instance[] | null {
    const { status, instance_id } = filter;
    if (instance_id !== undefined) {
      return [...this.#inOrder(filter)].flatMap((service) => instancesOf(service, filter));
    }
    const byValue = this.#byValue.narrowest(filter);
    const byStatus = status === undefined ? null : this.#byStatus[status].members;
    const sets = byStatus && (!byValue || byStatus.size < byValue.size) ? [byStatus] : byValue?.sets;
    const size = sets?.reduce((sum, each) => sum + each.size, 0) ?? Number.POSITIVE_INFINITY;
    if (!sets || size > Math.min(most, this.#maxCandidates)) return null;
    return sets.flatMap((set) => [...set]).map(handOut);
  }

  /** Services that may have matches, by name. To be read before the next change. @param from passes lesser names */
  *#inOrder({ service: whole, name: prefix = '' }: InstanceFilter, from = ''): Iterable<ListedService> {
    if (whole !== undefined) {
      const service = this.#services.get(whole);
      if (service && whole >= from && whole.startsWith(prefix)) yield service;
      return;
    }
    const names = this.#names.all();
    for (let position = lowerBound(names, from > prefix ? from : prefix); position < names.length; position++) {
      const name = names[position] ?? '';
      if (!name.startsWith(prefix)) return;
      const service = this.#services.get(name);
      if (service) yield service;
    }
  }
}

/** A service as it was at one time. */
type TakenService = Pick<ListedService, 'name' | 'size' | 'sorted'>;

/** At most so many of what comes next. */
function takenFrom(services: Iterator<TakenService>, most: number): TakenService[] {
  const taken: TakenService[] = [];
  while (taken.length < most) {
    const next = services.next();
    if (next.done) break;
    const { name } = next.value;
    const list = next.value.sorted();
    taken.push({ name, size: list.length, sorted: () => list });
  }
  return taken;
}

/** Whether every instance of a service matches when its name does. */
function takesWholeServices({ name: _name, service: _service, ...others }: InstanceFilter): boolean {
  return Object.values(others).every((condition) => condition === undefined);
}

function byKey<T>([a]: readonly [string, T], [b]: readonly [string, T]): number {
  return a < b ? -1 : 1;
}

/** By id; only the one that is asked for where one is. */
function instancesOf(service: ListedService, { instance_id }: InstanceFilter): readonly Instance[] {
  if (instance_id === undefined) return service.sorted();
  const entry = service.find(instance_id);
  return entry ? [handOut(entry)] : [];
}
