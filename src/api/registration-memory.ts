import type { InstanceRecord, Registration } from '../registry/records.ts';

/**
 * Remembers what was made of the part of a record that its service said of itself. Heartbeats and changes of status leave
 * that part as it is, so it is encoded once a registration rather than once an answer, and only where somebody asks.
 */
export class RegistrationMemory<T> {
  readonly #make: (registration: Registration) => T;
  /** By the object that each registration brings with it, for itself alone, and that nobody changes; forgotten together with it. */
  readonly #known = new WeakMap<Registration['interfaces'], { readonly of: Registration; readonly made: T }>();

  /** @param make is given the fields of a registration alone, in their order */
  constructor(make: (registration: Registration) => T) {
    this.#make = make;
  }

  of(record: InstanceRecord): T {
    const known = this.#known.get(record.interfaces);
    if (known && isSame(known.of, record)) return known.made;
    const { name, id, version, interfaces, metadata, ttl } = record;
    const registration = { name, id, version, interfaces, metadata, ttl };
    const made = this.#make(registration);
    this.#known.set(interfaces, { of: registration, made });
    return made;
  }
}

/** Objects are compared by identity: the same registration has the same ones. */
function isSame(a: Registration, b: Registration): boolean {
  return a.metadata === b.metadata && a.ttl === b.ttl && a.id === b.id && a.name === b.name && a.version === b.version;
}
