import { afterEach, expect, test } from 'vitest';
import {
  type KeptRegistration,
  ManifestGrpcClient,
  type ServiceView,
  type ViewChange,
} from '../../src/client/index.ts';
import type { ChangeEvent } from '../../src/registry/records.ts';
import { Cluster } from './cluster.ts';
import { waitFor } from './wait-for.ts';

const service = 'kept';
const instances = 24;
const leaderKills = 3;
/** Seconds. Short, so that whoever is not heard of is gone within the test; and long beside the noise of a machine. */
const ttl = { heartbeat_interval: 0.5, unhealthy_after: 8, remove_after: 10 };

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

function clientOf(cluster: Cluster, first: number): ManifestGrpcClient {
  const { grpcAddresses } = cluster;
  const endpoints = grpcAddresses.map((_, i) => grpcAddresses[(i + first) % grpcAddresses.length] ?? '');
  const client = new ManifestGrpcClient({ endpoints, timeoutMs: 30_000 });
  undo.push(() => client.close());
  return client;
}

/** Reads a view all the time, as a program would that sends each of its requests somewhere. */
class Reader {
  readonly view: ServiceView;
  readonly changes: ViewChange[] = [];
  reads = 0;
  /** Most milliseconds for which the view was not level with the registry. */
  oldestMs = 0;
  /** What it should never have seen. */
  readonly gaps: string[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(view: ServiceView) {
    this.view = view;
    void this.#follow();
    this.#timer = setInterval(() => this.#read(), 5);
    undo.push(() => clearInterval(this.#timer));
  }

  async #follow(): Promise<void> {
    for await (const change of this.view) this.changes.push(change);
  }

  #read(): void {
    this.reads++;
    this.oldestMs = Math.max(this.oldestMs, this.view.ageMs ?? 0);
    const found = this.view.get(service).length;
    if (found !== instances || this.view.pick(service) === null) this.gaps.push(`${found} at ${this.view.revision}`);
  }
}

async function keep(cluster: Cluster): Promise<KeptRegistration[]> {
  const clients = cluster.members.map((_, i) => clientOf(cluster, i));
  const kept = await Promise.all(
    Array.from({ length: instances }, (_, i) => {
      const registration = { name: service, id: `kept-${i}`, version: '1.0.0', interfaces: { CLI: 'kept' }, ttl };
      return clients[i % clients.length]?.keepRegistered(registration);
    }),
  );
  return kept.filter((each) => each !== undefined);
}

/** @returns what waits until every instance was heard of for longer than its lease from now on: else it would be gone */
function leaseOf(kept: readonly KeptRegistration[]): () => Promise<unknown> {
  const goals = kept.map(({ heartbeats }) => heartbeats + (1.3 * ttl.remove_after) / ttl.heartbeat_interval);
  const isOver = () => kept.every(({ heartbeats }, i) => heartbeats >= (goals[i] ?? 0)) || undefined;
  return () => waitFor(isOver, { timeoutMs: 120_000, what: 'heartbeats past the lease' });
}

/** What happened to the service after a revision, as one member has it from the log. */
async function logOf(client: ManifestGrpcClient, from: number, last: number): Promise<string[]> {
  const changes: string[] = [];
  for await (const event of client.watch({ from })) {
    if (isChange(event) && event.record.name === service) changes.push(textOf(event));
    if ('revision' in event && event.revision >= last) break;
  }
  return changes;
}

const isChange = (event: object): event is ChangeEvent => 'record' in event && 'revision' in event;
const textOf = ({ revision, type, record }: ChangeEvent) => `${revision} ${type} ${record.id} ${record.status}`;

test('while leaders are killed and the whole registry restarts, no kept instance vanishes for those who follow it', async () => {
  const cluster = await Cluster.start({ env: { MANIFEST_TTL_MIN: '0.5' } });
  undo.push(() => cluster.stop());
  const watching = clientOf(cluster, 0);
  const { revision: start } = await watching.list({});
  const heard: string[] = [];
  const end = new AbortController();
  undo.push(() => end.abort());
  const watched = (async () => {
    for await (const event of watching.watch({ service, from: start }, { signal: end.signal })) {
      if (isChange(event)) heard.push(textOf(event));
      else expect(event.type).toBe('progress');
    }
  })();
  const kept = await keep(cluster);
  const view = clientOf(cluster, 1).follow({ service });
  await waitFor(() => (view.state === 'live' && view.size === instances) || undefined, {
    timeoutMs: 20_000,
    what: 'the view to have all',
  });
  const reader = new Reader(view);
  const firstLease = leaseOf(kept);

  for (let kill = 0; kill < leaderKills; kill++) {
    const leader = await cluster.leader(60_000);
    await cluster.kill(leader);
    await cluster.leader(60_000);
    cluster.startMember(leader);
    await cluster.ready(60_000);
  }
  await firstLease();
  const { oldestMs } = reader;
  const { value: all } = await watching.getInstances(service, {});
  expect(all.map(({ status }) => status)).toEqual(Array(instances).fill('up'));

  for (const i of [0, 1, 2]) await cluster.kill(i);
  for (const i of [0, 1, 2]) cluster.startMember(i);
  await cluster.ready(60_000);
  await leaseOf(kept)();

  const now = await watching.getInstances(service, {});
  await waitFor(() => (view.state === 'live' && (view.revision ?? 0) >= now.revision) || undefined, {
    timeoutMs: 30_000,
    what: 'the view to be level',
  });
  await waitFor(() => Number.parseInt(heard.at(-1) ?? '', 10) >= Math.max(...revisionsOf(view)) || undefined, {
    timeoutMs: 30_000,
    what: 'the watch to be level',
  });
  end.abort();
  await watched;
  const failures = kept.reduce((sum, each) => sum + each.failures, 0);
  console.log(
    `${reader.reads} reads of the view while ${leaderKills} leaders were killed (at most ${Math.round(oldestMs)} ms behind) and all ` +
      `members restarted (${Math.round(reader.oldestMs)} ms); ${heard.length} changes, ${failures} heartbeats failed`,
  );

  expect(reader.gaps).toEqual([]);
  expect(reader.reads).toBeGreaterThan(500);
  expect(reader.changes.filter(({ type }) => type === 'removed')).toEqual([]);
  expect(kept.map(({ state, reregistrations }) => `${state} ${reregistrations}`)).toEqual(
    Array(instances).fill('kept 0'),
  );
  expect(view.all()).toMatchObject(now.value.map(({ id, lease_id }) => ({ id, lease_id, status: 'up' })));

  // Each came once, was of unknown health after the restart of all, and then well again: and nothing else happened.
  expect(heard).toEqual((await logOf(watching, start, now.revision)).slice(0, heard.length));
  for (const { id } of kept) {
    const story = heard.filter((line) => line.includes(` ${id} `)).map((line) => line.split(' ').slice(1).join(' '));
    expect(story).toEqual([`registered ${id} up`, `status ${id} unknown`, `status ${id} up`]);
  }

  // And they are gone at once when they end.
  await Promise.all(kept.map((each) => each.stop()));
  expect((await watching.getInstances(service, {})).value).toEqual([]);
});

function revisionsOf(view: ServiceView): number[] {
  return view.all().map(({ revision }) => revision);
}
