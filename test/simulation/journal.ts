import type { Entry } from '../../src/raft/types.ts';
import { decodeCommand } from '../../src/registry/commands.ts';
import type { ApplyOutcome, Command, Instance, RegistryEvent } from '../../src/registry/machine.ts';
import { RegistryState } from '../../src/registry/registry-state.ts';
import type { RegistryCapture } from '../../src/registry/snapshot.ts';

/** A service's instances from `revision` on. */
interface ServiceVersion {
  readonly revision: number;
  readonly instances: ReadonlyMap<string, Instance>;
}

/** What became of one key, and when a member first applied it. */
export interface KeyChange {
  readonly atMs: number;
  readonly index: number;
  readonly type: RegistryEvent['type'];
  readonly revision: number;
  readonly leaseId: number;
  /** Whether the key is listed afterwards. */
  readonly listed: boolean;
  /** Of the registration: names the client's call, each of which registers another one. */
  readonly version: string;
}

export interface Renewal {
  readonly atMs: number;
  readonly index: number;
  readonly proposedAtMs: number;
}

export interface JournalEntry {
  readonly index: number;
  readonly atMs: number;
  readonly proposedAtMs: number;
  readonly command: Command;
  readonly stamp: { readonly wallMs: number; readonly leaseMs: number };
  readonly outcome: ApplyOutcome;
  readonly revision: number;
}

export const keyOf = (name: string, id: string) => `${name}/${id}`;

/** How many entries lie between two kept captures of the state. */
const captureEvery = 64;

/**
 * What the committed log means: applied once, in order, to a state of its own, with all of its history at hand. This is
 * what members and clients are held against.
 */
export class Journal {
  readonly state = new RegistryState();
  readonly #entries: Entry[] = [];
  /** `#captures[i]` is the state after `i * captureEvery` entries. */
  readonly #captures: RegistryCapture[] = [];
  /** `#events[i]` has revision `i + 1`. */
  readonly #events: RegistryEvent[] = [];
  /** `#revisionsByIndex[i]` is the revision after `i` entries. */
  readonly #revisionsByIndex: number[] = [0];
  readonly #services = new Map<string, ServiceVersion[]>();
  readonly #changes = new Map<string, KeyChange[]>();
  readonly #renewals = new Map<number, Renewal[]>();
  readonly #hashes = new Map<number, string>();
  /** When the revision reached a value. */
  readonly #revisions: { readonly atMs: number; readonly revision: number }[] = [{ atMs: 0, revision: 0 }];

  apply(entry: Entry, proposedAtMs: number, atMs: number): JournalEntry {
    if (this.#entries.length % captureEvery === 0) this.#captures.push(this.state.capture());
    this.#entries.push(entry);
    const { command, stamp } = decodeCommand(entry.data);
    const outcome = this.state.apply(entry.index, entry.data);
    for (const event of outcome.events) this.#record(event, entry.index, atMs);
    this.#events.push(...outcome.events);
    if (command.type === 'heartbeats' && outcome.result.type === 'heartbeats') {
      const { leases } = outcome.result;
      command.leaseIds.forEach((leaseId, position) => {
        if (leases[position]) append(this.#renewals, leaseId, { atMs, index: entry.index, proposedAtMs });
      });
    }
    const { revision } = this.state;
    this.#revisionsByIndex.push(revision);
    if (revision !== this.#revisions.at(-1)?.revision) this.#revisions.push({ atMs, revision });
    return { index: entry.index, atMs, proposedAtMs, command, stamp, outcome, revision };
  }

  #record({ type, instance, revision }: RegistryEvent, index: number, atMs: number): void {
    const { name, id, version } = instance.registration;
    const listed = type !== 'deregistered' && type !== 'expired';
    const { leaseId } = instance;
    append(this.#changes, keyOf(name, id), { atMs, index, type, revision, leaseId, listed, version });
    const instances = new Map(this.#services.get(name)?.at(-1)?.instances);
    if (listed) instances.set(id, instance);
    else instances.delete(id);
    append(this.#services, name, { revision, instances });
  }

  /** Every service's name that was ever listed. */
  get services(): string[] {
    return [...this.#services.keys()].sort();
  }

  /** A service's instances at a revision. */
  instancesAt(name: string, revision: number): ReadonlyMap<string, Instance> {
    // Readers mostly ask for what is new.
    return this.#services.get(name)?.findLast((version) => version.revision <= revision)?.instances ?? new Map();
  }

  allInstancesAt(revision: number): readonly Instance[] {
    return [...this.#services.keys()].flatMap((name) => [...this.instancesAt(name, revision).values()]);
  }

  /** The first event after `revision` that `isWanted`; `null` when there is none yet. */
  nextEvent(revision: number, isWanted: (event: RegistryEvent) => boolean): RegistryEvent | null {
    for (let position = revision; position < this.#events.length; position++) {
      const event = this.#events[position];
      if (event && isWanted(event)) return event;
    }
    return null;
  }

  /** After the entry at `index`. */
  revisionAtIndex(index: number): number {
    return this.#revisionsByIndex[index] ?? this.state.revision;
  }

  changesOf(name: string, id: string): readonly KeyChange[] {
    return this.#changes.get(keyOf(name, id)) ?? [];
  }

  renewalsOf(leaseId: number): readonly Renewal[] {
    return this.#renewals.get(leaseId) ?? [];
  }

  /** Greatest revision that any member had applied at `atMs`. */
  revisionAt(atMs: number): number {
    let low = 0;
    let high = this.#revisions.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#revisions[middle]?.atMs ?? 0) <= atMs) low = middle;
      else high = middle - 1;
    }
    return this.#revisions[low]?.revision ?? 0;
  }

  /** Hash of the state right after the entry at `index`. */
  hashAt(index: number): string {
    const hash = this.#hashes.get(index) ?? this.#computeHashAt(index);
    this.#hashes.set(index, hash);
    return hash;
  }

  #computeHashAt(index: number): string {
    if (index === this.#entries.length) return this.state.hash();
    const captured = Math.floor(index / captureEvery);
    const capture = this.#captures[captured] ?? this.#captures.at(-1);
    const state = capture ? RegistryState.restore(capture) : new RegistryState();
    for (const entry of this.#entries.slice(state.appliedIndex, index)) state.apply(entry.index, entry.data);
    return state.hash();
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
