import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from './cluster.ts';
import { HeartbeatingService } from './heartbeats.ts';
import { call, registration } from './rest.ts';
import { waitFor } from './wait-for.ts';

/** Lease times a thirtieth of the defaults: a pause of 3 s is as long as one of 90 s. */
const unhealthyAfterMs = 1_000;
const pauseMs = 3_000;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({
    env: {
      MANIFEST_HEARTBEAT_INTERVAL: '0.3',
      MANIFEST_UNHEALTHY_AFTER: String(unhealthyAfterMs / 1_000),
      MANIFEST_REMOVE_AFTER: '2',
      MANIFEST_TTL_MIN: '0.1',
    },
  });
});

afterAll(() => cluster?.stop());

test('a leader that was stopped for three lease times expires nobody and accepts nothing when it goes on', async () => {
  const leader = await cluster.leader();
  const others = cluster.urls.filter((_, i) => i !== leader);
  const services = Array.from(
    { length: 20 },
    (_, i) => new HeartbeatingService(others, 'steady', `steady-${i}`, unhealthyAfterMs / 5),
  );
  await Promise.all(services.map((service) => service.start()));
  const before = await cluster.status(leader);

  await cluster.kill(leader, 'SIGSTOP');
  // A write that reaches the stopped leader waits in its socket; it is answered, if at all, by a member that does not lead.
  const ttl = { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 };
  const late = call(cluster.url(leader), 'POST', '/v1/services', registration('late', 'late-1', { ttl }), {
    timeoutMs: 20_000,
  });
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  const successor = await cluster.leader();
  const during = await cluster.status(successor);
  await cluster.kill(leader, 'SIGCONT');

  const lateAnswer = await late;
  const after = await waitFor(
    async () => {
      const status = await cluster.status(leader);
      const own = status.members.find(({ id }) => id === `node-${leader + 1}`);
      return own?.role === 'follower' && status.leader !== null ? status : undefined;
    },
    { timeoutMs: 10_000, what: 'the old leader to follow' },
  );
  // Long enough for an unfair expiry to be judged, proposed and applied.
  await new Promise((resolve) => setTimeout(resolve, 2 * unhealthyAfterMs));
  const listed = await call(cluster.url(leader), 'GET', '/v1/services?name=steady');
  await Promise.all(services.map((service) => service.stop()));

  expect(successor).not.toBe(leader);
  expect(during.term).toBeGreaterThan(before.term);
  expect(after.term).toBeGreaterThanOrEqual(during.term);
  expect(services.flatMap((service) => service.losses)).toEqual([]);
  expect(Math.min(...services.map((service) => service.renewed))).toBeGreaterThan(5);
  expect(listed.body).toHaveLength(20);
  expect(listed.body.filter((record: { status: string }) => record.status !== 'up')).toEqual([]);
  // Whatever it answered is true on every member: either the new leader took the write, or nobody has it.
  for (const url of cluster.urls) {
    const found = await call(url, 'GET', '/v1/services/late/late-1');
    if (lateAnswer.status === 201) expect(found.status).toBe(200);
    else if (lateAnswer.status !== 504) expect(found.status).toBe(404);
  }
  await cluster.sameState();
});

test('an instance whose heartbeats stop turns unhealthy and goes, to the second', async () => {
  const url = cluster.urls[0] ?? '';
  const beganMs = performance.now();
  await call(url, 'POST', '/v1/services', registration('brief', 'brief-1'));
  const unhealthyMs = await waitFor(
    async () => {
      const { body } = await call(url, 'GET', '/v1/services/brief/brief-1');
      return body.status === 'unhealthy' ? performance.now() - beganMs : undefined;
    },
    { timeoutMs: 10_000, what: 'the instance to turn unhealthy' },
  );
  const removedMs = await waitFor(
    async () => {
      const { status } = await call(url, 'GET', '/v1/services/brief/brief-1');
      return status === 404 ? performance.now() - beganMs : undefined;
    },
    { timeoutMs: 10_000, what: 'the instance to be removed' },
  );
  expect(unhealthyMs).toBeGreaterThanOrEqual(unhealthyAfterMs - 50);
  expect(removedMs).toBeGreaterThanOrEqual(2 * unhealthyAfterMs - 50);
  const late = await call(url, 'PUT', '/v1/services/brief/brief-1/heartbeat');
  expect([late.status, late.body.error]).toEqual([410, 'service_gone']);
});
