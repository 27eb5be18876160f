import { afterEach, expect, test } from 'vitest';
import { type Cluster, startCluster } from './cluster.ts';
import { call, registration } from './rest.ts';
import { waitFor } from './wait-for.ts';

const env = {
  MANIFEST_HEARTBEAT_INTERVAL: '1',
  MANIFEST_UNHEALTHY_AFTER: '30',
  MANIFEST_REMOVE_AFTER: '60',
  MANIFEST_TTL_MIN: '0.5',
};

let cluster: Cluster | undefined;
afterEach(() => cluster?.stop());

/** Every status that a linearizable read shows, for instances that a test registered. */
async function statuses(url: string): Promise<string[]> {
  const { status, body } = await call(url, 'GET', '/v1/services?name=survivor');
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return body.map((record: { status: string }) => record.status);
}

test('after a restart of all members every read shows unknown until the heartbeat, and the unreported go after a full period', async () => {
  cluster = await startCluster({ env });
  const { urls, members } = cluster;
  // Short leases of their own, so that the full period passes within the test.
  const ttl = { heartbeat_interval: 1, unhealthy_after: 2, remove_after: 4 };
  for (let i = 0; i < 5; i++) {
    await call(urls[0] ?? '', 'POST', '/v1/services', registration('survivor', `survivor-${i}`, { ttl }));
  }
  await Promise.all(members.map((_, i) => cluster?.kill(i, 'SIGKILL')));

  const restartedMs = performance.now();
  members.forEach((_, i) => {
    cluster?.startMember(i);
  });
  // From the very first answer on, on every member: never a leftover "up".
  const firstSeen = await Promise.all(
    urls.map((url) => waitFor(() => statuses(url), { timeoutMs: 30_000, everyMs: 2, what: `a read at ${url}` })),
  );
  for (const seen of firstSeen) expect(seen).toEqual(Array(5).fill('unknown'));
  const firstReadMs = performance.now();

  const beat = await call(urls[1] ?? '', 'PUT', '/v1/services/survivor/survivor-0/heartbeat', undefined, {
    headers: { prefer: 'return=representation' },
  });
  expect([beat.status, beat.body.status]).toEqual([200, 'up']);
  const reporting = setInterval(() => {
    void call(urls[2] ?? '', 'PUT', '/v1/services/survivor/survivor-0/heartbeat').catch(() => {});
  }, 400);
  try {
    const goneMs = await waitFor(
      async () => {
        const seen = await statuses(urls[0] ?? '');
        expect(seen[0]).toBe('up');
        return seen.length === 1 ? performance.now() : undefined;
      },
      { timeoutMs: 20_000, what: 'the unreported to go' },
    );
    expect(goneMs - restartedMs).toBeGreaterThanOrEqual(4_000);
    expect(goneMs - firstReadMs).toBeLessThan(8_000);
  } finally {
    clearInterval(reporting);
  }
});

test('neither the restart of one member nor a change of leader turns anybody unknown', async () => {
  cluster = await startCluster({ env });
  const { urls } = cluster;
  for (let i = 0; i < 5; i++) {
    await call(urls[0] ?? '', 'POST', '/v1/services', registration('survivor', `survivor-${i}`));
  }
  const allUp = async () => {
    for (const url of urls) {
      const seen = await waitFor(() => statuses(url), { timeoutMs: 20_000, what: `a read at ${url}` });
      expect(seen).toEqual(Array(5).fill('up'));
    }
  };
  for (let round = 0; round < 3; round++) {
    const leader = await cluster.leader();
    const follower = (leader + 1) % 3;
    await cluster.kill(follower, 'SIGKILL');
    cluster.startMember(follower);
    await cluster.ready();
    await allUp();

    await cluster.kill(leader, round % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
    await cluster.leader();
    cluster.startMember(leader);
    await cluster.ready();
    await allUp();
  }
});
