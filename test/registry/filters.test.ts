import { expect, test } from 'vitest';
import { isWithin, matchesAs } from '../../src/registry/filters.ts';
import { parseInstanceFilter } from '../../src/registry/queries.ts';
import type { Metadata } from '../../src/registry/records.ts';
import { defaultTtlPolicy, parseRegistration } from '../../src/registry/validation.ts';

function isFound(query: Readonly<Record<string, string>>, version: string, metadata: Metadata = {}): boolean {
  const body = { name: 'web', id: 'one', version, interfaces: { CLI: 'web' }, metadata };
  return matchesAs(
    parseRegistration(body, defaultTtlPolicy, (name) => name),
    'up',
    parseInstanceFilter(query),
  );
}

test.each([
  ['1.2.3', '1.2.3', true],
  ['1.2.3', '1.2.4', false],
  ['^1.2', '1.9.0', true],
  ['^1.2', '1.1.9', false],
  ['^1.2', '2.0.0', false],
  ['>=2 <4', '3.9.9', true],
  ['>=2 <4', '4.0.0', false],
  ['1 || 3', '3.1.0', true],
  ['1.2.3', '1.2.3+build.5', true],
  ['1.2.3+build.5', '1.2.3+build.5', true],
  ['1.2.3+build.5', '1.2.3+build.6', false],
  ['^2.0.0', '2.1.0-rc.1', false],
  ['^2.1.0-rc.0', '2.1.0-rc.1', true],
  ['2.1.0-rc.1', '2.1.0-rc.1', true],
  ['*', '0.0.1', true],
])('the version %s is asked for and %s is there: %s', (asked, there, found) => {
  expect(isFound({ version: asked }, there)).toBe(found);
});

test('one filter after another is judged by its own range', () => {
  const asked = ['^1', '^2', '^1', '2.0.0', '^1'];
  expect(asked.map((version) => isFound({ version }, '1.5.0'))).toEqual([true, false, true, false, true]);
});

test.each([
  ['team', 'money', true],
  ['team', 'Money', false],
  ['team', '', false],
  ['shard', '7', true],
  ['shard', '7.0', false],
  ['canary', 'false', true],
  ['nothing', 'null', true],
  ['zones', 'b', true],
  ['zones', 'a,b', false],
  ['nested', '[object Object]', false],
  ['toString', 'x', false],
  ['a.b', 'dotted', true],
])('metadata.%s=%s: %s', (key, value, found) => {
  const metadata = {
    team: 'money',
    shard: 7,
    canary: false,
    nothing: null,
    zones: ['a', 'b'],
    nested: { key: 1 },
    'a.b': 'dotted',
  };
  expect(isFound({ [`metadata.${key}`]: value }, '1.0.0', metadata)).toBe(found);
});

test('region and owner are parameters of their own, and all conditions hold together', () => {
  const metadata = { region: 'eu-1', owner: 'team-money', team: 'a' };
  expect(isFound({ region: 'eu-1', owner: 'team-money', 'metadata.team': 'a' }, '1.0.0', metadata)).toBe(true);
  expect(isFound({ region: 'eu-1', owner: 'team-money', 'metadata.team': 'b' }, '1.0.0', metadata)).toBe(false);
  expect(isFound({ region: 'eu-1', 'metadata.region': 'eu-1' }, '1.0.0', metadata)).toBe(true);
});

test('the same question has the same form, however its conditions are ordered', () => {
  const [one, other] = [
    parseInstanceFilter({ 'metadata.b': '1', 'metadata.a': '2' }),
    parseInstanceFilter({ 'metadata.a': '2', 'metadata.b': '1' }),
  ];
  expect(JSON.stringify(one)).toBe(JSON.stringify(other));
});

test('more conditions on metadata than anybody needs are refused', () => {
  const query = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`metadata.k${i}`, 'x']));
  expect(() => parseInstanceFilter(query)).toThrow('At most 16 keys');
});

test('a range is answered for more versions than are remembered beside it', () => {
  const asked = '>=1.5.0';
  for (let round = 0; round < 2; round++) {
    for (let minor = 0; minor < 10_100; minor++) {
      if (isWithin(`1.${minor}.0`, asked) !== minor >= 5) throw new Error(`1.${minor}.0 in round ${round}`);
    }
  }
  expect(isWithin('0.9.0', asked)).toBe(false);
});
