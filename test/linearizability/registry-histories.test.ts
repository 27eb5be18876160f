import { describe, expect, test } from 'vitest';
import { judge } from './judge.ts';
import { registryModel, type SpontaneousChanges } from './models/registry.ts';
import type { RegistryInput, RegistryOutput, SeenRecord } from './models/registry-operations.ts';
import { historyFrom, type ScriptLine } from './script.ts';

type Line = ScriptLine<RegistryInput, RegistryOutput>;

const nothingByItself = { removal: false, unhealthy: false, coldStart: false, forgetting: false };
const name = 'web';
const register = (version: string, id = 'a'): RegistryInput => ({ type: 'register', name, id, version });
const heartbeat = (leaseId?: number): RegistryInput => ({
  type: 'heartbeat',
  name,
  id: 'a',
  ...(leaseId === undefined ? {} : { leaseId }),
});
const deregister: RegistryInput = { type: 'deregister', name, id: 'a' };
const get: RegistryInput = { type: 'get', name, id: 'a' };
const list: RegistryInput = { type: 'list', name };
const ok: RegistryOutput = { type: 'ok' };
const notFound: RegistryOutput = { type: 'not_found' };
const absent: RegistryOutput = { type: 'absent' };
const registered = (leaseId: number, created = true, revision?: number): RegistryOutput => ({
  type: 'registered',
  leaseId,
  created,
  revision,
});
const record = (
  version: string,
  leaseId: number,
  more: Partial<SeenRecord> = {},
  revision?: number,
): RegistryOutput => ({
  type: 'record',
  record: { id: 'a', version, leaseId, ...more },
  revision,
});

function verdictOf(lines: readonly Line[], changes: Partial<SpontaneousChanges> = nothingByItself) {
  return judge(historyFrom(lines), registryModel(changes)).verdict;
}

describe('one instance', () => {
  const listed: Line = ['a', register('1'), registered(1)];

  test('lives from its registration to its deregistration, and is gone after that', () => {
    const life: Line[] = [
      ['a', get, absent],
      ['a', heartbeat(), notFound],
      listed,
      ['b', get, record('1', 1)],
      ['a', heartbeat(1), ok],
      ['a', deregister, ok],
      ['b', get, absent],
      ['a', heartbeat(1), { type: 'gone', cause: 'deregistered' }],
      ['a', deregister, notFound],
    ];
    expect(verdictOf(life)).toBe('linearizable');
  });

  test('may not be missing after an acknowledged registration', () => {
    expect(verdictOf([listed, ['b', get, absent]])).toBe('not-linearizable');
    expect(verdictOf([listed, ['b', deregister, notFound]])).toBe('not-linearizable');
    expect(verdictOf([listed, ['b', heartbeat(), { type: 'gone' }]])).toBe('not-linearizable');
  });

  test('may be missing if its lease can have run out, and is not back without a registration', () => {
    expect(verdictOf([listed, ['b', get, absent]], { removal: true })).toBe('linearizable');
    expect(verdictOf([listed, ['b', get, absent], ['b', get, record('1', 1)]], {})).toBe('not-linearizable');
    expect(verdictOf([listed, ['b', get, absent], ['a', heartbeat(), ok]], {})).toBe('not-linearizable');
  });

  test('may not come back after a deregistration', () => {
    expect(verdictOf([listed, ['a', deregister, ok], ['b', get, record('1', 1)]], {})).toBe('not-linearizable');
    expect(verdictOf([listed, ['a', deregister, ok], ['a', heartbeat(1), ok]], {})).toBe('not-linearizable');
  });

  test('shows the registration that came last', () => {
    const twice: Line[] = [listed, ['a', register('2'), registered(2, false)]];
    expect(verdictOf([...twice, ['b', get, record('2', 2)]])).toBe('linearizable');
    expect(verdictOf([...twice, ['b', get, record('1', 1)]])).toBe('not-linearizable');
    expect(verdictOf([...twice, ['b', get, record('1', 2)]])).toBe('not-linearizable');
  });

  test('may show a registration without an answer, and then has to keep to its lease', () => {
    const lost: Line[] = [listed, ['a', register('2')], ['a', 'lost'], ['b', get, record('2', 2)]];
    expect(verdictOf([...lost, ['b', get, record('2', 2)]])).toBe('linearizable');
    expect(verdictOf([...lost, ['b', get, record('2', 3)]])).toBe('not-linearizable');
    expect(verdictOf([...lost, ['b', get, record('1', 1)]])).toBe('not-linearizable');
    expect(verdictOf([listed, ['a', register('2')], ['a', 'lost'], ['b', get, record('2', 1)]])).toBe(
      'not-linearizable',
    );
  });

  test('may disappear by a deregistration without an answer, at any time, but not twice', () => {
    const lost: Line[] = [listed, ['a', deregister], ['a', 'lost'], ['b', get, record('1', 1)], ['b', get, absent]];
    expect(verdictOf(lost)).toBe('linearizable');
    expect(verdictOf([...lost, ['b', register('2'), registered(2)], ['b', get, absent]])).toBe('not-linearizable');
  });

  test('says truly whether it was listed before', () => {
    expect(verdictOf([listed, ['b', register('2'), registered(2, true)]])).toBe('not-linearizable');
    expect(verdictOf([['a', register('1'), registered(1, false)]])).toBe('not-linearizable');
  });

  test('never gets a lease that is not greater than the last', () => {
    expect(
      verdictOf([
        ['a', register('1'), registered(5)],
        ['a', register('2'), registered(4, false)],
      ]),
    ).toBe('not-linearizable');
  });

  test('gives the greater of two concurrent leases to the registration that came second', () => {
    const race = (first: number, second: number): Line[] => [
      ['a', register('1')],
      ['b', register('2')],
      ['a', registered(first, true)],
      ['b', registered(second, false)],
    ];
    expect(verdictOf(race(1, 2))).toBe('linearizable');
    expect(verdictOf(race(2, 1))).toBe('not-linearizable');
  });

  test('refuses only leases that are not its own', () => {
    expect(verdictOf([listed, ['b', heartbeat(2), { type: 'lease_mismatch' }]])).toBe('linearizable');
    expect(verdictOf([listed, ['b', heartbeat(1), { type: 'lease_mismatch' }]])).toBe('not-linearizable');
    expect(verdictOf([listed, ['b', heartbeat(2), ok]])).toBe('not-linearizable');
  });

  test('tells truly how it went', () => {
    const gone = (cause: 'expired' | 'deregistered'): Line => ['a', heartbeat(), { type: 'gone', cause }];
    expect(verdictOf([listed, ['a', deregister, ok], gone('expired')], {})).toBe('not-linearizable');
    expect(verdictOf([listed, ['b', get, absent], gone('expired')], {})).toBe('linearizable');
    expect(verdictOf([listed, ['b', get, absent], gone('deregistered')], {})).toBe('not-linearizable');
    expect(verdictOf([gone('expired')], {})).toBe('not-linearizable');
  });

  test('is remembered by its tombstone unless that may have been forgotten, and then for good', () => {
    const buried: Line[] = [listed, ['a', deregister, ok], ['a', heartbeat(), notFound]];
    expect(verdictOf(buried)).toBe('not-linearizable');
    expect(verdictOf(buried, { forgetting: true })).toBe('linearizable');
    expect(verdictOf([...buried, ['a', heartbeat(), { type: 'gone' }]], {})).toBe('not-linearizable');
  });

  test('is up again after a heartbeat and only then', () => {
    const seen = (status: 'up' | 'unhealthy' | 'unknown'): Line => ['b', get, record('1', 1, { status })];
    const sick: Line[] = [listed, seen('up'), seen('unhealthy')];
    expect(verdictOf([...sick, ['a', heartbeat(), ok], seen('up')], {})).toBe('linearizable');
    expect(verdictOf([...sick, seen('up')], {})).toBe('not-linearizable');
    expect(verdictOf([...sick, ['a', heartbeat()], ['a', 'lost'], seen('up')], {})).toBe('linearizable');
    expect(verdictOf([listed, seen('unknown'), seen('unhealthy')], {})).toBe('not-linearizable');
    expect(verdictOf([listed, seen('unhealthy')], nothingByItself)).toBe('not-linearizable');
    expect(verdictOf([listed, seen('unknown')], { coldStart: false })).toBe('not-linearizable');
  });

  test('may not show a registration at a revision from before it', () => {
    const first: Line = ['a', register('1'), registered(1, true, 7)];
    expect(verdictOf([first, ['b', get, record('1', 1, {}, 7)]])).toBe('linearizable');
    expect(verdictOf([['b', get], first, ['b', record('1', 1, {}, 6)]])).toBe('not-linearizable');
    expect(verdictOf([['b', get], first, ['b', { type: 'absent', revision: 7 }]])).toBe('not-linearizable');
    expect(verdictOf([['b', get], first, ['b', { type: 'absent', revision: 6 }]])).toBe('linearizable');
  });

  test('may not change while the revision stays', () => {
    const first: Line = ['a', register('1'), registered(1, true, 7)];
    expect(verdictOf([first, ['b', get, record('1', 1, {}, 7)], ['b', get, { type: 'absent', revision: 7 }]], {})).toBe(
      'not-linearizable',
    );
    const up = record('1', 1, { status: 'up' }, 7);
    expect(verdictOf([first, ['b', get, up], ['b', get, record('1', 1, { status: 'unhealthy' }, 7)]], {})).toBe(
      'not-linearizable',
    );
  });
});

describe('a list', () => {
  const records = (revision: number | undefined, ...seen: readonly [string, string, number][]): RegistryOutput => ({
    type: 'records',
    records: seen.map(([id, version, leaseId]) => ({ id, version, leaseId })),
    revision,
  });

  test('shows every instance of its service', () => {
    const both: Line[] = [
      ['a', register('1', 'a'), registered(1)],
      ['a', register('1', 'b'), registered(2)],
    ];
    expect(verdictOf([...both, ['c', list, records(undefined, ['a', '1', 1], ['b', '1', 2])]])).toBe('linearizable');
    expect(verdictOf([...both, ['c', list, records(undefined, ['a', '1', 1])]])).toBe('not-linearizable');
    expect(verdictOf([['c', list, records(undefined, ['a', '1', 1])]])).toBe('not-linearizable');
  });

  test('that is torn, with a newer registration and without an older one, is found by its revision', () => {
    const torn = (revision: number | undefined): Line[] => [
      ['c', list],
      ['a', register('1', 'a'), registered(1, true, 1)],
      ['a', register('1', 'b'), registered(2, true, 2)],
      ['c', records(revision, ['b', '1', 2])],
    ];
    expect(verdictOf(torn(1))).toBe('not-linearizable');
    expect(verdictOf(torn(2))).toBe('not-linearizable');
    // The price of judging key by key, where no revision ties the parts together.
    expect(verdictOf(torn(undefined))).toBe('linearizable');
  });
});

describe('numbers that all keys share', () => {
  const violationsOf = (...lines: Line[]) =>
    judge(historyFrom(lines), registryModel()).violations.map(({ key, reason }) => `${key}: ${reason}`);
  const readOf = (id: string, revision: number): readonly [RegistryInput, RegistryOutput] => [
    { type: 'get', name, id },
    { type: 'absent', revision },
  ];

  test('the revision may not go back from one answer to a later question, whatever they are about', () => {
    expect(violationsOf(['a', ...readOf('x', 5)], ['b', ...readOf('y', 4)])).toEqual([
      'revision: revision 4 after 5 had been seen',
    ]);
  });

  test('concurrent answers may show it in either order', () => {
    const [question, answer] = readOf('x', 5);
    expect(violationsOf(['a', question], ['b', ...readOf('y', 6)], ['a', answer])).toEqual([]);
  });

  test('a registration gets a revision and a lease that are greater than all before, and its own', () => {
    expect(violationsOf(['a', ...readOf('x', 5)], ['b', register('1'), registered(1, true, 5)])).toEqual([
      'revision: revision 5 after 5 had been seen',
    ]);
    expect(
      violationsOf(['a', register('1', 'a')], ['b', register('1', 'b'), registered(3)], ['a', registered(3)]),
    ).toEqual(['lease id: lease id 3 was given twice']);
  });
});
