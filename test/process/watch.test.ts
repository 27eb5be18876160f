import { afterEach, expect, test } from 'vitest';
import { ManifestGrpcClient } from '../../src/client/index.ts';
import { openEvents, type SentEvent } from '../event-source.ts';
import { Cluster } from './cluster.ts';
import { call, registration } from './rest.ts';
import { waitFor } from './wait-for.ts';

let cluster: Cluster | undefined;
const ends: AbortController[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) end.abort();
  await cluster?.stop();
  cluster = undefined;
});

interface Seen {
  readonly revision: number;
  readonly what: string;
}

/** Watches everything over SSE, and goes on at the next member whenever a stream ends, as an EventSource would. */
class PatientWatcher {
  readonly seen: Seen[] = [];
  lastEventId: number;
  reconnections = -1;
  readonly done: Promise<void>;

  constructor(urls: readonly string[], from: number, signal: AbortSignal) {
    this.lastEventId = from;
    this.done = this.#run(urls, signal);
  }

  async #run(urls: readonly string[], signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn++) {
      try {
        const headers = { 'last-event-id': String(this.lastEventId) };
        const stream = await openEvents(`${urls[turn % urls.length]}/v1/watch`, signal, headers);
        if (stream.status !== 200) continue;
        this.reconnections++;
        for await (const event of stream.events) this.#take(event);
      } catch {
        // The member is gone: the next one knows as much.
      }
    }
  }

  #take({ id, event, data }: SentEvent): void {
    if (event === 'compacted') throw new Error('The history was lost.');
    if (id !== null) this.lastEventId = id;
    if (event !== 'progress' && event !== 'closed')
      this.seen.push({ revision: id ?? 0, what: `${event} ${data.name}/${data.id}` });
  }
}

test('watchers on every member miss nothing and hear nothing twice while leaders are killed (trap 37)', async () => {
  cluster = await Cluster.start();
  const { urls } = cluster;
  const end = new AbortController();
  ends.push(end);
  const start = Number((await call(cluster.url(0), 'GET', '/v1/services')).headers['x-manifest-index']);
  const watchers = urls.map((_, i) => new PatientWatcher([...urls.slice(i), ...urls.slice(0, i)], start, end.signal));
  const client = new ManifestGrpcClient({ endpoints: cluster.grpcAddresses, timeoutMs: 30_000 });
  const overGrpc: Seen[] = [];
  const grpcDone = (async () => {
    for await (const event of client.watch({ from: start }, { signal: end.signal })) {
      if (!('record' in event) || event.type === 'current') continue;
      const { name, id } = event.record;
      overGrpc.push({ revision: event.revision, what: `${event.type} ${name}/${id}` });
    }
  })();

  let writes = 0;
  let writing = true;
  const writer = (async () => {
    for (let i = 0; writing; i++) {
      const id = `w-${i % 50}`;
      const body = registration('watched', id);
      try {
        const answer =
          i % 3 === 2
            ? await call(urls[i % 3] ?? '', 'DELETE', `/v1/services/watched/${id}`)
            : await call(urls[i % 3] ?? '', 'POST', '/v1/services', body);
        if (answer.status < 300) writes++;
      } catch {
        // That member is down just now.
      }
    }
  })();
  for (let kill = 0; kill < 3; kill++) {
    const leader = await cluster.leader();
    const before = writes;
    await waitFor(() => writes >= before + 50 || undefined, { timeoutMs: 20_000, what: 'some writes' });
    await cluster.kill(leader);
    await cluster.leader();
    cluster.startMember(leader);
    await cluster.ready();
  }
  writing = false;
  await writer;
  const last = Number((await call(cluster.url(0), 'GET', '/v1/services')).headers['x-manifest-index']);
  await waitFor(
    () =>
      (watchers.every(({ seen }) => (seen.at(-1)?.revision ?? 0) >= last) && overGrpc.at(-1)?.revision === last) ||
      undefined,
    { timeoutMs: 20_000, what: 'all watchers to see the last change' },
  );
  end.abort();
  await Promise.all([...watchers.map(({ done }) => done), grpcDone]);
  client.close();

  // Every revision has one event, so none is missing and none is there twice when they are consecutive.
  const revisions = Array.from({ length: last - start }, (_, i) => start + 1 + i);
  expect(revisions.length).toBeGreaterThan(150);
  expect(overGrpc.map(({ revision }) => revision)).toEqual(revisions);
  for (const { seen } of watchers) expect(seen).toEqual(overGrpc);
  const reconnections = watchers.reduce((sum, watcher) => sum + watcher.reconnections, 0);
  // The first kill breaks a watch at least; a member that leads again later may have none any more.
  expect(reconnections).toBeGreaterThan(0);
  console.log(`${revisions.length} changes, ${reconnections} reconnections of ${watchers.length} watchers`);
});

/** What a stream tells of one service through a revision, and where it is whole. */
async function hearOverSse(url: string, path: string, until: number, lastEventId?: number): Promise<string[]> {
  const end = new AbortController();
  ends.push(end);
  const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
  const stream = await openEvents(`${url}/v1/watch?service=resumed${path}`, end.signal, headers);
  const heard: string[] = [];
  for await (const { event, id, data } of stream.events) {
    if (event !== 'progress') heard.push(data.id ? `${event} ${data.id} ${data.status}` : event);
    if ((id ?? 0) >= until) break;
  }
  end.abort();
  return heard;
}

/** The same over gRPC. */
async function hearOverGrpc(endpoint: string, from: number, until: number): Promise<string[]> {
  const client = new ManifestGrpcClient({ endpoints: [endpoint], timeoutMs: 30_000 });
  const heard: string[] = [];
  try {
    for await (const event of client.watch({ service: 'resumed', from })) {
      if ('record' in event) heard.push(`${event.type} ${event.record.id} ${event.record.status}`);
      else if (event.type !== 'progress') heard.push(event.type);
      if ('revision' in event && event.type !== 'compacted' && event.revision >= until) break;
    }
  } finally {
    client.close();
  }
  return heard;
}

/** All turn unknown at once, in whatever order. */
function orderly(heard: readonly string[]): string[] {
  const unknown = heard.filter((line) => line.endsWith('unknown')).sort();
  return heard.map((line) => (line.endsWith('unknown') ? (unknown.shift() ?? '') : line));
}

test('who resumes after a restart of all members, at another one, hears all that happened meanwhile', async () => {
  cluster = await Cluster.start();
  const { urls, grpcAddresses } = cluster;
  const register = (id: string, version = '1.0.0') =>
    call(urls[0] ?? '', 'POST', '/v1/services', registration('resumed', id, { version }));
  const ids = Array.from({ length: 10 }, (_, i) => `r-${i}`);
  for (const id of ids) await register(id);
  const left = Number((await call(urls[0] ?? '', 'GET', '/v1/services')).headers['x-manifest-index']);
  const cameFirst = ids.map((id) => `registered ${id} up`);
  expect(await hearOverSse(urls[0] ?? '', '&from=0', left)).toEqual(cameFirst);
  await call(urls[1] ?? '', 'DELETE', '/v1/services/resumed/r-0');
  await register('r-1', '1.1.0');
  await register('r-10');
  await Promise.all([0, 1, 2].map((i) => cluster?.kill(i)));
  for (const i of [0, 1, 2]) cluster.startMember(i);
  await cluster.ready();
  // Behind everything, so that who has heard of it has heard all.
  await register('last');
  const last = (await register('last')).body.revision;

  const missed = ['deregistered r-0 down', 'updated r-1 up', 'registered r-10 up'];
  const unknown = [...ids.slice(1), 'r-10'].sort().map((id) => `status ${id} unknown`);
  const end = ['registered last up', 'updated last up'];
  for (const [i, url] of urls.entries()) {
    const tail = [...missed, ...unknown, ...end];
    expect(orderly(await hearOverSse(url, '', last, left))).toEqual(tail);
    expect(orderly(await hearOverSse(url, `&from=${left}`, last))).toEqual(tail);
    expect(orderly(await hearOverGrpc(grpcAddresses[i] ?? '', left, last))).toEqual(tail);
    expect(orderly(await hearOverGrpc(grpcAddresses[i] ?? '', 0, last))).toEqual([...cameFirst, ...tail]);
    // A revision that was never reached is of another registry's life: what there is comes instead.
    const anew = await hearOverGrpc(grpcAddresses[i] ?? '', last + 1_000_000, last);
    expect([anew[0], anew.at(-1), anew.length]).toEqual(['compacted', 'synced', 13]);
    expect(anew).toContain('current last up');
    expect(anew).toContain('current r-10 unknown');
  }
});

test('after a restart of all members and a snapshot, a watch goes on or is told to begin anew (traps 36 and 37)', async () => {
  cluster = await Cluster.start({ env: { MANIFEST_SNAPSHOT_EVERY_ENTRIES: '200', MANIFEST_KEEP_ENTRIES: '10' } });
  const { urls } = cluster;
  for (let i = 0; i < 300; i++)
    await call(urls[i % 3] ?? '', 'POST', '/v1/services', registration('kept', `k-${i % 20}`));
  const before = Number((await call(urls[0] ?? '', 'GET', '/v1/services')).headers['x-manifest-index']);
  for (const i of [0, 1, 2]) await cluster.kill(i, i === 0 ? 'SIGTERM' : 'SIGKILL');
  for (const i of [0, 1, 2]) cluster.startMember(i);
  await cluster.ready();

  const collect = async (url: string, until: (event: SentEvent) => boolean): Promise<SentEvent[]> => {
    const end = new AbortController();
    ends.push(end);
    const stream = await openEvents(url, end.signal);
    const events: SentEvent[] = [];
    for await (const event of stream.events) {
      events.push(event);
      if (until(event)) break;
    }
    end.abort();
    return events;
  };
  for (const url of urls) {
    // Nothing of the beginning is known any more: the whole state comes instead, never an empty one.
    const anew = await collect(`${url}/v1/watch?from=0&service=kept`, ({ event }) => event === 'synced');
    expect(anew[0]?.event).toBe('compacted');
    const current = anew.filter(({ event }) => event === 'current');
    expect(current).toHaveLength(20);
    expect(current.every(({ data, id }) => data.status === 'unknown' && id === null)).toBe(true);
    // What is ahead of everything comes from another registry's life.
    const ahead = await collect(
      `${url}/v1/watch?from=${before + 100_000}&service=kept`,
      ({ event }) => event === 'synced',
    );
    expect(ahead.map(({ event }) => event)).toEqual(anew.map(({ event }) => event));
  }
  const initial = await collect(`${urls[1]}/v1/watch?initial=true&service=kept`, ({ event }) => event === 'synced');
  expect(initial.map(({ event }) => event)).toEqual([...Array(20).fill('current'), 'synced']);
});

test('a held query is answered by the change, on any member, and else when the wait is over', async () => {
  cluster = await Cluster.start();
  const { urls } = cluster;
  const missing = await call(urls[1] ?? '', 'GET', '/v1/services/awaited');
  expect(missing.status).toBe(404);
  const index = missing.headers['x-manifest-index'];
  const held = call(urls[1] ?? '', 'GET', `/v1/services/awaited?index=${index}&wait=20s`, undefined, {
    timeoutMs: 40_000,
  });
  const other = call(urls[2] ?? '', 'GET', `/v1/services/other?index=${index}&wait=2s`, undefined, {
    timeoutMs: 40_000,
  });
  let answered = false;
  held.then(() => {
    answered = true;
  });
  expect((await other).status).toBe(404);
  expect(answered).toBe(false);
  await call(urls[0] ?? '', 'POST', '/v1/services', registration('awaited', 'one'));
  const answer = await held;
  expect(answer.status).toBe(200);
  expect(answer.body.id).toBe('one');
  expect(Number(answer.headers['x-manifest-index'])).toBeGreaterThan(Number(index));
});
