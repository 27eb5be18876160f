import type { Metadata, Registration, Ttl } from './records.ts';
import { SharedEnds } from './shared-ends.ts';

/** Of about 500 bytes each. What is read does not depend on it. */
const ends = new SharedEnds(10_000);

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

  constructor(json: string) {
    const { name, id, version, interfaces, metadata, ttl } = ends.read(json);
    this.name = name;
    this.id = id;
    this.version = version;
    this.interfaces = interfaces;
    this.metadata = metadata;
    this.ttl = ttl;
    this.#json = json;
  }

  static jsonOf(registration: Registration): string {
    return #json in registration ? registration.#json : written(registration);
  }
}

/** The text of a registration in the log and in snapshots: the one that it was read from, where it comes from there. */
export const registrationToJson = LoggedRegistration.jsonOf;

/** @throws Error when the text is no registration, or one that could not stand in a snapshot: bug or damage */
export function registrationFromJson(json: string): Registration {
  // There, it begins with the first brace of its line.
  if (!json.startsWith('{') || json.includes('\n')) {
    throw new Error('A committed registration is no JSON object on one line.');
  }
  const registration = new LoggedRegistration(json);
  const { name, id, version, interfaces, metadata, ttl } = registration;
  const isWhole =
    [name, id, version].every((text) => typeof text === 'string') &&
    [interfaces, metadata, ttl].every((part) => typeof part === 'object' && part !== null);
  if (!isWhole) throw new Error('A committed registration is incomplete.');
  return registration;
}

/** The fields of a registration and no others, in their order. */
function written({ name, id, version, interfaces, metadata, ttl }: Registration): string {
  return JSON.stringify({ name, id, version, interfaces, metadata, ttl });
}
