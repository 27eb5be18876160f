import type { Instance } from './machine.ts';
import { madeOnce } from './made-once.ts';
import { RecentMap } from './recent-map.ts';
import type { InstanceRecord } from './records.ts';

/**
 * From a second to its text, up to the point before the milliseconds: a list says two times for each of its instances. An
 * hour and a bit: instances that report share their seconds, and what came before is soon asked for no more.
 */
const textOfSecond = madeOnce(new RecentMap<number, string>(8_192), (second) =>
  new Date(second * 1_000).toISOString().slice(0, -'000Z'.length),
);
const textOfMillisecond = Array.from({ length: 1_000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`);

/** RFC 3339, UTC, milliseconds, `Z`. @param epochMs whole milliseconds. @throws RangeError for a time that is none */
export function formatTimestamp(epochMs: number): string {
  const second = Math.floor(epochMs / 1_000);
  return `${textOfSecond(second)}${textOfMillisecond[epochMs - second * 1_000]}`;
}

/**
 * The instance as every read shows it. Whoever shows it again while it has not changed gets the same object, and with it
 * all that was made of that.
 */
export const toRecord = madeOnce(new RecentMap<Instance, InstanceRecord>(8_192), (instance: Instance) => {
  const { registration, status, lastHeartbeatMs, registeredAtMs, revision, leaseId } = instance;
  return {
    name: registration.name,
    id: registration.id,
    version: registration.version,
    interfaces: registration.interfaces,
    metadata: registration.metadata,
    ttl: registration.ttl,
    status,
    last_heartbeat: formatTimestamp(lastHeartbeatMs),
    registered_at: formatTimestamp(registeredAtMs),
    revision,
    lease_id: leaseId,
  };
});
