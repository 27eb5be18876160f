import { madeOnce } from '../../registry/made-once.ts';
import type { InstanceRecord } from '../../registry/records.ts';
import { RegistrationMemory } from '../registration-memory.ts';
import type { ElementJson } from './sliced-json.ts';

/** JSON of the registration, but for the brace that ends it. */
const beginnings = new RegistrationMemory<string>((registration) => JSON.stringify(registration).slice(0, -1));

/** The same text as `JSON.stringify` makes. What the registry itself says of an instance has no character to escape. */
function recordJson(record: InstanceRecord): string {
  const { status, last_heartbeat, registered_at, revision, lease_id } = record;
  return `${beginnings.of(record)},"status":"${status}","last_heartbeat":"${last_heartbeat}","registered_at":"${registered_at}","revision":${revision},"lease_id":${lease_id}}`;
}

const comma = 0x2c;

/** Made once for each record: lists are asked for again and again while most of what is in them stays the same. */
const recordBytes = madeOnce(new WeakMap<InstanceRecord, Buffer>(), (record: InstanceRecord) =>
  Buffer.from(recordJson(record)),
);

function recordsBytes(records: readonly InstanceRecord[]): Buffer {
  const parts = records.map(recordBytes);
  const commas = Math.max(0, parts.length - 1);
  const all = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + length, commas));
  let at = 0;
  for (const part of parts) {
    if (at > 0) all[at++] = comma;
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Whole records, as `JSON.stringify` writes them. */
export const recordsJson: ElementJson<InstanceRecord> = { one: recordJson, some: recordsBytes };
