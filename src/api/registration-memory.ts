import type { InstanceRecord, Metadata, Registration } from '../registry/records.ts';

/**
 * Remembers what was made of the part of a record that its service said of itself. Heartbeats and changes of status leave
 * that part as it is, so it is encoded once a registration rather than once an answer, and only where somebody asks.
 */
export class RegistrationMemory<T> {
  readonly #make: (registration: Registration) => T;
  /** By the object that a registration brings with it and that nobody changes; forgotten together with it. */
  readonly #known = new WeakMap<Metadata, { readonly of: Registration; readonly made: T }>();

  /** @param make is given the fields of a registration alone, in their order */
  constructor(make: (registration: Registration) => T) {
    this.#make = make;
  }

  of(record: InstanceRecord): T {
    const known = this.#known.get(record.metadata);
    if (known && isSame(known.of, record)) return known.made;
    const { name, id, version, interfaces, metadata, ttl } = record;
    const registration = { name, id, version, interfaces, metadata, ttl };
    const made = this.#make(registration);
    this.#known.set(metadata, { of: registration, made });
    return made;
  }
}

/** Objects are compared by identity: the same registration has the same ones. */
function isSame(a: Registration, b: Registration): boolean {
  return (
    a.interfaces === b.interfaces && a.ttl === b.ttl && a.id === b.id && a.name === b.name && a.version === b.version
  );
}
