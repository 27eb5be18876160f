import { describe, expect, test } from 'vitest';
import { Catalog } from '../../src/registry/catalog.ts';
import type { Instance } from '../../src/registry/machine.ts';
import { RegistryState } from '../../src/registry/registry-state.ts';
import { inOneGo } from '../../src/registry/slices.ts';
import { SeededRandom } from '../transport/random-messages.ts';
import { listed } from './instances.ts';
import { RandomLog } from './random-commands.ts';

const at = (ms: number) => ({ lastHeartbeatMs: ms, leaseRenewedAtMs: ms, lastHeartbeatIndex: ms });

function oneInstance() {
  const catalog = new Catalog();
  catalog.add(listed('billing', '1', 1));
  const entry = catalog.entry('billing', '1');
  if (!entry) throw new Error('It is listed.');
  return { catalog, entry };
}

describe('an instance that is renewed', () => {
  test('is written over while nobody was given it', () => {
    const { catalog, entry } = oneInstance();
    catalog.renew(entry, at(10));
    const own = entry.instance;
    catalog.renew(entry, at(20));
    expect(entry.instance).toBe(own);
    expect(own).toMatchObject(at(20));
  });

  test('is written over though its service was put in order: nobody was given it by that', () => {
    const { catalog, entry } = oneInstance();
    catalog.renew(entry, at(10));
    const own = entry.instance;
    expect(entry.service.isInOrder).toBe(false);
    inOneGo(catalog.tidying());
    expect(entry.service.isInOrder).toBe(true);
    catalog.renew(entry, at(20));
    expect(entry.instance).toBe(own);
    expect(catalog.instancesOf('billing')).toMatchObject([at(20)]);
  });

  test('says everything that it said, but for its lease', () => {
    const { catalog, entry } = oneInstance();
    const before = { ...entry.instance };
    catalog.renew(entry, at(10));
    catalog.renew(entry, at(20));
    expect(entry.instance).toEqual({ ...before, ...at(20) });
    expect(catalog.instancesOf('billing')).toEqual([entry.instance]);
  });

  const waysOut: Readonly<Record<string, (catalog: Catalog) => Iterable<Instance | undefined>>> = {
    'by its name': (catalog) => [catalog.find('billing', '1')],
    'by its lease': (catalog) => [catalog.byLease(1)],
    'with all': (catalog) => [...catalog.all()],
    'with everybody': (catalog) => catalog.everybody(),
    'with its service': (catalog) => catalog.instancesOf('billing'),
    'with its service, by its id': (catalog) => catalog.instancesOf('billing', { instance_id: '1' }),
    'in a page of all': (catalog) => catalog.select({}, 10, 0).instances,
    'in a page of one status': (catalog) => catalog.select({ status: 'up' }, 10, 0).instances,
    'in a page of one id': (catalog) => catalog.select({ instance_id: '1' }, 10, 0).instances,
    'in a page behind a cursor': (catalog) => catalog.select({}, 10, 0, { name: 'billing', id: '0' }).instances,
  };

  test.each(Object.entries(waysOut))('stays for whoever was given it %s', (_way, take) => {
    const { catalog, entry } = oneInstance();
    catalog.renew(entry, at(10));
    const [given] = take(catalog);
    expect(given).toMatchObject(at(10));
    catalog.renew(entry, at(20));
    catalog.renew(entry, at(30));
    expect(given).toMatchObject(at(10));
    expect([...take(catalog)]).toMatchObject([at(30)]);
  });
});

test.each([1, 2, 3, 4, 5])('whatever left a state never changes, however the state goes on (seed %i)', (seed) => {
  const log = new RandomLog(seed);
  const random = new SeededRandom(seed);
  const state = new RegistryState();
  const given: { readonly instance: Instance; readonly text: string }[] = [];
  const keep = (instances: Iterable<Instance | null | undefined>) => {
    for (const instance of instances) if (instance) given.push({ instance, text: JSON.stringify(instance) });
  };
  for (let index = 1; index <= 1_500; index++) {
    const { events } = state.apply(index, log.next(state));
    keep(events.flatMap((event) => [event.instance, event.previous]));
    const leaseId = 1 + random.integer(300);
    const found = [
      () => [state.findLease(leaseId)],
      () => [state.find('billing', '1')],
      () => state.instancesOf('orders'),
      () => state.query({ status: 'up' }, 3, random.integer(3)).instances,
      () => state.query({}, 100, 0).instances,
      () => state.capture().instances,
    ][random.integer(40)];
    if (found) keep(found());
  }
  expect(given.length).toBeGreaterThan(1_000);
  for (const { instance, text } of given) expect(JSON.stringify(instance)).toBe(text);
});
