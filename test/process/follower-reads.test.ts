import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from './cluster.ts';
import { call, registration } from './rest.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(() => cluster?.stop());

test('a read on any member sees a write that another acknowledged a moment ago, always', async () => {
  for (let i = 0; i < 300; i++) {
    const writer = cluster.urls[i % 3] ?? '';
    const name = `fresh-${i % 20}`;
    const written = await call(writer, 'POST', '/v1/services', registration(name, 'one', { version: `1.0.${i}` }));
    expect([200, 201]).toContain(written.status);
    const reads = await Promise.all(cluster.urls.map((url) => call(url, 'GET', `/v1/services/${name}/one`)));
    for (const read of reads) {
      expect([read.status, read.body.version, read.body.lease_id]).toEqual([200, `1.0.${i}`, written.body.lease_id]);
      expect(Number(read.headers['x-manifest-index'])).toBeGreaterThanOrEqual(written.body.revision);
    }
  }
});

test('a stale read says how old it may be', async () => {
  const { status, headers } = await call(cluster.urls[2] ?? '', 'GET', '/v1/services?consistency=stale');
  expect(status).toBe(200);
  expect(Number(headers['x-manifest-staleness-ms'])).toBeLessThan(5_000);
});

test('with a majority gone, reads and writes are refused as unavailable within the wait, and stale reads go on', async () => {
  const leader = await cluster.leader();
  const last = (leader + 1) % 3;
  const url = cluster.url(last);
  await cluster.kill(leader);
  await cluster.kill((leader + 2) % 3);
  const beganMs = performance.now();
  const [read, write] = await Promise.all([
    call(url, 'GET', '/v1/services'),
    call(url, 'POST', '/v1/services', registration('lonely', 'lonely-1')),
  ]);
  expect([read.status, read.body.error, read.headers['retry-after']]).toEqual([503, 'service_unavailable', '1']);
  expect([503, 504]).toContain(write.status);
  expect(performance.now() - beganMs).toBeLessThan(6_000);
  const stale = await call(url, 'GET', '/v1/services?consistency=stale');
  expect(stale.status).toBe(200);
  const health = await call(url, 'GET', '/v1/health');
  expect([health.status, typeof health.body.reason]).toEqual([503, 'string']);
});
