import type { ServiceNode } from './dependencies.ts';
import type { Instance } from './machine.ts';
import type { Status } from './records.ts';
import { type Renewal, renewed } from './renewal.ts';
import { lowerBound, SortedKeys } from './sorted-keys.ts';

/** Of an `Entry`: somebody may have kept its instance. */
const isKept = -1;

/**
 * One registration's place in the catalog. It lasts as long as its lease, so a heartbeat touches no index.
 *
 * A heartbeat writes over an instance that nobody was given since the last one. Every member applies every heartbeat:
 * a new object for each would soon be old, and the collections of old objects would be the longest pauses of a large
 * fleet. So `instance` is to be looked at and let go of; whoever keeps it takes it by `handOut`.
 */
export interface Entry {
  instance: Instance;
  /** How often the service's list had been given away when `instance` was made here; or `isKept`. */
  madeAfter: number;
  readonly service: ListedService;
  /** In the service's list by id, while there is one. */
  position: number;
}

/** The entry's instance, which never changes from now on. */
export function handOut(entry: Entry): Instance {
  entry.madeAfter = isKept;
  return entry.instance;
}

/**
 * One service's instances, and what they are as a whole.
 *
 * The list by id is handed out as it is, and a change after that copies it first. So whoever took the lists of all
 * services at once has one state, for the price of a reference each.
 */
export class ListedService {
  readonly name: string;
  readonly #entries = new Map<string, Entry>();
  readonly #ids = new SortedKeys();
  readonly #counts: Record<Status, number> = { up: 0, unknown: 0, unhealthy: 0 };
  /** How many instances say that they depend on each. */
  readonly #dependencies = new Map<string, number>();
  /** By id; `null` since an instance came or went. */
  #sorted: Instance[] | null = null;
  /** Somebody was given `#sorted`, and counts on it. */
  #isShared = false;
  /** How often the list was given away, and all that is in it. */
  #timesGiven = 0;
  #dependencyNames: readonly string[] | null = [];
  #node: ServiceNode | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** Takes an instance whose id is not listed. */
  add(instance: Instance): Entry {
    const { id, metadata } = instance.registration;
    const entry: Entry = { instance, madeAfter: isKept, service: this, position: -1 };
    this.#entries.set(id, entry);
    this.#ids.add(id);
    this.#sorted = null;
    this.#count(instance.status, 1);
    for (const dependency of metadata.dependencies ?? []) this.#depend(dependency, 1);
    return entry;
  }

  /** Only its lease is renewed. */
  renew(entry: Entry, renewal: Renewal): void {
    if (entry.madeAfter === this.#timesGiven) {
      const own: Writable<Instance> = entry.instance;
      own.lastHeartbeatMs = renewal.lastHeartbeatMs;
      own.leaseRenewedAtMs = renewal.leaseRenewedAtMs;
      own.lastHeartbeatIndex = renewal.lastHeartbeatIndex;
      return;
    }
    this.replace(entry, renewed(entry.instance, renewal));
    entry.madeAfter = this.#timesGiven;
  }

  replace(entry: Entry, after: Instance): void {
    const before = entry.instance;
    entry.instance = after;
    entry.madeAfter = isKept;
    if (before.status !== after.status) {
      this.#count(before.status, -1);
      this.#count(after.status, 1);
    }
    if (this.#sorted === null) return;
    if (this.#isShared) this.#sorted = [...this.#sorted];
    this.#isShared = false;
    this.#sorted[entry.position] = after;
  }

  remove({ instance }: Entry): void {
    const { id, metadata } = instance.registration;
    this.#entries.delete(id);
    this.#ids.delete(id);
    this.#sorted = null;
    this.#count(instance.status, -1);
    for (const dependency of metadata.dependencies ?? []) this.#depend(dependency, -1);
  }

  #count(status: Status, change: 1 | -1): void {
    this.#counts[status] += change;
    this.#node = null;
  }

  #depend(on: string, change: 1 | -1): void {
    const count = (this.#dependencies.get(on) ?? 0) + change;
    if (count === 0) this.#dependencies.delete(on);
    else this.#dependencies.set(on, count);
    // The list is kept until it differs: whoever has seen it sees at once that it is the same.
    if (count === 0 || (count === 1 && change === 1)) this.#dependencyNames = null;
  }

  /** Whether the list by id is ready to be read. */
  get isInOrder(): boolean {
    return this.#sorted !== null;
  }

  /** By id. What is listed now: the array and all in it stay as they are. */
  sorted(): readonly Instance[] {
    const sorted = this.#inOrder();
    this.#isShared = true;
    this.#timesGiven++;
    return sorted;
  }

  /** Makes the list by id ready to be read. @returns how many are in it */
  putInOrder(): number {
    return this.#inOrder().length;
  }

  #inOrder(): readonly Instance[] {
    if (this.#sorted === null) {
      this.#isShared = false;
      const sorted: Instance[] = [];
      for (const id of this.#ids.all()) {
        const entry = this.#entries.get(id);
        if (entry) entry.position = sorted.push(entry.instance) - 1;
      }
      this.#sorted = sorted;
    }
    return this.#sorted;
  }

  /** In the list by id, of the first instance with a greater id. */
  positionAfter(id: string): number {
    const ids = this.#ids.all();
    const position = lowerBound(ids, id);
    return ids[position] === id ? position + 1 : position;
  }

  /** The same object until something in it changes. */
  node(): ServiceNode {
    if (this.#node === null) {
      const { up, unknown, unhealthy } = this.#counts;
      this.#dependencyNames ??= [...this.#dependencies.keys()].sort();
      this.#node = {
        name: this.name,
        status: healthOf(this.#counts),
        instances: up + unknown + unhealthy,
        instances_up: up,
        dependencies: this.#dependencyNames,
      };
    }
    return this.#node;
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function healthOf({ up, unknown }: Readonly<Record<Status, number>>): Status {
  if (up > 0) return 'up';
  return unknown > 0 ? 'unknown' : 'unhealthy';
}
