import type { SeenRecord } from '../linearizability/models/registry-operations.ts';
import { waitFor } from '../process/wait-for.ts';
import { nameOf } from './fault.ts';
import type { Certainty, Key } from './keys.ts';
import { RestFace } from './rest-face.ts';
import type { Stage } from './stage.ts';

const patienceMs = 60_000;

/**
 * Reads every instance that there ever was, on every member: as part of the history, and held against what each client
 * was told last.
 * @returns instances of which it was certain what a reader must find
 */
export async function readAllAtTheEnd({ cluster, traffic }: Stage): Promise<number> {
  const services = byService(traffic.keys.all);
  const face = new RestFace(cluster.processes.urls);
  await Promise.all(
    cluster.all.map(async (member) => {
      for (const [name, keys] of services) {
        const records = await waitFor(
          async () => {
            const outcome = await traffic.perform(
              `final ${nameOf(member)}`,
              face,
              member,
              { type: 'list', name },
              null,
            );
            return outcome.type === 'answered' && outcome.output.type === 'records'
              ? outcome.output.records
              : undefined;
          },
          { timeoutMs: patienceMs, what: `${nameOf(member)} to list ${name}` },
        );
        for (const key of keys) {
          const problem = compare(key.certain, recordOf(key, records));
          if (problem) traffic.violation(`${nameOf(member)}, ${key.id}: ${problem}`);
        }
      }
    }),
  );
  return traffic.keys.all.filter(({ certain }) => certain !== null).length;
}

function byService(keys: readonly Key[]): ReadonlyMap<string, readonly Key[]> {
  const services = new Map<string, Key[]>();
  for (const key of keys) services.set(key.name, [...(services.get(key.name) ?? []), key]);
  return services;
}

function recordOf({ id }: Key, records: readonly SeenRecord[]): SeenRecord | null {
  return records.find((record) => record.id === id) ?? null;
}

/** @returns what is wrong; `null` when nothing is */
export function compare(certain: Certainty | null, found: SeenRecord | null): string | null {
  if (certain === null) return null;
  if (certain.state === 'absent') return found ? `acknowledged as gone, and listed with lease ${found.leaseId}` : null;
  const { version, leaseId } = certain;
  if (!found) return `acknowledged with version ${version} and lease ${leaseId}, and not there`;
  return found.version === version && found.leaseId === leaseId
    ? null
    : `acknowledged with version ${version} and lease ${leaseId}, and there with ${found.version} and ${found.leaseId}`;
}
