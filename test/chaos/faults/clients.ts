import { request } from 'node:http';
import { ManifestGrpcClient } from '../../../src/client/grpc-client.ts';
import { registration } from '../../process/rest.ts';
import { type ActiveFault, type Fault, fault, type Scene } from '../fault.ts';
import type { LinkCondition } from '../link.ts';

/** Clients that come, ask once, and may leave before the answer. */
const comeEveryMs = 40;
const patienceMaxMs = 30;

async function slowClients({ cluster, random, traffic }: Scene): Promise<ActiveFault> {
  const links = cluster.network.clientLinks();
  const before = links.reduce((sum, { disturbed }) => sum + disturbed, 0);
  const condition: LinkCondition = {
    kind: 'slow',
    delayMs: Math.round(random.between(20, 150)),
    jitterMs: 50,
    bytesPerSecond: 20_000,
  };
  for (const link of links) link.set(condition);
  return {
    what: `${condition.delayMs} ms to ${condition.delayMs + condition.jitterMs} ms each way, 20 kB/s`,
    heal: async () => {
      const after = links.reduce((sum, { disturbed }) => sum + disturbed, 0);
      if (after === before) traffic.violation('no client met a slow connection');
      for (const link of links) link.set({ kind: 'open' });
    },
  };
}

async function passingClients(scene: Scene): Promise<ActiveFault> {
  const { traffic } = scene;
  const visits: Promise<void>[] = [];
  let answered = 0;
  let left = 0;
  const timer = setInterval(() => {
    visits.push(
      visit(scene).then((wasAnswered) => {
        if (wasAnswered) answered++;
        else left++;
      }),
    );
  }, comeEveryMs);
  return {
    what: 'new connections for each request, many broken off',
    heal: async () => {
      clearInterval(timer);
      await Promise.all(visits);
      if (answered === 0 || left === 0) {
        traffic.violation(`passing clients: ${answered} waited for an answer, ${left} left; neither may be none`);
      }
    },
  };
}

/** @returns whether the client stayed for its answer */
async function visit({ cluster, traffic, random }: Scene): Promise<boolean> {
  const key = traffic.keys.fresh();
  const version = traffic.nextVersion();
  const member = random.pick(cluster.all);
  const patienceMs = random.chance(0.5) ? null : random.between(0, patienceMaxMs);
  const token = key.beginWrite();
  const pending = traffic.recorder.call(`visitor ${key.id}`, {
    type: 'register',
    name: key.name,
    id: key.id,
    version,
  });
  const body = registration(key.name, key.id, { version });
  const wasAnswered = random.chance(0.3)
    ? await registerOverGrpc(cluster.processes.grpcAddresses[member] ?? '', body, patienceMs)
    : await registerOverRest(cluster.processes.url(member), body, patienceMs);
  // What the answer said is for the final reads to tell: the instance is this visitor's alone.
  key.endWrite(token, null);
  pending.unknown();
  return wasAnswered;
}

function registerOverRest(url: string, body: object, patienceMs: number | null): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(`${url}/v1/services`, {
      method: 'POST',
      agent: false,
      timeout: 3_000,
      headers: { 'content-type': 'application/json' },
    });
    asked.on('error', () => resolve(false));
    asked.on('timeout', () => asked.destroy());
    asked.on('close', () => resolve(false));
    asked.on('response', (answer) => {
      answer.resume();
      answer.on('end', () => resolve(true));
    });
    asked.end(JSON.stringify(body));
    if (patienceMs !== null) setTimeout(() => asked.destroy(), patienceMs);
  });
}

async function registerOverGrpc(address: string, body: object, patienceMs: number | null): Promise<boolean> {
  const client = new ManifestGrpcClient({ endpoints: [address], timeoutMs: 3_000 });
  const timer = patienceMs === null ? null : setTimeout(() => client.close(), patienceMs);
  try {
    await client.register(body);
    return true;
  } catch {
    return false;
  } finally {
    if (timer) clearTimeout(timer);
    client.close();
  }
}

export const clientFaults: readonly Fault[] = [
  fault('slow-clients', 'clients', slowClients),
  fault('passing-clients', 'clients', passingClients),
];
