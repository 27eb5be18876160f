import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManifestGrpcClient } from '../../src/client/grpc-client.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import type { ChangeEvent, InstanceRecord, WatchEvent } from '../../src/registry/records.ts';
import { openEvents, type SentEvent } from '../event-source.ts';
import { type GrpcFaceUnderTest, type RestFace, startGrpc, startInFront, startInside } from './faces.ts';
import { FakeRegistry } from './fake-registry.ts';

const record: InstanceRecord = {
  name: 'web',
  id: 'web-1',
  version: '1.0.0',
  interfaces: { REST: 'http://10.0.0.1:80' },
  metadata: { tags: ['core'], text: 'two\nlines' },
  ttl: { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 },
  status: 'up',
  last_heartbeat: '2026-01-01T00:00:00.000Z',
  registered_at: '2026-01-01T00:00:00.000Z',
  revision: 5,
  lease_id: 3,
};

const script: readonly WatchEvent[] = [
  { type: 'current', record },
  { type: 'synced', revision: 6 },
  { type: 'registered', revision: 7, record: { ...record, id: 'web-2', revision: 7 } },
  { type: 'status', revision: 8, record: { ...record, status: 'unhealthy', revision: 8, changed: ['status'] } },
  { type: 'expired', revision: 9, record: { ...record, status: 'down', revision: 9, changed: ['status'] } },
  { type: 'compacted', revision: 12 },
  { type: 'synced', revision: 12 },
  { type: 'progress', revision: 20 },
];

const end = { now: new AbortController() };
beforeEach(() => {
  end.now = new AbortController();
});
const closers: (() => unknown)[] = [];
afterEach(async () => {
  end.now.abort();
  for (const close of closers.splice(0)) await close();
});

async function take(events: AsyncIterable<SentEvent>, count: number): Promise<SentEvent[]> {
  const taken: SentEvent[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

describe.each([
  ['inside a member', startInside],
  ['in front of a member', startInFront],
])('a watch over REST, %s', (_place, start) => {
  let face: RestFace;
  let fake: FakeRegistry;
  beforeEach(async () => {
    fake = new FakeRegistry();
    fake.watched = script;
    face = await start({}, fake);
    closers.push(() => face.close());
  });

  test('sends each event with its id, and records of the present state without', async () => {
    const stream = await openEvents(`${face.url}/v1/watch?initial=true`, end.now.signal);
    expect(stream.status).toBe(200);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-request-id': expect.stringMatching(/./),
    });
    expect(await take(stream.events, script.length)).toEqual([
      { id: null, event: 'current', data: record },
      { id: 6, event: 'synced', data: { revision: 6 } },
      { id: 7, event: 'registered', data: { ...record, id: 'web-2', revision: 7 } },
      { id: 8, event: 'status', data: { ...record, status: 'unhealthy', revision: 8, changed: ['status'] } },
      { id: 9, event: 'expired', data: { ...record, status: 'down', revision: 9, changed: ['status'] } },
      { id: null, event: 'compacted', data: { revision: 12 } },
      { id: 12, event: 'synced', data: { revision: 12 } },
      { id: 20, event: 'progress', data: { revision: 20 } },
    ]);
  });

  test('asks for what the query says', async () => {
    const query =
      'service=web&name=we&tag=a&tag=b&status=down&environment=production&dependency=db&interface=REST&from=4';
    await openEvents(`${face.url}/v1/watch?${query}&consistency=stale`, end.now.signal);
    expect(fake.watches.at(-1)).toMatchObject({
      service: 'web',
      name: 'we',
      tags: ['a', 'b'],
      status: 'down',
      environment: 'production',
      dependency: 'db',
      interface: 'REST',
      from: 4,
    });
    expect(fake.seen.at(-1)).toMatchObject({ consistency: 'stale' });
  });

  test('resumes after Last-Event-ID, whatever the address still says', async () => {
    await openEvents(`${face.url}/v1/watch?from=4&initial=true`, end.now.signal, { 'last-event-id': '17' });
    expect(fake.watches.at(-1)).toMatchObject({ from: 17 });
  });

  test.each([
    ['from=-1', 'from'],
    ['from=x', 'from'],
    ['initial=maybe', 'initial'],
    ['service=A', 'service'],
    ['limit=5', 'limit'],
    ['consistency=some', 'consistency'],
    ['status=good', 'status'],
  ])('refuses %s by its name', async (query, field) => {
    const stream = await openEvents(`${face.url}/v1/watch?${query}`, end.now.signal);
    expect(stream.status).toBe(400);
    expect(stream.body).toMatchObject({ error: 'invalid_parameter', field });
  });

  test('refuses a Last-Event-ID that is none', async () => {
    const stream = await openEvents(`${face.url}/v1/watch`, end.now.signal, { 'last-event-id': 'abc' });
    expect(stream.body).toMatchObject({ error: 'invalid_parameter', field: 'last-event-id' });
  });

  test('fails as any request does while it has not begun', async () => {
    fake.failure = new RegistryError('rate_limit_exceeded', 'Too many watchers.', { retryAfterSeconds: 5 });
    const stream = await openEvents(`${face.url}/v1/watch`, end.now.signal);
    expect(stream.status).toBe(429);
    expect(stream.headers['retry-after']).toBe('5');
  });

  test('ends with the reason when the process stops, which does not wait for its watchers', async () => {
    const stream = await openEvents(`${face.url}/v1/watch`, end.now.signal);
    await take(stream.events, script.length - 1);
    const again = await openEvents(`${face.url}/v1/watch`, end.now.signal);
    const all = (async () => {
      const events: SentEvent[] = [];
      for await (const event of again.events) events.push(event);
      return events;
    })();
    await face.close();
    expect((await all).at(-1)).toMatchObject({
      event: 'closed',
      data: { error: 'service_unavailable', retryable: true },
    });
  });

  test('is over for the registry when its client goes', async () => {
    const ended = new Promise<void>((resolve) => {
      fake.onWatchEnd = resolve;
    });
    const gone = new AbortController();
    const stream = await openEvents(`${face.url}/v1/watch`, gone.signal);
    await take(stream.events, 1);
    gone.abort();
    await ended;
  });

  test('answers HEAD with the headers only', async () => {
    const response = await fetch(`${face.url}/v1/watch`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  });
});

test('a watch over REST ends with the reason right behind its last event', async () => {
  const fake = new FakeRegistry();
  fake.watched = script;
  fake.watchFailure = new RegistryError('service_unavailable', 'Too slow.', { details: { reason: 'too_slow' } });
  const face = await startInside({}, fake);
  closers.push(() => face.close());
  for (let round = 0; round < 5; round++) {
    const stream = await openEvents(`${face.url}/v1/watch`, end.now.signal);
    const events: SentEvent[] = [];
    for await (const event of stream.events) events.push(event);
    expect(events).toHaveLength(script.length + 1);
    expect(events.at(-1)).toMatchObject({ event: 'closed', data: { details: { reason: 'too_slow' } } });
  }
});

describe('a watch over gRPC', () => {
  const begin = async (fake: FakeRegistry): Promise<GrpcFaceUnderTest> => {
    const face = await startGrpc({}, fake);
    closers.push(() => face.close());
    return face;
  };
  const clientOf = (...endpoints: string[]) => {
    const client = new ManifestGrpcClient({ endpoints, timeoutMs: 5_000 });
    closers.unshift(() => client.close());
    return client;
  };

  test('delivers every kind of event as it is', async () => {
    const fake = new FakeRegistry();
    fake.watched = script;
    const { address } = await begin(fake);
    const events: WatchEvent[] = [];
    for await (const event of clientOf(address).watch({ initial: true })) {
      if (events.push(event) === script.length) break;
    }
    expect(events).toEqual(script);
  });

  test('goes on at another member after what was delivered', async () => {
    const [first, second] = [new FakeRegistry(), new FakeRegistry()];
    const change = (revision: number): ChangeEvent => ({ type: 'registered', revision, record });
    first.watched = [change(7), change(8)];
    second.watched = [change(9)];
    const [one, two] = [await begin(first), await begin(second)];
    const revisions: number[] = [];
    for await (const event of clientOf(one.address, two.address).watch({ service: 'web', from: 6 })) {
      if ('revision' in event) revisions.push(event.revision);
      if (revisions.length === 2) await one.close();
      if (revisions.length === 3) break;
    }
    expect(revisions).toEqual([7, 8, 9]);
    expect(second.watches).toMatchObject([{ service: 'web', from: 8 }]);
  });

  test('begins the present state anew when it was cut short, and says so', async () => {
    const [first, second] = [new FakeRegistry(), new FakeRegistry()];
    first.watched = [{ type: 'current', record }];
    second.watched = [
      { type: 'current', record },
      { type: 'synced', revision: 9 },
    ];
    const [one, two] = [await begin(first), await begin(second)];
    const types: string[] = [];
    for await (const event of clientOf(one.address, two.address).watch({ initial: true })) {
      types.push(event.type);
      if (types.length === 1) await one.close();
      if (event.type === 'synced') break;
    }
    expect(types).toEqual(['current', 'compacted', 'current', 'synced']);
    expect(second.watches).toMatchObject([{ initial: true }]);
    expect(second.watches[0]?.from).toBeUndefined();
  });

  test('ends with an error when no member serves it for the time that it has', async () => {
    const fake = new FakeRegistry();
    const { address, close } = await begin(fake);
    const client = clientOf(address);
    const run = async () => {
      for await (const _ of client.watch({}, { timeoutMs: 300 })) await close();
    };
    await expect(run()).rejects.toMatchObject({ code: 'service_unavailable' });
  });

  test('ends in silence when its watcher says so', async () => {
    const fake = new FakeRegistry();
    const { address } = await begin(fake);
    for await (const _ of clientOf(address).watch({}, { signal: end.now.signal })) end.now.abort();
    expect(fake.watches).toHaveLength(1);
  });

  test('refuses what cannot be watched by the name of the field', async () => {
    const { address } = await begin(new FakeRegistry());
    const events = clientOf(address).watch({ service: 'NO' });
    await expect(events.next()).rejects.toMatchObject({ code: 'invalid_parameter', field: 'service' });
  });
});
