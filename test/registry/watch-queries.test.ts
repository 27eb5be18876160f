import { expect, test } from 'vitest';
import { maxWaitMs, parseHold, parseWatchQuery } from '../../src/registry/watch-queries.ts';

test('a watch has the conditions of a list, a service or a prefix of names, and a beginning', () => {
  const query = parseWatchQuery({
    tag: ['core', 'edge'],
    status: 'up',
    name: 'bill',
    service: 'billing',
    from: '17',
    initial: 'true',
  });
  expect(query).toMatchObject({ tags: ['core', 'edge'], status: 'up', name: 'bill', service: 'billing' });
  expect(query).toMatchObject({ from: 17, initial: true });
  const plain = Object.entries(parseWatchQuery({})).filter(([, value]) => value !== undefined);
  expect(plain).toEqual([]);
});

test.each([
  ['true', true],
  ['false', false],
  [true, true],
  [false, false],
])('initial may be %j', (initial, expected) => {
  expect(parseWatchQuery({ initial }).initial).toBe(expected);
});

test.each<[Record<string, unknown>, string]>([
  [{ initial: 'yes' }, 'initial'],
  [{ initial: ['true', 'true'] }, 'initial'],
  [{ from: '-1' }, 'from'],
  [{ from: '1.5' }, 'from'],
  [{ from: ['1', '2'] }, 'from'],
  [{ service: 'Billing' }, 'service'],
  [{ name: 'a b' }, 'name'],
  [{ limit: '3' }, 'limit'],
  [{ colour: 'red' }, 'colour'],
])('a watch with %j is refused, and the answer names %s', (raw, field) => {
  expect(() => parseWatchQuery(raw)).toThrow(expect.objectContaining({ code: 'invalid_parameter', field }));
});

test('what a face reads itself is no mistake', () => {
  expect(parseWatchQuery({ consistency: 'stale', service: 'web' }, ['consistency']).service).toBe('web');
});

test.each([
  ['30s', 30_000],
  ['7', 7_000],
  ['500ms', 500],
  ['2m', 120_000],
  ['0', 0],
  ['5m', maxWaitMs],
])('a wait of %s is %d ms', (wait, waitMs) => {
  expect(parseHold({ index: '9', wait })).toEqual({ after: 9, waitMs });
});

test('a query with an index and no wait is held for 30 s, and one with neither is not held', () => {
  expect(parseHold({ index: '0' })).toEqual({ after: 0, waitMs: 30_000 });
  expect(parseHold({ tag: 'core' })).toBeUndefined();
});

test.each<[Record<string, unknown>, string]>([
  [{ wait: '30s' }, 'index'],
  [{ index: '1', wait: '6m' }, 'wait'],
  [{ index: '1', wait: '301s' }, 'wait'],
  [{ index: '1', wait: 'soon' }, 'wait'],
  [{ index: '1', wait: '1h' }, 'wait'],
  [{ index: '1', wait: '' }, 'wait'],
  [{ index: '1', wait: ['1s', '2s'] }, 'wait'],
  [{ index: 'x' }, 'index'],
])('a hold with %j is refused, and the answer names %s', (raw, field) => {
  expect(() => parseHold(raw)).toThrow(expect.objectContaining({ code: 'invalid_parameter', field }));
});
