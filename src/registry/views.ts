import type { Instance } from './machine.ts';
import type { InstanceRecord } from './records.ts';

/** RFC 3339, UTC, milliseconds, `Z`. */
export function formatTimestamp(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** The instance as every read shows it. */
export function toRecord(instance: Instance): InstanceRecord {
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
}
