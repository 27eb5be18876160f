import { setMaxListeners } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { ManifestGrpcClient } from '../../src/client/index.ts';
import { Link } from '../chaos/link.ts';
import { openEvents } from '../event-source.ts';
import { Cluster } from './cluster.ts';
import { call, registration } from './rest.ts';
import { waitFor } from './wait-for.ts';
import { type Change, isChange, Log, type Part, toChange } from './watch-histories/change.ts';
import { Commotion, cutLinks, killLeaders, longTtl } from './watch-histories/commotion.ts';
import { History } from './watch-histories/history.ts';
import { GrpcWatcher, type HistoryWatcher, Sightings, SseWatcher } from './watch-histories/watchers.ts';

const watcherCount = Number(process.env.WATCH_HISTORIES_WATCHERS ?? 1_000);
/** Kills and cuts go on for this long, and at least until there were enough of them. */
const seconds = Number(process.env.WATCH_HISTORIES_SECONDS ?? 25);
const leastKills = 3;
const leastCuts = 6;
const watchesPerClient = 10;
const quietServices = 20;
/** Between two attempts to change something. */
const changeEveryMs = 30;

const hot = 'hot';
const others = ['warm', 'mild'];

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

/** Half of all watch the hot service, four in ten services where nothing happens, and the rest something in between. */
function partOf(number: number): Part {
  if (number % 2 === 0) return { service: hot };
  const kind = number % 10;
  if (kind !== 9) return { service: `quiet-${Math.floor(number / 10) % quietServices}` };
  const parts: readonly Part[] = [{}, { tag: 'odd' }, { service: 'warm' }, { service: hot, tag: 'round' }];
  return parts[Math.floor(number / 10) % parts.length] ?? {};
}

const isUninvolved = ({ part }: HistoryWatcher) => part.service?.startsWith('quiet') === true;

test(`${watcherCount} watchers each see the history of the log while leaders are killed and connections cut (traps 36, 37 and 38)`, async () => {
  const cluster = await Cluster.start({
    env: { MANIFEST_TTL_MIN: '0.5', MANIFEST_SNAPSHOT_EVERY_ENTRIES: '10000000' },
  });
  undo.push(() => cluster.stop());
  const [rest, grpc] = await Promise.all([
    Promise.all(cluster.members.map((member) => openLink(member.rest))),
    Promise.all(cluster.members.map((member) => openLink(member.grpc))),
  ]);
  for (let number = 0; number < quietServices; number++) await registerQuiet(cluster, number);
  const { revision: start } = await present(cluster);

  const sightings = new Sightings();
  const watchers = openWatchers(rest, grpc, start, sightings);
  await waitFor(() => watchers.every(({ from }) => from !== null) || undefined, {
    timeoutMs: 60_000,
    what: 'every watcher to be let in',
  });

  const commotion = new Commotion();
  undo.push(() => commotion.stop());
  commotion.start(cluster.urls, [hot, ...others], changeEveryMs);
  const untilMs = performance.now() + seconds * 1_000;
  const goesOn = (least: number) => (count: number) => count < least || performance.now() < untilMs;
  const [kills, cuts] = await Promise.all([
    killLeaders(cluster, commotion, goesOn(leastKills)),
    cutLinks([...rest, ...grpc], goesOn(leastCuts)),
  ]);
  await commotion.stop();
  await cluster.ready(60_000);
  const heardByUninvolved = watchers.filter(isUninvolved).reduce((sum, { revisions }) => sum + revisions.length, 0);

  // Whoever heard nothing hears this: their silence was none of a broken line.
  for (let number = 0; number < quietServices; number++) await registerQuiet(cluster, number);
  const end = await present(cluster);
  const logs = await Promise.all(cluster.urls.map((url) => readLog(url, end.revision)));
  const [log] = logs;
  if (!log) throw new Error('There is no log.');
  const histories = watchers.map((watcher) => new History(watcher, log));
  // Who is not through by then is told below, with what it misses.
  const through = { timeoutMs: 60_000, everyMs: 250, what: 'watchers to be through' };
  await waitFor(() => histories.every((history) => history.isThrough) || undefined, through).catch(() => {});

  const resumptions = watchers.reduce((sum, watcher) => sum + watcher.resumptions, 0);
  const heard = watchers.reduce((sum, { revisions }) => sum + revisions.length, 0);
  console.log(
    `${end.revision - start} changes, ${kills} leaders killed, ${cuts} links cut, and over them ${disturbed(rest, grpc)} ` +
      `connections; ${watchers.length} watchers heard ${heard} events, ${heardByUninvolved} of them the ` +
      `${watchers.filter(isUninvolved).length} that were uninvolved; those over SSE resumed ${resumptions} times`,
  );
  for (const each of logs) expect(each.texts).toEqual(log.texts);
  expect(sightings.violations).toEqual([]);
  expect(histories.flatMap((history) => history.difference ?? [])).toEqual([]);
  for (const [revision, text] of sightings.texts) {
    if (revision <= log.lastRevision) expect([revision, text]).toEqual([revision, log.get(revision)?.text]);
  }
  expect(heardByUninvolved).toBe(0);

  // The log is the whole truth: what was confirmed is in it, and what is listed follows from it.
  for (const { key, revision, leaseId } of commotion.registrations) {
    expect(log.get(revision)).toMatchObject({ key, leaseId, isRegistration: true });
  }
  expect(end.listed).toEqual(
    [...log.listed.values()].map(({ key, leaseId, status }) => `${key} ${leaseId} ${status}`).sort(),
  );

  expect(kills).toBeGreaterThanOrEqual(leastKills);
  expect(cuts).toBeGreaterThanOrEqual(leastCuts);
  expect(end.revision - start).toBeGreaterThan(100);
  expect(resumptions).toBeGreaterThan(watcherCount);
  const kinds = new Set(log.texts.map((text) => text.split(' ', 1)[0]));
  expect([...kinds].sort()).toEqual(['deregistered', 'expired', 'registered', 'status', 'updated']);
});

async function openLink(port: number): Promise<Link> {
  const link = await Link.open(port, Math.random);
  undo.push(() => link.close());
  return link;
}

async function registerQuiet(cluster: Cluster, number: number): Promise<void> {
  const body = registration(`quiet-${number}`, 'only', { ttl: longTtl });
  expect((await call(cluster.url(0), 'POST', '/v1/services', body)).status).toBeLessThan(300);
}

/** Two thirds over SSE, a connection each, the others over gRPC; each begins at another member than the one before. */
function openWatchers(
  rest: readonly Link[],
  grpc: readonly Link[],
  start: number,
  sightings: Sightings,
): readonly HistoryWatcher[] {
  const end = new AbortController();
  setMaxListeners(0, end.signal);
  const urls = rest.map(({ port }) => `http://127.0.0.1:${port}`);
  const addresses = grpc.map(({ port }) => `127.0.0.1:${port}`);
  const clients: ManifestGrpcClient[] = [];
  const clientFor = (number: number) => {
    const position = Math.floor(number / (3 * watchesPerClient));
    // A watch may wait for a member for longer than all are away at once.
    clients[position] ??= new ManifestGrpcClient({ endpoints: rotated(addresses, position), timeoutMs: 60_000 });
    return clients[position];
  };
  const watchers = Array.from({ length: watcherCount }, (_, number): HistoryWatcher => {
    const part = partOf(number);
    const label = `watcher ${number} of ${JSON.stringify(part)}`;
    if (number % 3 === 2) {
      return new GrpcWatcher({ label, part, from: start }, clientFor(number), sightings, end.signal);
    }
    const isNew = number % 5 === 0;
    const resumesBy = number % 7 === 0 ? 'address' : 'header';
    const plan = { label, part, from: isNew ? null : start };
    return new SseWatcher(plan, rotated(urls, number), resumesBy, sightings, end.signal);
  });
  undo.push(async () => {
    end.abort();
    await Promise.all(watchers.map(({ done }) => done));
    for (const client of clients) client.close();
  });
  return watchers;
}

function rotated<T>(items: readonly T[], by: number): T[] {
  return items.map((_, i) => items[(i + by) % items.length] as T);
}

/** Connections that a cut found open, and pieces of data that it held up or lost. */
function disturbed(...links: readonly (readonly Link[])[]): number {
  return links.flat().reduce((sum, link) => sum + link.disturbed, 0);
}

/** All changes that one member knows of, through revision `last`: what it has applied of the log, also since it restarted. */
async function readLog(url: string, last: number): Promise<Log> {
  const end = new AbortController();
  const changes: Change[] = [];
  const stream = await openEvents(`${url}/v1/watch?from=0`, end.signal);
  for await (const { event, id, data } of stream.events) {
    if (isChange(event)) changes.push(toChange(event, id ?? 0, data));
    if ((id ?? 0) >= last) break;
  }
  end.abort();
  return new Log(changes);
}

/** What is listed, and as of which revision. */
async function present(cluster: Cluster): Promise<{ readonly revision: number; readonly listed: readonly string[] }> {
  const { headers, body } = await call(cluster.url(0), 'GET', '/v1/services?limit=1000');
  const listed = body.map(
    ({ name, id, lease_id, status }: Record<string, unknown>) => `${name}/${id} ${lease_id} ${status}`,
  );
  return { revision: Number(headers['x-manifest-index']), listed: listed.sort() };
}
