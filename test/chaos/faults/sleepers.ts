import type { InstanceRecord } from '../../../src/registry/records.ts';
import { call, registration } from '../../process/rest.ts';
import { waitFor } from '../../process/wait-for.ts';
import { nameOf, type Scene } from '../fault.ts';

const sleeperCount = 4;
const looksAtEach = 10;
const patienceMs = 60_000;

let groups = 0;

/** Registers instances that nobody reports for. @returns the name of their service */
export async function startSleepers({ cluster }: Scene): Promise<string> {
  const name = `sleeper-${++groups}`;
  for (let i = 0; i < sleeperCount; i++) {
    await waitFor(
      async () => {
        const url = cluster.processes.url(i % cluster.size);
        const { status } = await call(url, 'POST', '/v1/services', registration(name, `${name}-${i}`));
        return status === 201 || status === 200 ? true : undefined;
      },
      { timeoutMs: patienceMs, what: 'a sleeping instance to be registered' },
    );
  }
  return name;
}

/**
 * After a start of the whole cluster nobody knows how they are: from the first answer of each member on, every read is to
 * say so, until they report.
 */
export async function sleepersAfterColdStart({ cluster, traffic }: Scene, name: string): Promise<void> {
  await Promise.all(
    cluster.all.map(async (member) => {
      for (let look = 0; look < looksAtEach; look++) {
        const seen = await statuses(cluster.processes.url(member), name);
        const wrong = seen.length !== sleeperCount || seen.some((status) => status !== 'unknown');
        if (!wrong) continue;
        traffic.violation(`after all members were killed, ${nameOf(member)} showed ${name} as [${seen.join(', ')}]`);
        return;
      }
    }),
  );
  const awake = cluster.processes.url(0);
  for (let i = 0; i < sleeperCount; i++) {
    await waitFor(
      async () => {
        const { status } = await call(awake, 'PUT', `/v1/services/${name}/${name}-${i}/heartbeat`);
        return status === 204 ? true : undefined;
      },
      { timeoutMs: patienceMs, what: 'a sleeping instance to report' },
    );
  }
  const seen = await statuses(awake, name);
  if (seen.some((status) => status !== 'up')) {
    traffic.violation(`${name} had reported and was shown as [${seen.join(', ')}]`);
  }
}

function statuses(url: string, name: string): Promise<InstanceRecord['status'][]> {
  return waitFor(
    async () => {
      const { status, body } = await call(url, 'GET', `/v1/services/${name}/instances`, undefined, {
        timeoutMs: 3_000,
      });
      return status === 200 ? body.map((record: InstanceRecord) => record.status) : undefined;
    },
    { timeoutMs: patienceMs, everyMs: 5, what: `${url} to answer a read` },
  );
}
