import { expect, test } from 'vitest';
import { matchesAs } from '../../src/registry/filters.ts';
import { Postings } from '../../src/registry/postings.ts';
import type { Environment, Registration } from '../../src/registry/records.ts';
import type { InstanceFilter } from '../../src/registry/service.ts';
import { ValueIndexes } from '../../src/registry/value-indexes.ts';
import { SeededRandom } from '../transport/random-messages.ts';
import { registration } from './machine-driver.ts';

const limit = 4;

function indexes() {
  const incomplete = new Set<Postings<number>>();
  const values = new ValueIndexes<number>(() => new Postings(limit, incomplete));
  return { incomplete, values };
}

function randomRegistration(random: SeededRandom, id: number): Registration {
  const sometimes = <T>(key: string, value: T) => (random.boolean() ? { [key]: value } : {});
  return {
    ...registration('svc', `i${id}`, {
      ...sometimes('tags', random.oneOf([[], ['core'], ['core', 'edge'], ['edge', 'rare']])),
      ...sometimes('dependencies', random.oneOf([['db'], ['db', 'mail']])),
      ...sometimes('environment', random.oneOf<Environment>(['staging', 'production'])),
      ...sometimes('region', random.oneOf(['north', 'south'])),
      ...sometimes('owner', 'us'),
    }),
    version: random.oneOf(['1.0.0', '1.4.2', '2.0.0']),
    interfaces: random.oneOf<Registration['interfaces']>([{ CLI: 'x' }, { REST: 'http://h:1', gRPC: 'h:2' }, {}]),
  };
}

/** Each has one condition, so that exactly those who match are indexed. */
const filters: readonly InstanceFilter[] = [
  { tags: ['core'] },
  { tags: ['edge'] },
  { tags: ['rare'] },
  { tags: ['nowhere'] },
  { dependency: 'db' },
  { dependency: 'mail' },
  { environment: 'staging' },
  { interface: 'CLI' },
  { interface: 'REST' },
  { interface: 'constructor' },
  { version: '2.0.0' },
  { version: '^1' },
  { version: '^3' },
  { metadata: { region: 'north' } },
  { metadata: { owner: 'us' } },
  { metadata: { tags: 'edge' } },
];

test.each([1, 2, 3])(
  'values of random history %i are counted, and their members known when few were told of',
  (seed) => {
    const random = new SeededRandom(seed);
    const { incomplete, values } = indexes();
    const all = new Map<number, Registration>();
    const matching = (filter: InstanceFilter) =>
      [...all].filter(([, each]) => matchesAs(each, 'up', filter)).map(([id]) => id);
    const ascending = (sets: readonly ReadonlySet<number>[]) => sets.flatMap((set) => [...set]).sort((a, b) => a - b);
    let restored = 0;
    for (let step = 0; step < 1_500; step++) {
      const [oldest] = all;
      // More come in one half of the time, and more go in the other.
      const comes = random.integer(4) === 0 ? step % 100 >= 50 : step % 100 < 50;
      if (comes) {
        const one = randomRegistration(random, step);
        all.set(step, one);
        values.add(one, step);
      } else if (oldest) {
        const [id, one] = oldest;
        all.delete(id);
        values.remove(one, id);
      }
      for (const filter of filters) {
        const expected = matching(filter);
        expect(values.countOf(filter)).toBe(expected.length);
        const found = values.narrowest(filter);
        if (found) expect([found.size, ascending(found.sets)]).toEqual([expected.length, expected]);
      }
      const two = { ...random.oneOf([{ tags: ['core'] }, { dependency: 'mail' }]), version: '^1' };
      const among = values.narrowest(two);
      if (among) expect(ascending(among.sets)).toEqual(expect.arrayContaining(matching(two)));
      if (incomplete.size === 0 || random.integer(10) > 0) continue;
      for (const [id, one] of all) values.restore(one, id);
      restored++;
      expect(incomplete.size).toBe(0);
      for (const filter of filters) {
        if (matching(filter).length <= limit) expect(values.narrowest(filter)).not.toBeNull();
      }
    }
    expect(restored).toBeGreaterThan(10);
  },
);

test('a condition whose members are not known is passed over for one whose are', () => {
  const { values } = indexes();
  for (let i = 0; i < 20; i++) {
    const one = registration('svc', `i${i}`, { tags: ['many', ...(i < 3 ? ['few'] : [])] });
    values.add(one, i);
  }
  expect(values.narrowest({ tags: ['many'] })).toBeNull();
  expect(values.narrowest({ tags: ['many', 'few'], version: '1.0.0' })?.size).toBe(3);
  expect(values.narrowest({ tags: ['few', 'nowhere'] })?.size).toBe(0);
  expect(values.narrowest({ tags: ['nowhere', 'few'] })?.size).toBe(0);
});

test('several conditions, and those on what is not indexed, have no number', () => {
  const { values } = indexes();
  expect(values.countOf({ tags: ['a', 'b'] })).toBeNull();
  expect(values.countOf({ metadata: { owner: 'us', region: 'north' } })).toBeNull();
  expect(values.countOf({ metadata: { shard: '1' } })).toBeNull();
  expect(values.narrowest({ metadata: { shard: '1' } })).toBeNull();
});

test('a range is asked about few versions only', () => {
  const { values } = indexes();
  for (let i = 0; i < 1_000; i++) {
    const one = { ...registration('svc', `i${i}`), version: `1.${i}.0` };
    values.add(one, i);
  }
  expect(values.countOf({ version: '^1' })).toBe(1_000);
  const last = { ...registration('svc', 'last'), version: '2.0.0' };
  values.add(last, 1_000);
  expect(values.countOf({ version: '^1' })).toBeNull();
  values.remove(last, 1_000);
  expect(values.countOf({ version: '^1' })).toBe(1_000);
});
