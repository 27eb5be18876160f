import type { Instance, RegistryEvent } from '../../src/registry/machine.ts';
import type { ChangeEvent, InstanceRecord, Registration, WatchEvent } from '../../src/registry/records.ts';
import type { Journal } from './journal.ts';
import type { SimulatedWorld } from './world.ts';

/** What a watcher watches for, by conditions that the simulator judges in its own words. */
export interface WatchFilter {
  readonly service?: string;
  readonly status?: 'up' | 'unhealthy' | 'down';
  readonly environment?: string;
  readonly tags?: readonly string[];
}

function meets({ name, metadata }: Registration, status: string, filter: WatchFilter): boolean {
  const { service = name, status: wanted = status, environment = metadata.environment, tags = [] } = filter;
  if (service !== name || wanted !== status || environment !== metadata.environment) return false;
  return tags.every((tag) => metadata.tags?.includes(tag));
}

const isGone = ({ type }: RegistryEvent) => type === 'deregistered' || type === 'expired';

const statusAfter = (event: RegistryEvent) => (isGone(event) ? 'down' : event.instance.status);

/** It was what the watcher looks for, or it is now. */
export function concerns(event: RegistryEvent, filter: WatchFilter): boolean {
  const { instance, previous } = event;
  if (meets(instance.registration, statusAfter(event), filter)) return true;
  return previous !== null && meets(previous.registration, previous.status, filter);
}

/** What a watcher asks for when it begins, or begins again. */
export interface WatchBeginning {
  /** Whether it asks for the present state first. */
  readonly initial: boolean;
  /** The least revision that it may begin with; `null` where it may be a stale one. */
  readonly floor: number | null;
}

/** What a member can know of the past, at most. */
export interface KnownPast {
  /** Of the snapshot that its state began with. */
  readonly fromRevision: number;
  readonly historyEvents: number;
}

/** Whether a member that has come to `revision` may have forgotten what happened after `position`. */
export function isForgotten(position: number, revision: number, { fromRevision, historyEvents }: KnownPast): boolean {
  return position < fromRevision || revision - position > historyEvents;
}

/**
 * Everything that one watcher hears, over all its connections, held against the log: each change that concerns it is there
 * once and in order, and what it is told of the present is the state of that revision.
 */
export class Watched {
  readonly #world: SimulatedWorld;
  readonly #journal: Journal;
  readonly #name: string;
  readonly #filter: WatchFilter;
  #position: number | null = null;
  #floor: number | null = null;
  /** Records of the present state, until it is complete. */
  #present: InstanceRecord[] | null = null;
  #compactedAt: number | null = null;

  constructor(world: SimulatedWorld, journal: Journal, name: string, filter: WatchFilter) {
    this.#world = world;
    this.#journal = journal;
    this.#name = name;
    this.#filter = filter;
  }

  /** Everything that concerns it was heard through this revision; `null` while it does not know where it stands. */
  get position(): number | null {
    return this.#position;
  }

  /** Whether nothing that concerns it has happened that it has not heard of. */
  get isLevel(): boolean {
    return this.#position !== null && this.#present === null && this.#nextAfter(this.#position) === null;
  }

  begins({ initial, floor }: WatchBeginning): void {
    this.#floor = floor;
    this.#compactedAt = null;
    this.#present = initial && this.#position === null ? [] : null;
  }

  hears(event: WatchEvent, past: KnownPast): void {
    switch (event.type) {
      case 'current':
        if (this.#present) this.#present.push(event.record);
        else this.#violate(`it is told of ${event.record.id} as if it had asked for the present state`);
        return;
      case 'synced':
        this.#synced(event.revision);
        return;
      case 'compacted':
        this.#compacted(event.revision, past);
        return;
      case 'progress':
        this.#progress(event.revision);
        return;
      default:
        this.#changed(event);
    }
  }

  #compacted(revision: number, past: KnownPast): void {
    const position = this.#position ?? revision;
    // A member that may answer stale may not have reached itself what it is asked for.
    const isAhead = this.#floor === null && position > revision;
    if (!isAhead && !isForgotten(position, revision, past))
      this.#violate(`what happened after ${position} is said to be forgotten at ${revision}`);
    this.#present = [];
    this.#compactedAt = revision;
  }

  #synced(revision: number): void {
    if (!this.#present) {
      this.#violate(`the present state is complete at ${revision}, and it never began`);
      return;
    }
    if (this.#compactedAt !== null && this.#compactedAt !== revision) {
      this.#violate(`the state of ${this.#compactedAt} is complete at ${revision}`);
    }
    this.#notBefore(revision);
    const expected = this.#journal
      .allInstancesAt(revision)
      .filter((instance) => meets(instance.registration, instance.status, this.#filter))
      .map(describe);
    const found = this.#present.map((record) => {
      return `${record.name}/${record.id} lease ${record.lease_id} ${record.status} @${record.revision}`;
    });
    if (expected.sort().join() !== found.sort().join()) {
      this.#violate(
        `the state of ${revision} is said to be ${found.join(', ') || 'nothing'}; the log says ${expected.join(', ') || 'nothing'}`,
      );
    }
    this.#present = null;
    this.#compactedAt = null;
    this.#position = revision;
  }

  #progress(revision: number): void {
    if (this.#present) this.#violate(`progress to ${revision} in the middle of the present state`);
    if (this.#position === null) this.#notBefore(revision);
    else {
      if (revision < this.#position) this.#violate(`progress goes back from ${this.#position} to ${revision}`);
      const missed = this.#nextAfter(this.#position);
      if (missed && missed.revision <= revision)
        this.#violate(`it is told of ${revision}, and ${missed.revision} is missing`);
    }
    this.#position = revision;
  }

  #changed({ type, revision, record }: ChangeEvent): void {
    if (this.#position === null || this.#present) {
      this.#violate(`change ${revision} comes before it knows where it stands`);
      return;
    }
    const expected = this.#nextAfter(this.#position);
    const said = `${type} ${record.name}/${record.id} lease ${record.lease_id} ${record.status} @${record.revision}`;
    const truth =
      expected &&
      `${expected.type} ${describe({ ...expected.instance, status: statusAfter(expected), revision: expected.revision })}`;
    if (said !== truth || revision !== expected?.revision) {
      this.#violate(`after ${this.#position} it hears of ${revision}, ${said}; the log says ${truth ?? 'nothing'}`);
    }
    this.#position = revision;
  }

  #notBefore(revision: number): void {
    if (revision < (this.#floor ?? 0))
      this.#violate(`it begins at ${revision}, and ${this.#floor} was applied before it`);
    if (revision > this.#journal.state.revision) this.#violate(`it begins at ${revision}, which nobody has reached`);
  }

  #nextAfter(revision: number): RegistryEvent | null {
    return this.#journal.nextEvent(revision, (event) => concerns(event, this.#filter));
  }

  #violate(what: string): void {
    this.#world.violate('watch', `${this.#name} (${JSON.stringify(this.#filter)}): ${what}`);
  }
}

function describe({ registration, leaseId, status, revision }: Omit<Instance, 'status'> & { status: string }): string {
  return `${registration.name}/${registration.id} lease ${leaseId} ${status} @${revision}`;
}
