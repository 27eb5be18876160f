import { describe, expect, test } from 'vitest';
import { SharedEnds } from '../../src/registry/shared-ends.ts';

const ttl = { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 };
const metadata = { description: 'takes ",\\"metadata\\":" for what it is', tags: ['a', 'b'], dependencies: ['ledger'] };
const billing = (id: string, more: object = metadata) => ({
  name: 'billing',
  id,
  version: '1.0.0',
  interfaces: { REST: `http://${id}:9000` },
  metadata: more,
  ttl,
});

describe('registrations that end alike', () => {
  test('share what they say, and nothing else', () => {
    const ends = new SharedEnds(10);
    const [one, two] = ['one', 'two'].map((id) => ends.read(JSON.stringify(billing(id))));
    expect([one, two]).toStrictEqual([billing('one'), billing('two')]);
    expect(two?.metadata).toBe(one?.metadata);
    expect(two?.ttl).toBe(one?.ttl);
    expect(two?.interfaces).not.toBe(one?.interfaces);
  });

  test('share nothing when any of it differs', () => {
    const ends = new SharedEnds(10);
    const one = ends.read(JSON.stringify(billing('one')));
    const two = ends.read(JSON.stringify({ ...billing('two'), ttl: { ...ttl, remove_after: 61 } }));
    expect(two.ttl.remove_after).toBe(61);
    expect(two.metadata).not.toBe(one.metadata);
  });

  test('are forgotten when there are too many', () => {
    const ends = new SharedEnds(2);
    const read = (n: number) => ends.read(JSON.stringify(billing('one', { n }))).metadata;
    const first = read(1);
    expect(read(1)).toBe(first);
    for (const n of [2, 3, 4]) expect(read(n)).toStrictEqual({ n });
    expect(read(1)).not.toBe(first);
    expect(read(1)).toStrictEqual(first);
  });
});

test.each([
  ['nothing before it', { metadata, ttl }],
  ['no metadata', { name: 'a', ttl }],
  ['metadata in its interfaces', { name: 'a', interfaces: { REST: 'x', metadata: 'y' }, metadata, ttl }],
  ['metadata in its interfaces alone', { name: 'a', interfaces: { REST: 'x', metadata: 'y' } }],
  ['metadata in metadata', { name: 'a', metadata: { a: 1, metadata: { b: 2 } }, ttl }],
  ['the same text twice', { name: 'a', deep: { a: 1, metadata, ttl }, metadata, ttl }],
  ['a list of such', { name: 'a', deep: [{ a: 1, metadata, ttl }], metadata, ttl }],
  ['more behind it', { name: 'a', metadata, ttl, of_a_later_version: [1] }],
  ['metadata last', { name: 'a', ttl, metadata }],
])('a text with %s is read as JSON says, at first and again', (_, value) => {
  const ends = new SharedEnds(10);
  for (let time = 0; time < 2; time++) {
    for (const json of [JSON.stringify(value), JSON.stringify(billing('one')), JSON.stringify(value)]) {
      expect(ends.read(json)).toEqual(JSON.parse(json));
    }
  }
});

test.each([
  '',
  '{',
  '{"name":"a","metadata":{},"ttl":{}',
  '{"name":"a"},"metadata":{},"ttl":{}}',
  'a,"metadata":{},"ttl":{}}',
])('%j is refused, whatever was read before', (text) => {
  const ends = new SharedEnds(10);
  ends.read('{"name":"a","metadata":{},"ttl":{}}');
  for (let time = 0; time < 2; time++) expect(() => ends.read(text)).toThrow(SyntaxError);
});
