import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { type Cluster, startCluster } from './cluster.ts';
import { outputOf, startPython } from './python.ts';
import { call, registration } from './rest.ts';
import { waitFor } from './wait-for.ts';

/** What `follow.py` tells at its end. */
interface Report {
  readonly followers: readonly {
    /** Type of the change, `name/id`, revision. */
    readonly told: readonly (readonly [string, string, number])[];
    readonly listed: Readonly<Record<string, string>>;
    readonly synced_at: readonly number[];
  }[];
  readonly cached: Readonly<Record<string, string>>;
  readonly read: Readonly<Record<string, string>>;
  readonly breaks: number;
  /** Heartbeats, failures, registrations again, superseded. */
  readonly managers: Readonly<Record<string, readonly [number, number, number, boolean]>>;
}

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

/** Registers services under ids of their own, and removes half of them; some of the others run out by themselves. */
class ComingAndGoing {
  readonly registered = new Set<string>();
  readonly removed = new Set<string>();
  readonly shortLived = new Set<string>();
  #going = true;
  readonly #done: Promise<void>;

  constructor(urls: readonly string[]) {
    this.#done = this.#run(urls);
  }

  async #run(urls: readonly string[]): Promise<void> {
    for (let turn = 0; this.#going; turn++) {
      const [name, id] = [`come-${turn % 5}`, `i-${turn}`];
      const key = `${name}/${id}`;
      const url = urls[turn % urls.length] ?? '';
      // None runs out but those that are to.
      const remove_after = turn % 20 === 7 ? 3 : 600;
      const ttl = { heartbeat_interval: 1, unhealthy_after: remove_after - 1, remove_after };
      try {
        const answer = await call(url, 'POST', '/v1/services', registration(name, id, { ttl }));
        if (answer.status !== 201) continue;
        this.registered.add(key);
        if (remove_after === 3) this.shortLived.add(key);
        else if (turn % 2 === 0) {
          const end = await call(url, 'DELETE', `/v1/services/${name}/${id}`);
          if (end.status === 204) this.removed.add(key);
        }
      } catch {
        // That member is down just now: whether it happened is for the watchers to say.
      }
    }
  }

  async end(): Promise<void> {
    this.#going = false;
    await this.#done;
  }
}

test('Python watches, caches and heartbeats miss nothing and hear nothing twice while three leaders are killed (traps 35, 36 and 37)', async () => {
  cluster = await startCluster();
  const { urls } = cluster;
  const follower = startPython(['clients/python/live_tests/follow.py'], { MANIFEST_TEST_URLS: urls.join(',') });
  const output = outputOf(follower, 'follow.py');
  try {
    await Promise.race([once(createInterface(follower.stdout), 'line'), output]);
    const traffic = new ComingAndGoing(urls);
    for (let kill = 0; kill < 3; kill++) {
      const leader = await cluster.leader();
      const before = traffic.registered.size;
      await waitFor(() => traffic.registered.size >= before + 30 || undefined, {
        timeoutMs: 30_000,
        what: 'some registrations',
      });
      await cluster.kill(leader, 'SIGKILL');
      await cluster.leader();
      cluster.startMember(leader);
      await cluster.ready();
    }
    await traffic.end();
    const listed = async () => {
      const answer = await call(urls[0] ?? '', 'GET', '/v1/services?limit=1000');
      return { keys: answer.body.map(keyOf) as string[], revision: Number(answer.headers['x-manifest-index']) };
    };
    await waitFor(async () => !(await listed()).keys.some((key) => traffic.shortLived.has(key)) || undefined, {
      timeoutMs: 30_000,
      what: 'those that are to run out to do so',
    });
    const truth = await listed();
    follower.stdin.end(`${truth.revision}\n`);
    const report = JSON.parse((await output).replace('started', '')) as Report;

    const all = report.followers.map(({ told }) => told.filter(([, , revision]) => revision <= truth.revision));
    const shortest = Math.min(...all.map(({ length }) => length));
    for (const [i, { synced_at, listed: known }] of report.followers.entries()) {
      const told = all[i] ?? [];
      // One state at the beginning and none afterwards; then every revision once, in order: none is missing, none is twice.
      expect(synced_at).toHaveLength(1);
      const begin = synced_at[0] ?? Number.NaN;
      const revisions = Array.from({ length: truth.revision - begin }, (_, offset) => begin + 1 + offset);
      expect(told.map(([, , revision]) => revision)).toEqual(revisions);
      expect(told.slice(-shortest)).toEqual(all[0]?.slice(-shortest));
      expect(known).toEqual(report.read);
    }
    expect(report.cached).toEqual(report.read);
    expect(Object.keys(report.read).sort()).toEqual(truth.keys.sort());

    const times = (type: string, key: string) =>
      report.followers.map(({ told }) => told.filter(([what, whom]) => what === type && whom === key).length);
    for (const key of traffic.registered) expect(times('registered', key), key).toEqual([1, 1, 1, 1]);
    for (const key of traffic.removed) expect(times('deregistered', key), key).toEqual([1, 1, 1, 1]);
    for (const key of traffic.shortLived) expect(times('expired', key), key).toEqual([1, 1, 1, 1]);

    expect(Object.keys(report.managers).sort()).toEqual(['by-loop', 'by-thread']);
    for (const [id, [heartbeats, , reregistrations, isSuperseded]] of Object.entries(report.managers)) {
      expect(report.read[`kept/${id}`]).toBe('up');
      expect({ reregistrations, isSuperseded }).toEqual({ reregistrations: 0, isSuperseded: false });
      expect(heartbeats).toBeGreaterThan(3);
    }

    expect(traffic.registered.size).toBeGreaterThanOrEqual(90);
    expect(traffic.shortLived.size).toBeGreaterThan(0);
    // Each member had a watch at first; the third to be killed may be one that came back, where nobody watches.
    expect(report.breaks).toBeGreaterThanOrEqual(2);
    console.log(
      `${shortest} changes and ${report.breaks} broken watches; ${traffic.registered.size} registrations, ` +
        `${traffic.removed.size} removed; heartbeats and failures: ${JSON.stringify(report.managers)}`,
    );
  } finally {
    follower.kill('SIGKILL');
    await output.catch(() => '');
  }
});

test('a Python cache shows instances as unknown, and never none, while the whole cluster starts again (trap 36)', async () => {
  cluster = await startCluster();
  const { urls } = cluster;
  const ids = ['one', 'two', 'three'];
  const ttl = { heartbeat_interval: 60, unhealthy_after: 600, remove_after: 900 };
  for (const id of ids) await call(urls[0] ?? '', 'POST', '/v1/services', registration('steady', id, { ttl }));
  const reader = startPython(['clients/python/live_tests/keep_reading.py'], { MANIFEST_TEST_URLS: urls.join(',') });
  const output = outputOf(reader, 'keep_reading.py');
  const lines: string[] = [];
  createInterface(reader.stdout).on('line', (line) => lines.push(line));
  const shows = (line: string) =>
    Promise.race([
      waitFor(() => lines.at(-1) === line || undefined, { timeoutMs: 60_000, what: `the reader to show ${line}` }),
      output,
    ]);
  try {
    await shows('["up"]');
    await Promise.all([0, 1, 2].map((i) => cluster?.kill(i, 'SIGKILL')));
    for (const i of [0, 1, 2]) cluster.startMember(i);
    await cluster.ready();
    await shows('["unknown"]');
    for (const id of ids) await call(urls[1] ?? '', 'PUT', `/v1/services/steady/${id}/heartbeat`);
    await shows('["up"]');
    reader.stdin.end();
    await output;
    const report = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
    expect(report).toMatchObject({ counts: [3], problems: [] });
    expect(report.reads).toBeGreaterThan(100);
    console.log(JSON.stringify(report));
  } finally {
    reader.kill('SIGKILL');
    await output.catch(() => '');
  }
});

function keyOf({ name, id }: { readonly name: string; readonly id: string }): string {
  return `${name}/${id}`;
}
