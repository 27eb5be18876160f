import { afterAll, beforeAll, expect, test } from 'vitest';
import { ChaosClient, Witness } from './chaos-clients.ts';
import { expectLinearizable } from './chaos-history.ts';
import { ChaosRival } from './chaos-rivals.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { waitFor } from './wait-for.ts';

const kills = 20;
const clientCount = 6;
const rivalCount = 3;

let cluster: Cluster;

beforeAll(async () => {
  // Leases long enough that none runs out: whatever is missing at the end was lost, not expired.
  cluster = await startCluster({
    env: {
      MANIFEST_UNHEALTHY_AFTER: '900',
      MANIFEST_REMOVE_AFTER: '1800',
      MANIFEST_SNAPSHOT_EVERY_ENTRIES: '2000',
      MANIFEST_KEEP_ENTRIES: '200',
    },
  });
});

afterAll(() => cluster?.stop());

test(`${kills} killed leaders lose no acknowledged write and turn no read back in time, and all that was seen has an order`, async () => {
  const witness = new Witness();
  const clients = Array.from({ length: clientCount }, (_, i) => new ChaosClient(`client-${i}`, cluster.urls, witness));
  const services = clients.map(({ name }) => name);
  const rivals = Array.from(
    { length: rivalCount },
    (_, i) => new ChaosRival(`rival-${i}`, cluster.urls, services, witness.history),
  );
  for (const client of [...clients, ...rivals]) client.start();
  const gapsMs: number[] = [];
  try {
    for (let kill = 1; kill <= kills; kill++) {
      const leader = await cluster.leader();
      const killedMs = performance.now();
      await cluster.kill(leader, 'SIGKILL');
      const next = await waitFor(() => witness.acknowledged.find(({ beganMs }) => beganMs >= killedMs), {
        timeoutMs: 20_000,
        what: 'a write begun after the kill to be acknowledged',
        everyMs: 5,
      });
      gapsMs.push(next.atMs - killedMs);
      console.log(
        `kill ${kill}: node-${leader + 1}, ${Math.round(next.atMs - killedMs)} ms to the next acknowledged write`,
      );
      cluster.startMember(leader);
      await cluster.ready();
    }
  } finally {
    await Promise.all([...clients, ...rivals].map((client) => client.stop()));
  }

  await cluster.ready();
  for (const url of cluster.urls) for (const client of clients) await client.verify(url);
  const hash = await cluster.sameState();
  const sorted = gapsMs.toSorted((a, b) => a - b);
  const medianMs = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  console.log(
    `without a leader: median ${Math.round(medianMs)} ms, worst ${Math.round(sorted.at(-1) ?? 0)} ms; ` +
      `${JSON.stringify(witness.counts)}; every member hashes to ${hash.slice(0, 12)}`,
  );
  // No lease ran out and no member was without the others for long: a record changes only by what a client asked.
  const judged = expectLinearizable(witness.history, {
    removal: false,
    unhealthy: false,
    coldStart: false,
    forgetting: false,
  });
  expect(witness.violations).toEqual([]);
  // Traffic so thin that nothing could have gone wrong would prove nothing.
  expect(witness.counts.acknowledgedWrites).toBeGreaterThan(kills * 20);
  expect(witness.counts.reads).toBeGreaterThan(kills * 10);
  expect(judged.operations).toBeGreaterThan(kills * 100);
  expect(judged.keys).toBeGreaterThan(clientCount);
  expect(judged.unknownOutcomes).toBeGreaterThan(0);
  expect(medianMs).toBeLessThan(1_000);
}, 600_000);
