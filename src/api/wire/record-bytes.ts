import protobuf from 'protobufjs';
import { protoPath } from '../../codec/load-proto.ts';
import { madeOnce } from '../../registry/made-once.ts';
import type { InstanceRecord } from '../../registry/records.ts';
import { RegistrationMemory } from '../registration-memory.ts';
import { toStruct } from './struct.ts';

const schema = new protobuf.Root().loadSync(protoPath('registry.proto'), { keepCase: true });
const instance = schema.lookupType('manifest.v1.Instance');
const page = schema.lookupType('manifest.v1.InstancesResponse');

// A message in a field and its bytes in one are the same on the wire, so instances can be put in that are encoded already.
const { instances } = page.fields;
if (!instances) throw new Error('manifest.v1.InstancesResponse has no field `instances`.');
page.remove(instances).add(new protobuf.Field(instances.name, instances.id, 'bytes', 'repeated'));

const beginnings = new RegistrationMemory<Uint8Array>((registration) =>
  instance.encode({ ...registration, metadata: toStruct(registration.metadata) }).finish(),
);

/**
 * The bytes of `manifest.v1.Instance`, made once for each record. Messages that are put one behind the other are one
 * message.
 */
export const recordBytes = madeOnce(new WeakMap<InstanceRecord, Uint8Array>(), (record: InstanceRecord) => {
  const { status, last_heartbeat, registered_at, revision, lease_id } = record;
  const changing = instance.encode({ status, last_heartbeat, registered_at, revision, lease_id }).finish();
  return Buffer.concat([beginnings.of(record), changing]);
});

/** `manifest.v1.InstancesResponse` with the bytes of its instances. */
export const pageOfBytes = { serialize: (response: object): Uint8Array => page.encode(response).finish() };
