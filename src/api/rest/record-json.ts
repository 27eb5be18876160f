import type { InstanceRecord } from '../../registry/records.ts';
import { RegistrationMemory } from '../registration-memory.ts';

/** JSON of the registration, but for the brace that ends it. */
const beginnings = new RegistrationMemory<string>((registration) => JSON.stringify(registration).slice(0, -1));

/** The same text as `JSON.stringify` makes. What the registry itself says of an instance has no character to escape. */
export function recordJson(record: InstanceRecord): string {
  const { status, last_heartbeat, registered_at, revision, lease_id } = record;
  return `${beginnings.of(record)},"status":"${status}","last_heartbeat":"${last_heartbeat}","registered_at":"${registered_at}","revision":${revision},"lease_id":${lease_id}}`;
}
