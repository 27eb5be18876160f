import { describe, expect, test, vi } from 'vitest';
import { Catalog } from '../../src/registry/catalog.ts';
import { matches } from '../../src/registry/filters.ts';
import { ListedService } from '../../src/registry/listed-service.ts';
import type { Instance } from '../../src/registry/machine.ts';
import type { Environment, QueryableStatus, Status } from '../../src/registry/records.ts';
import { RegistryState } from '../../src/registry/registry-state.ts';
import type { InstanceFilter } from '../../src/registry/service.ts';
import { inOneGo, type Sliced } from '../../src/registry/slices.ts';
import { ValueIndexes } from '../../src/registry/value-indexes.ts';
import { SeededRandom } from '../transport/random-messages.ts';
import { nodesOf } from './graph-of.ts';
import { listed } from './instances.ts';
import { registration } from './machine-driver.ts';
import { RandomLog } from './random-commands.ts';

const text = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** What a catalog is to answer, found by looking at everything. */
class NaiveCatalog {
  constructor(readonly instances: readonly Instance[]) {}

  #meets(
    { registration: { name, id, version, interfaces, metadata }, status }: Instance,
    filter: InstanceFilter,
  ): boolean {
    return [
      filter.status === undefined || filter.status === status,
      filter.tags === undefined || filter.tags.every((tag) => (metadata.tags ?? []).includes(tag)),
      filter.environment === undefined || filter.environment === metadata.environment,
      filter.dependency === undefined || (metadata.dependencies ?? []).includes(filter.dependency),
      filter.interface === undefined || Object.keys(interfaces).includes(filter.interface),
      filter.instance_id === undefined || filter.instance_id === id,
      filter.name === undefined || name.indexOf(filter.name) === 0,
      filter.service === undefined || filter.service === name,
      filter.version === undefined || version.startsWith(filter.version.slice(1)),
      filter.metadata === undefined ||
        Object.entries(filter.metadata).every(([key, value]) => [metadata[key]].flat().some((own) => own === value)),
    ].every(Boolean);
  }

  select(filter: InstanceFilter): Instance[] {
    return this.instances
      .filter((instance) => this.#meets(instance, filter))
      .sort((a, b) => text(a.registration.name, b.registration.name) || text(a.registration.id, b.registration.id));
  }

  instancesOf(name: string, filter: InstanceFilter): Instance[] {
    const rank: Record<Status, number> = { up: 0, unknown: 1, unhealthy: 2 };
    return this.instances
      .filter((instance) => instance.registration.name === name && this.#meets(instance, filter))
      .sort((a, b) => rank[a.status] - rank[b.status] || text(a.registration.id, b.registration.id));
  }

  counts() {
    const of = (status: Status) => this.instances.filter((instance) => instance.status === status).length;
    return { total: this.instances.length, up: of('up'), unhealthy: of('unhealthy'), unknown: of('unknown') };
  }
}

const nameList = ['alpha', 'alpha-2', 'beta', 'be', '0', 'z-9'] as const;

class RandomCatalog {
  readonly catalog: Catalog;
  readonly random: SeededRandom;
  #nextLeaseId = 1;

  constructor(seed: number, sliceLooks?: number) {
    this.catalog = new Catalog(sliceLooks);
    this.random = new SeededRandom(seed);
  }

  step(): void {
    const { random, catalog } = this;
    const name = random.oneOf(nameList);
    const id = `${random.oneOf(['a', 'B', '1', '-'])}${random.integer(12)}`;
    const entry = catalog.entry(name, id);
    const dice = random.integer(12);
    if (entry && dice >= 10) {
      const ms = random.integer(1_000_000);
      catalog.renew(entry, { lastHeartbeatMs: ms, leaseRenewedAtMs: ms, lastHeartbeatIndex: ms });
      return;
    }
    const known = catalog.find(name, id);
    if (known && dice < 3) {
      catalog.remove(known);
    } else if (known && dice < 7) {
      catalog.replace(known, { ...known, status: random.oneOf(['up', 'unhealthy', 'unknown'] as const) });
    } else {
      if (known) catalog.remove(known);
      catalog.add(listed(name, id, this.#nextLeaseId++, { registration: this.#registration(name, id) }));
    }
  }

  /** One goes, or changes its status. */
  ebb(): void {
    const all = this.catalog.everybody();
    const one = all[this.random.integer(all.length)];
    if (one && this.random.integer(4) > 0) this.catalog.remove(one);
    else if (one) this.catalog.replace(one, { ...one, status: this.random.oneOf(['up', 'unhealthy', 'unknown']) });
  }

  #registration(name: string, id: string) {
    const { random } = this;
    const rare = random.integer(30) === 0 ? ['rare'] : [];
    return {
      ...registration(name, id, {
        ...(random.boolean() ? { tags: [...rare, 'core', ...(random.boolean() ? ['edge'] : [])] } : {}),
        ...(random.integer(10) === 0 ? { dependencies: [random.oneOf(nameList)] } : {}),
        ...(random.boolean() ? { environment: random.oneOf<Environment>(['staging', 'production']) } : {}),
        ...(random.boolean() ? { owner: random.oneOf(['us', 'them']), shard: random.oneOf(['0', '1']) } : {}),
      }),
      version: random.oneOf(['1.0.0', '1.4.2', '2.0.0']),
      interfaces: random.boolean() ? { CLI: 'x' } : { REST: 'http://h:1', gRPC: 'h:2' },
    };
  }

  filter(): InstanceFilter {
    const { random } = this;
    const sometimes = <T>(value: T) => (random.integer(3) === 0 ? value : undefined);
    return {
      status: sometimes(random.oneOf<QueryableStatus>(['up', 'unhealthy', 'unknown', 'down'])),
      tags: sometimes(random.oneOf([[], ['core'], ['rare'], ['edge', 'core'], ['rare', 'nowhere'], ['nowhere']])),
      environment: sometimes(random.oneOf(['staging', 'production', 'development'])),
      dependency: sometimes(random.oneOf(nameList)),
      interface: sometimes(random.oneOf(['CLI', 'REST', 'constructor'])),
      version: random.integer(6) === 0 ? random.oneOf(['^1', '^2', '^3']) : undefined,
      metadata:
        random.integer(6) === 0
          ? random.oneOf<Readonly<Record<string, string>>>([
              { owner: 'us' },
              { shard: '1' },
              { tags: 'rare', shard: '0' },
            ])
          : undefined,
      instance_id: random.integer(8) === 0 ? `a${random.integer(12)}` : undefined,
      name: sometimes(random.oneOf(['', 'a', 'alpha', 'be', 'beta', 'zz', '-'])),
      service: random.integer(6) === 0 ? random.oneOf([...nameList, 'nobody']) : undefined,
    };
  }
}

/** Few looks in a slice take a catalog of few instances through all the ways to find a page. */
describe.each([
  [1, undefined],
  [2, 3],
  [3, 12],
])('a catalog of random history %i answers as one that looks at everything', (seed, sliceLooks) => {
  test('for filters of every kind, page by page, and keeps its counts', () => {
    const world = new RandomCatalog(seed, sliceLooks);
    const { catalog, random } = world;
    let found = 0;
    for (let round = 0; round < 400; round++) {
      for (let step = random.integer(12); step >= 0; step--) world.step();
      const naive = new NaiveCatalog([...catalog.all()]);
      expect(catalog.counts()).toEqual(naive.counts());
      for (let query = 0; query < 4; query++) {
        const filter = world.filter();
        const expected = naive.select(filter);
        found += expected.length;
        const limit = 1 + random.integer(20);
        const offset = random.integer(expected.length + 3);
        expect(catalog.select(filter, limit, offset)).toEqual({
          instances: expected.slice(offset, offset + limit),
          total: expected.length,
          hasMore: offset + limit < expected.length,
        });
        const [first = listed('m', 'm', 1), ...rest] = expected;
        const after = random.oneOf([first, ...rest]).registration;
        const later = expected.filter(({ registration: { name, id } }) =>
          name === after.name ? id > after.id : name > after.name,
        );
        expect(catalog.select(filter, limit, 0, after)).toEqual({
          instances: later.slice(0, limit),
          total: expected.length,
          hasMore: limit < later.length,
        });
        const name = random.oneOf(nameList);
        expect(catalog.instancesOf(name, filter)).toEqual(naive.instancesOf(name, filter));
        expect(naive.instances.filter((instance) => matches(instance, filter))).toHaveLength(expected.length);
      }
    }
    expect(found).toBeGreaterThan(5_000);
  });

  test('while values become many and few again, whatever changes between slices of searches and of tidying', () => {
    const world = new RandomCatalog(seed, sliceLooks);
    const { catalog, random } = world;
    const working: Sliced<void>[] = [];
    for (let round = 0; round < 600; round++) {
      const change = () => {
        for (let step = random.integer(4); step > 0; step--) {
          if (round % 40 < 20) world.step();
          else world.ebb();
        }
        // Some begin while others have not ended, and some are never ended.
        if (random.integer(4) === 0)
          working[random.integer(3)] = random.boolean() ? catalog.tidying() : catalog.completing();
        working[random.integer(3)]?.next();
      };
      for (let changes = 0; changes < 5; changes++) change();
      const filter = world.filter();
      const expected = new NaiveCatalog(catalog.everybody()).select(filter);
      const offset = random.integer(3);
      const limit = 1 + random.integer(20);
      const selecting = catalog.selecting(filter, limit, offset);
      let step = selecting.next();
      for (; !step.done; step = selecting.next()) change();
      expect(step.value).toEqual({
        instances: expected.slice(offset, offset + limit),
        total: expected.length,
        hasMore: offset + limit < expected.length,
      });
      expect(catalog.counts()).toEqual(new NaiveCatalog(catalog.everybody()).counts());
    }
  });

  test('and its pages, one after another, are the whole list with nothing twice', () => {
    const world = new RandomCatalog(seed, sliceLooks);
    for (let step = 0; step < 300; step++) world.step();
    const { catalog } = world;
    for (const filter of [{}, { status: 'up' }, { tags: ['core'] }, { tags: ['rare'] }, { name: 'al' }] as const) {
      const whole = catalog.select(filter, 1_000, 0);
      expect(whole.instances).toHaveLength(whole.total);
      expect(whole.total).toBeGreaterThan(0);
      const pages: Instance[] = [];
      for (let offset = 0; offset < whole.total; offset += 7)
        pages.push(...catalog.select(filter, 7, offset).instances);
      expect(pages).toEqual(whole.instances);
    }
  });
});

/** Of 60 instances. */
function expectSameInPauses(services: number, limit: number, offset: number, name: string | undefined): void {
  const world = new Catalog(4);
  for (let i = 0; i < 60; i++) world.add(listed(`svc-${10 + (i % services)}`, `i${i}`, i + 1));
  const after = name === undefined ? undefined : { name, id: 'i1' };
  const before = world.select({}, limit, offset, after);
  const all = [...world.all()].sort(
    ({ registration: a }, { registration: b }) => text(a.name, b.name) || text(a.id, b.id),
  );
  const behind = all.filter(({ registration: r }) => !after || r.name > after.name || (r.name === name && r.id > 'i1'));
  expect(before.instances).toEqual(behind.slice(offset, offset + limit));
  expect(before.hasMore).toBe(behind.length > offset + limit);
  const selecting = world.selecting({}, limit, offset, after);
  let step = selecting.next();
  for (let pauses = 0; !step.done; step = selecting.next(), pauses++) {
    for (const instance of [...world.all()]) {
      if (instance.leaseId % 2 === pauses % 2) world.remove(instance);
      else world.replace(instance, { ...instance, status: 'unhealthy', revision: 99 });
    }
  }
  expect(step.value).toEqual(before);
}

describe('a catalog of thousands', () => {
  const sliceLooks = 100;
  const size = 3_000;
  /** Instances that were looked at. */
  let looks = 0;
  const catalog = new Catalog(sliceLooks);
  for (let i = 0; i < size; i++) {
    const metadata = { shard: String(i % 2), ...(i % 3 === 0 ? { tags: ['third'] } : {}) };
    const instance = listed(`svc-${i % 20}`, `i${i}`, i + 1, { registration: registration('', '') });
    const own = registration(`svc-${i % 20}`, `i${i}`, metadata);
    Object.defineProperty(instance, 'registration', {
      get: () => {
        looks++;
        return own;
      },
    });
    catalog.add(instance);
  }
  /** Looks once for its conditions and once for its place, at most. */
  const mostLooks = 2 * sliceLooks;

  test.each<[string, InstanceFilter, number, number, string?]>([
    ['a first page', {}, 10, 0],
    ['a page far behind', {}, 10, 2_500],
    ['a page after a cursor far behind', {}, 10, 0, 'svc-8'],
    ['what nobody has', { tags: ['nothing'] }, 10, 0],
    ['a status that all have', { status: 'up' }, 10, 0],
    ['a tag of a third', { tags: ['third'] }, 10, 0],
    ['a tag of a third, far behind', { tags: ['third'] }, 10, 0, 'svc-8'],
    ['what no index knows', { metadata: { shard: '1' } }, 10, 0],
    ['several conditions', { tags: ['third'], status: 'up', metadata: { shard: '0' } }, 10, 0],
    ['an id', { instance_id: 'i77' }, 10, 0],
  ])('is not held up by a search for %s', (_what, filter, limit, offset, after) => {
    const selecting = catalog.selecting(
      filter,
      limit,
      offset,
      after === undefined ? undefined : { name: after, id: '' },
    );
    const slices: number[] = [];
    for (let done = false; !done; ) {
      looks = 0;
      done = selecting.next().done === true;
      slices.push(looks);
    }
    expect(Math.max(...slices)).toBeLessThanOrEqual(mostLooks);
  });

  test('finds the page after a cursor without looking at what is before', () => {
    looks = 0;
    const { instances } = catalog.select({}, 3, 0, { name: 'svc-9', id: 'i99' });
    expect(instances).toEqual([]);
    const last = catalog.select({}, 3, 0, { name: 'svc-9', id: 'i1' }).instances;
    expect(last.map(({ registration: { id } }) => id)).toEqual(['i1009', 'i1029', 'i1049']);
    expect(looks).toBeLessThan(20);
  });

  test.each<[string, InstanceFilter]>([
    ['in order', { metadata: { shard: '1' }, status: 'up' }],
    ['among the few of an index', { tags: ['few'], status: 'up' }],
    ['for everybody', {}],
  ])('answers with one state, whatever changes between two slices of a search %s', (_how, filter) => {
    const world = new Catalog(4);
    const names = ['a', 'b', 'c'];
    for (let i = 0; i < 15; i++) {
      const own = registration(names[i % 3] ?? 'a', `i${i}`, { shard: '1', tags: ['few'] });
      world.add(listed('', '', i + 1, { registration: own }));
    }
    const before = world.select(filter, 20, 0);
    expect(before.total).toBe(15);
    const selecting = world.selecting(filter, 20, 0);
    let pauses = 0;
    for (let step = selecting.next(); ; step = selecting.next()) {
      if (step.done) {
        expect(step.value).toEqual(before);
        break;
      }
      // Everything that can happen to a list: some go, some come, some change; a service ends, and another begins.
      for (const instance of [...world.all()]) {
        if (instance.leaseId % 3 === pauses % 3) world.remove(instance);
        else world.replace(instance, { ...instance, status: 'unhealthy', revision: 99 });
      }
      world.add(listed('', '', 100 + pauses, { registration: registration('0', `new${pauses}`, { shard: '1' }) }));
      world.add(listed('', '', 200 + pauses, { registration: registration('c', `i0${pauses}`, { tags: ['few'] }) }));
      pauses++;
    }
    expect(pauses).toBeGreaterThan(1);
    expect(world.select(filter, 20, 0)).not.toEqual(before);
  });

  test.each<[number, number, string?]>([
    [1, 0],
    [5, 0],
    [20, 0],
    [59, 0],
    [60, 0],
    [61, 0],
    [5, 1],
    [7, 40],
    [20, 40],
    [20, 39],
    [7, 0, 'svc-10'],
    [12, 0, 'svc-20'],
    [100, 0, 'svc-13'],
  ])('a page of %d from %d on is the same, and whole, whatever changes in pauses', (limit, offset, name) => {
    for (const services of [25, 60]) expectSameInPauses(services, limit, offset, name);
  });

  test('a first page looks at no more services than it shows, and at one or two behind', () => {
    const world = new Catalog(40);
    for (let i = 0; i < 1_000; i++) world.add(listed(`svc-${i}`, 'one', i + 1));
    const sorted = vi.spyOn(ListedService.prototype, 'sorted');
    expect(world.select({}, 10, 0).hasMore).toBe(true);
    expect(sorted.mock.calls.length).toBeLessThanOrEqual(12);
    sorted.mockClear();
    expect(world.select({}, 100, 0).hasMore).toBe(true);
    expect(sorted.mock.calls.length).toBeLessThanOrEqual(102);
    sorted.mockRestore();
  });

  test('answers with one state of a service, whatever changes between two slices of its search', () => {
    const world = new Catalog(4);
    for (let i = 0; i < 15; i++) world.add(listed('svc', `i${i}`, i + 1, { status: i % 2 === 0 ? 'up' : 'unknown' }));
    const before = world.instancesOf('svc');
    const selecting = world.selectingOf('svc', {});
    let step = selecting.next();
    for (let pauses = 0; !step.done; step = selecting.next(), pauses++) {
      for (const instance of [...world.all()].slice(0, 3)) world.remove(instance);
      for (const instance of [...world.all()]) world.replace(instance, { ...instance, status: 'unhealthy' });
      world.add(listed('svc', `new${pauses}`, 100 + pauses));
    }
    expect(step.value).toEqual(before);
    expect(world.instancesOf('svc')).not.toEqual(before);
  });

  test('puts in order in slices what changed, so that no search begins with it', () => {
    const world = new Catalog(10);
    for (let i = 0; i < 100; i++) world.add(listed(`svc-${i % 20}`, `i${i}`, i + 1));
    const slices = [...world.tidying()].length;
    expect(slices).toBeGreaterThanOrEqual(10);
    expect([...world.tidying()]).toEqual([]);
    const [first] = world.all();
    if (first) world.remove(first);
    world.add(listed('svc-3', 'late', 101));
    // A search that came first has done it.
    world.select({ metadata: { shard: '1' } }, 10, 0);
    expect([...world.tidying()]).toEqual([]);
  });

  test('goes on putting in order, and comes to an end, while more changes than it can do', () => {
    const world = new Catalog(1);
    for (let i = 0; i < 10; i++) world.add(listed(`svc-${i}`, 'one', i + 1));
    let leaseId = 100;
    let slices = 0;
    for (const _ of world.tidying()) {
      slices++;
      for (let i = 0; i < 10; i++) world.add(listed(`svc-${i}`, `later-${leaseId}`, leaseId++));
    }
    expect(slices).toBe(10);
  });
});

/** Few are 8 at most. */
describe('a catalog in which values are few again', () => {
  const filters: readonly InstanceFilter[] = [
    { status: 'unknown' },
    { tags: ['fleet'] },
    { status: 'unknown', tags: ['fleet'] },
    { environment: 'production', name: 'svc-2' },
    { version: '^1' },
  ];

  /** Of the 105 instances, 5 are `unknown` and of the fleet; 100 were. */
  function fewAgain(): Catalog {
    const world = new Catalog(4);
    for (let i = 0; i < 200; i++) {
      const isFew = i % 2 === 0;
      const own = registration(`svc-${i % 5}`, `i${i}`, isFew ? { tags: ['fleet'], environment: 'production' } : {});
      world.add(
        isFew
          ? listed('', '', i + 1, { registration: own, status: 'unknown' })
          : listed('', '', i + 1, { registration: { ...own, version: '2.0.0' } }),
      );
    }
    inOneGo(world.tidying());
    for (const one of world.everybody()) {
      if (one.status === 'unknown' && one.leaseId % 40 !== 39) world.remove(one);
    }
    return world;
  }

  /** Whether the page is that of one who looks at everything. @returns whether it was found without looking at lists */
  function findsAmongFew(world: Catalog, filter: InstanceFilter): boolean {
    const expected = new NaiveCatalog(world.everybody()).select(filter);
    const sorted = vi.spyOn(ListedService.prototype, 'sorted');
    expect(world.select(filter, 100, 0)).toEqual({ instances: expected, total: expected.length, hasMore: false });
    const looked = sorted.mock.calls.length > 0;
    sorted.mockRestore();
    return !looked;
  }

  test.each(filters)('finds %j in order until their members are known again, and then among them', (filter) => {
    const world = fewAgain();
    expect(findsAmongFew(world, filter)).toBe(false);
    inOneGo(world.completing());
    expect(findsAmongFew(world, filter)).toBe(true);
  });

  test('knows them after a search for them in whose pauses some came, went and changed', () => {
    const world = fewAgain();
    let leaseId = 1_000;
    let pauses = 0;
    for (const _ of world.completing()) {
      pauses++;
      const fleet = world.everybody().filter(({ registration: { metadata } }) => metadata.tags);
      const one = fleet[pauses % fleet.length];
      if (one && pauses % 3 === 0) world.remove(one);
      else if (one) world.replace(one, { ...one, status: one.status === 'up' ? 'unknown' : 'up' });
      if (fleet.length > 6) continue;
      const own = registration('svc-2', `new${leaseId}`, { tags: ['fleet'], environment: 'production' });
      world.add(listed('', '', leaseId++, { registration: own, status: 'unknown' }));
    }
    expect(pauses).toBeGreaterThan(20);
    for (const filter of filters.slice(0, 3)) expect(findsAmongFew(world, filter)).toBe(true);
  });

  test('looks for them in slices, and no further than it must', () => {
    const world = fewAgain();
    const restore = vi.spyOn(ValueIndexes.prototype, 'restore');
    const slices: number[] = [];
    for (const _ of world.completing()) slices.push(restore.mock.calls.splice(0).length);
    expect(slices).toEqual([1, ...Array.from(slices.slice(1), () => 4)]);
    // The last of the five has all behind it but one.
    const looks = 4 * slices.length - 3 + restore.mock.calls.length;
    expect(looks).toBe(104);
    expect([...world.completing()]).toEqual([]);
    restore.mockRestore();
  });

  test('finds those who were passed before their value became few when it looks again', () => {
    const world = fewAgain();
    const looking = world.completing();
    for (let slice = 0; slice < 10; slice++) looking.next();
    world.everybody().forEach((one, i) => {
      if (one.status === 'up' && i % 20 !== 3) world.replace(one, { ...one, status: 'unhealthy' });
    });
    inOneGo(looking);
    expect(world.isComplete).toBe(false);
    inOneGo(world.completing());
    expect(world.isComplete).toBe(true);
    for (const filter of [{ status: 'up' } as const, ...filters]) expect(findsAmongFew(world, filter)).toBe(true);
  });

  test('comes to an end of looking for them while more come than it can look at', () => {
    const world = fewAgain();
    let leaseId = 1_000;
    let slices = 0;
    let late: Instance[] = [];
    for (const _ of world.completing()) {
      if (++slices > 200) break;
      // The unhealthy are many for a moment, and then a few new ones.
      for (const one of late) world.remove(one);
      late = Array.from({ length: 20 }, () => listed('new', `i${leaseId}`, leaseId++, { status: 'unhealthy' }));
      for (const one of late) world.add(one);
      for (const one of late.splice(5)) world.remove(one);
    }
    expect(slices).toBeLessThan(200);
    expect(findsAmongFew(world, { tags: ['fleet'] })).toBe(true);
  });
});

describe('a catalog', () => {
  test('knows what each service is as a whole, as looking at each of its instances tells', () => {
    const world = new RandomCatalog(5);
    for (let round = 0; round < 300; round++) {
      for (let step = world.random.integer(5); step >= 0; step--) world.step();
      expect(world.catalog.nodes()).toEqual(nodesOf(world.catalog.all()));
    }
  });

  test.each<[Status[], Status, number]>([
    [['unhealthy', 'unknown', 'up'], 'up', 1],
    [['unhealthy', 'unknown', 'unhealthy'], 'unknown', 0],
    [['unhealthy', 'unhealthy'], 'unhealthy', 0],
  ])('says that a service of instances that are %j is %s', (statuses, status, instances_up) => {
    const catalog = new Catalog();
    statuses.forEach((each, i) => {
      catalog.add(listed('svc', `i${i}`, i + 1, { status: each }));
    });
    const node = { name: 'svc', status, instances: statuses.length, instances_up, dependencies: [] };
    expect(catalog.nodes()).toEqual([node]);
    for (const instance of [...catalog.all()]) catalog.replace(instance, { ...instance, status: 'unhealthy' });
    expect(catalog.nodes()).toEqual([{ ...node, status: 'unhealthy', instances_up: 0 }]);
  });

  test('tells of a service as before until it changes, whatever heartbeats come', () => {
    const catalog = new Catalog();
    const first = listed('svc', 'one', 1, { registration: registration('svc', 'one', { dependencies: ['db'] }) });
    catalog.add(first);
    catalog.add(listed('other', 'one', 2));
    const before = catalog.nodes();
    catalog.replace(first, { ...first, lastHeartbeatMs: 5 });
    expect(catalog.nodes()[0]).toBe(before[0]);
    expect(catalog.nodes()[1]).toBe(before[1]);
    catalog.add(listed('svc', 'two', 3));
    expect(catalog.nodes()[0]).toBe(before[0]);
    expect(catalog.nodes()[1]).toMatchObject({ instances: 2, dependencies: ['db'] });
    expect(catalog.nodes()[1]?.dependencies).toBe(before[1]?.dependencies);
  });

  test('counts by increments what a recount counts, through every kind of command', () => {
    const log = new RandomLog(21);
    const state = new RegistryState();
    for (let index = 1; index <= 2_000; index++) {
      state.apply(index, log.next(state));
      expect(state.counts()).toEqual(new NaiveCatalog([...state.instances()]).counts());
    }
  });

  test('lists healthy instances first, then unknown ones, then unhealthy ones, each by id', () => {
    const catalog = new Catalog();
    const statuses: Status[] = ['unhealthy', 'up', 'unknown', 'up', 'unhealthy', 'unknown'];
    statuses.forEach((status, position) => {
      catalog.add(listed('svc', `i${9 - position}`, position + 1, { status }));
    });
    expect(catalog.instancesOf('svc').map(({ registration: { id }, status }) => `${id} ${status}`)).toEqual([
      'i6 up',
      'i8 up',
      'i4 unknown',
      'i7 unknown',
      'i5 unhealthy',
      'i9 unhealthy',
    ]);
  });

  test('finds one instance of a service without looking at the others', () => {
    const catalog = new Catalog();
    let looks = 0;
    for (let i = 0; i < 500; i++) {
      const instance = listed('svc', `i${i}`, i + 1);
      Object.defineProperty(instance, 'registration', {
        get: () => {
          looks++;
          return registration('svc', `i${i}`);
        },
      });
      catalog.add(instance);
    }
    looks = 0;
    expect(catalog.instancesOf('svc', { instance_id: 'i77' })).toHaveLength(1);
    expect(catalog.instancesOf('svc', { instance_id: 'nobody' })).toEqual([]);
    expect(catalog.select({ status: 'up' }, 10, 0).total).toBe(500);
    expect(looks).toBeLessThan(15);
  });

  test('keeps the order of leases when an instance is replaced by its next version', () => {
    const catalog = new Catalog();
    const first = listed('svc', 'one', 1);
    catalog.add(first);
    catalog.add(listed('svc', 'two', 2));
    catalog.replace(first, { ...first, status: 'unhealthy' });
    expect([...catalog.all()].map(({ leaseId }) => leaseId)).toEqual([1, 2]);
    expect(catalog.size).toBe(2);
  });

  test('refuses to remove a lease that is not listed, which would put its counts wrong', () => {
    const catalog = new Catalog();
    catalog.add(listed('svc', 'one', 2));
    expect(() => catalog.remove(listed('svc', 'one', 1))).toThrow('Lease 1 is not listed.');
    expect(() => catalog.remove(listed('other', 'one', 3))).toThrow('Lease 3 is not listed.');
    expect(() => catalog.replace(listed('svc', 'one', 2), listed('svc', 'one', 4))).toThrow('Lease 4 is not listed.');
    expect(catalog.counts().total).toBe(1);
  });
});
