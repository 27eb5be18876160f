import type { Link } from '../../chaos/link.ts';
import type { Cluster } from '../cluster.ts';
import { call, registration } from '../rest.ts';
import { waitFor } from '../wait-for.ts';

const instancesPerService = 30;

/** So short that it runs out within the test, as nobody sends heartbeats. */
const briefTtl = { heartbeat_interval: 0.5, unhealthy_after: 1, remove_after: 2 };

/** Never runs out within a test. */
export const longTtl = { heartbeat_interval: 3_600, unhealthy_after: 43_200, remove_after: 86_400 };

const tags = ['odd', 'round'];

/** A registration that a member confirmed. */
export interface Confirmed {
  readonly key: string;
  readonly revision: number;
  readonly leaseId: number;
}

/** Lets instances of some services come, change, and go: told to, or by the end of their lease. */
export class Commotion {
  readonly registrations: Confirmed[] = [];
  #writes = 0;
  #runs = true;
  #done: Promise<unknown> = Promise.resolve();

  /** @param services the first is the one where most happens */
  start(urls: readonly string[], services: readonly string[], everyMs: number): void {
    const [hot = '', ...others] = services;
    this.#done = Promise.all(
      urls.map(async (url) => {
        while (this.#runs) {
          const other = others[Math.floor(Math.random() * others.length)] ?? hot;
          await this.#write(url, Math.random() < 0.75 ? hot : other).catch(() => {});
          await pause(everyMs * urls.length * (0.5 + Math.random()));
        }
      }),
    );
  }

  /** Writes that members confirmed. */
  get writes(): number {
    return this.#writes;
  }

  async stop(): Promise<void> {
    this.#runs = false;
    await this.#done;
  }

  async #write(url: string, service: string): Promise<void> {
    const number = Math.floor(Math.random() * instancesPerService);
    const id = `${service}-${number}`;
    if (Math.random() < 0.35) {
      const { status } = await call(url, 'DELETE', `/v1/services/${service}/${id}`);
      if (status === 204) this.#writes++;
      return;
    }
    const metadata = { tags: tags.filter(() => Math.random() < 0.5) };
    const ttl = number % 3 === 0 ? briefTtl : longTtl;
    const { status, body } = await call(url, 'POST', '/v1/services', registration(service, id, { metadata, ttl }));
    if (status >= 300) return;
    this.#writes++;
    this.registrations.push({ key: `${service}/${id}`, revision: body.revision, leaseId: body.lease_id });
  }
}

/** Kills one leader after another with SIGKILL, and starts each again, while `goesOn` says so. @returns how many */
export async function killLeaders(cluster: Cluster, commotion: Commotion, goesOn: (kills: number) => boolean) {
  let kills = 0;
  while (goesOn(kills)) {
    const leader = await cluster.leader(60_000);
    await writesGoOn(commotion);
    await cluster.kill(leader);
    kills++;
    await cluster.leader(60_000);
    await writesGoOn(commotion);
    cluster.startMember(leader);
    await cluster.ready(60_000);
  }
  return kills;
}

async function writesGoOn(commotion: Commotion): Promise<void> {
  const goal = commotion.writes + 15;
  await waitFor(() => commotion.writes >= goal || undefined, { timeoutMs: 60_000, what: 'some writes' });
}

/** Cuts all that goes through one link after another; every other time it swallows what is sent first. @returns how many */
export async function cutLinks(links: readonly Link[], goesOn: (cuts: number) => boolean): Promise<number> {
  let cuts = 0;
  while (goesOn(cuts)) {
    const link = links[cuts % links.length];
    if (!link) throw new RangeError('There is no link to cut.');
    if (cuts % 2 === 1) {
      link.set({ kind: 'silent' });
      await pause(500);
    }
    link.set({ kind: 'refusing' });
    cuts++;
    await pause(100);
    link.set({ kind: 'open' });
    await pause(1_500);
  }
  return cuts;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
