import { Readable } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { Encoded, encodedInSlices, takingEncoded } from '../../src/api/grpc/encoded.ts';
import { RegistrationMemory } from '../../src/api/registration-memory.ts';
import { recordsJson } from '../../src/api/rest/record-json.ts';
import { jsonInSlices, ListInPieces } from '../../src/api/rest/sliced-json.ts';
import { toInstance } from '../../src/api/wire/messages.ts';
import { messageOf, methodOf } from '../../src/api/wire/protocol.ts';
import { pageOfBytes, recordBytes } from '../../src/api/wire/record-bytes.ts';
import type { InstanceRecord, Registration } from '../../src/registry/records.ts';
import { toRecord } from '../../src/registry/views.ts';
import { MachineDriver } from '../registry/machine-driver.ts';

const driver = new MachineDriver();
for (let i = 0; i < 1_234; i++) driver.register(`svc-${i % 7}`, `i-${i}`, { description: `ü "${i}"`, shard: i });
const records = driver.state.query({}, 10_000, 0).instances.map(toRecord);

/** Turns of the loop that others get while `work` is done. */
async function turnsDuring<T>(work: Promise<T>): Promise<{ readonly result: T; readonly turns: number }> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const result = await work;
  isOver = true;
  return { result, turns };
}

async function textOf(json: string | Buffer | Readable): Promise<string> {
  return json instanceof Readable ? Buffer.concat(await json.toArray()).toString() : String(json);
}

test.each<[string, object]>([
  ['no element', []],
  ['a few', records.slice(0, 3)],
  ['a slice', records.slice(0, 200)],
  ['a slice and one', records.slice(0, 201)],
  ['a page', records.slice(0, 1_000)],
  ['many', records],
  ['many in the middle of an object', { first: 1, edges: records, none: [], last: [] }],
  ['lists in an object', { edges: records, none: [], one: 1, absent: undefined, services: [1, 'ü'], nothing: null }],
  ['an object without lists', { name: 'web' }],
])('JSON in slices is the JSON of %s', async (_what, body) => {
  expect(await textOf(await jsonInSlices(body))).toBe(JSON.stringify(body));
});

test.each([0, 1, 200, 201, 1_234])('a list of %d elements that comes in pieces is the same list', async (count) => {
  const some = records.slice(0, count);
  async function* pieces() {
    for (let begin = 0; begin < count; begin += 150) yield JSON.stringify(some.slice(begin, begin + 150)).slice(1, -1);
  }
  expect(await textOf(await jsonInSlices(new ListInPieces(pieces())))).toBe(JSON.stringify(some));
});

test.each([1_000, 1_234])('a list of %d leaves turns to others while it is encoded', async (count) => {
  const text = jsonInSlices(records.slice(0, count)).then(textOf);
  expect((await turnsDuring(text)).turns).toBeGreaterThanOrEqual(count / 200 - 1);
});

interface Response {
  readonly instances?: readonly object[];
  readonly total?: number;
}

const response = messageOf<Response>('manifest.v1.InstancesResponse');

test.each([0, 1, 100, 101, 1_234])('a gRPC response of %d instances in slices is one message', async (count) => {
  const instances = records.slice(0, count);
  const facts = { total: 9_999, revision: 77, leader: 'a', next_cursor: 'c' };
  const { result, turns } = await turnsDuring(encodedInSlices(pageOfBytes, { ...facts, instances }, recordBytes));
  const inOneGo = response.serialize({ ...facts, instances: instances.map(toInstance) });
  expect(response.deserialize(result.bytes)).toEqual(response.deserialize(inOneGo));
  expect(response.deserialize(result.bytes)).toMatchObject({ total: 9_999, revision: 77 });
  expect(response.deserialize(result.bytes).instances).toHaveLength(count);
  if (count > 1_000) expect(turns).toBeGreaterThanOrEqual(Math.floor(count / 100) - 1);
});

/** Whatever a record may hold that an encoder could do in another way than the whole. */
const odd: InstanceRecord = {
  name: 'odd',
  id: 'odd-1',
  version: '1.0.0-ä+"\\',
  interfaces: { REST: 'http://[::1]:1/"ü"', 'a "b"': '\u2028' },
  metadata: {
    nested: { list: [1, null, { deep: [true, 'x'] }], none: {} },
    empty: '',
    number: -0.5,
    description: '😀',
  },
  ttl: { heartbeat_interval: 0.25, unhealthy_after: 30, remove_after: 60.5 },
  status: 'unknown',
  last_heartbeat: '2026-01-02T03:04:05.678Z',
  registered_at: '1970-01-01T00:00:00.000Z',
  revision: 2 ** 53 - 1,
  lease_id: 0,
};

/** One after the other: what is remembered of one must not show in the next. */
const told: readonly InstanceRecord[] = [
  odd,
  { ...odd, status: 'unhealthy', last_heartbeat: '2026-01-02T03:04:15.678Z', revision: 3, lease_id: 4 },
  { ...odd, name: 'other' },
  { ...odd, id: 'odd-2' },
  { ...odd, version: '2.0.0' },
  { ...odd, interfaces: { CLI: 'odd' } },
  { ...odd, ttl: { heartbeat_interval: 1, unhealthy_after: 2, remove_after: 3 } },
  { ...odd, metadata: {} },
  odd,
  ...records,
  ...records,
];

test('the JSON of a record is that of JSON.stringify, whatever was told of its registration before', () => {
  for (const record of told) expect(recordsJson.one(record)).toBe(JSON.stringify(record));
  for (const some of [told, told.slice(0, 1), []]) {
    expect(`[${recordsJson.some(some)}]`).toBe(JSON.stringify(some));
  }
});

test('the bytes of a record say the same as its message, whatever was told of its registration before', () => {
  const message = messageOf<object>('manifest.v1.Instance');
  for (const record of told) {
    expect(message.deserialize(Buffer.from(recordBytes(record)))).toEqual(
      message.deserialize(message.serialize(toInstance(record))),
    );
  }
});

test('a registration is encoded once, however often it is told', () => {
  const make = vi.fn((registration: Registration) => registration.id);
  const memory = new RegistrationMemory(make);
  for (const record of [odd, { ...odd, status: 'up' } as const, odd]) expect(memory.of(record)).toBe('odd-1');
  expect(make).toHaveBeenCalledTimes(1);
  expect(Object.keys(make.mock.calls[0]?.[0] ?? {})).toEqual([
    'name',
    'id',
    'version',
    'interfaces',
    'metadata',
    'ttl',
  ]);
});

test('what is encoded already is sent as it is, and other responses are encoded', () => {
  const method = takingEncoded(methodOf<object, object>('manifest.v1.Registry', 'ListServices'));
  const bytes = Buffer.from('as it is');
  expect(method.responseSerialize(new Encoded(bytes))).toBe(bytes);
  expect(response.deserialize(method.responseSerialize({ total: 3 })).total).toBe(3);
});
