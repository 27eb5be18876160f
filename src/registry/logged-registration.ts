import type { Metadata, Registration, Ttl } from './records.ts';

/**
 * A registration from the log or a snapshot. It keeps the text that it was read from for the snapshots to come: to make it
 * anew for each of them would be most of what they cost.
 */
class LoggedRegistration implements Registration {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly interfaces: Registration['interfaces'];
  readonly metadata: Metadata;
  readonly ttl: Ttl;
  /** Private, so that it is no part of what is compared, copied or printed. */
  readonly #json: string;

  constructor(bytes: Uint8Array) {
    const json = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
    const { name, id, version, interfaces, metadata, ttl } = JSON.parse(json) as Registration;
    this.name = name;
    this.id = id;
    this.version = version;
    this.interfaces = interfaces;
    this.metadata = metadata;
    this.ttl = ttl;
    this.#json = json;
  }

  static bytesOf(registration: Registration): Uint8Array {
    return Buffer.from(#json in registration ? registration.#json : written(registration));
  }
}

/** A registration's JSON, in UTF-8, for the log and for snapshots: what it was read from, where it comes from there. */
export const encodeRegistration = LoggedRegistration.bytesOf;

/** @throws Error when the bytes are no registration: bug or damage */
export function decodeRegistration(bytes: Uint8Array): Registration {
  let registration: Registration;
  try {
    registration = new LoggedRegistration(bytes);
  } catch (cause) {
    throw new Error('A committed registration is no JSON.', { cause });
  }
  if (Object.values(registration).includes(undefined)) throw new Error('A committed registration is incomplete.');
  return registration;
}

/** The fields of a registration and no others, in their order. */
function written({ name, id, version, interfaces, metadata, ttl }: Registration): string {
  return JSON.stringify({ name, id, version, interfaces, metadata, ttl });
}
