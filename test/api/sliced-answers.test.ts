import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { Encoded, encodedInSlices, takingEncoded } from '../../src/api/grpc/encoded.ts';
import { jsonInSlices, ListInPieces } from '../../src/api/rest/sliced-json.ts';
import { toInstance } from '../../src/api/wire/messages.ts';
import { messageOf, methodOf } from '../../src/api/wire/protocol.ts';
import type { InstanceRecord } from '../../src/registry/records.ts';
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

test.each([0, 1, 50, 51, 1_234])('a gRPC response of %d instances in slices is one message', async (count) => {
  const instances = records.slice(0, count);
  const facts = { total: 9_999, revision: 77, leader: 'a', next_cursor: 'c' };
  const { result, turns } = await turnsDuring(
    encodedInSlices(response, { ...facts, instances }, toInstance<InstanceRecord>),
  );
  const inOneGo = response.serialize({ ...facts, instances: instances.map(toInstance) });
  expect(response.deserialize(result.bytes)).toEqual(response.deserialize(inOneGo));
  expect(response.deserialize(result.bytes)).toMatchObject({ total: 9_999, revision: 77 });
  expect(response.deserialize(result.bytes).instances).toHaveLength(count);
  if (count > 1_000) expect(turns).toBeGreaterThanOrEqual(20);
});

test('what is encoded already is sent as it is, and other responses are encoded', () => {
  const method = takingEncoded(methodOf<object, object>('manifest.v1.Registry', 'ListServices'));
  const bytes = Buffer.from('as it is');
  expect(method.responseSerialize(new Encoded(bytes))).toBe(bytes);
  expect(response.deserialize(method.responseSerialize({ total: 3 })).total).toBe(3);
});
