import type { CommandResult, Tombstone } from './machine.ts';

/** How long, and how many, the state machine remembers. The same on every member, or their states would differ. */
export interface RegistryLimits {
  /** Milliseconds of lease time. */
  readonly tombstoneMs: number;
  readonly tombstoneMax: number;
  readonly requestMemoryMs: number;
  readonly requestMemoryMax: number;
}

export const defaultRegistryLimits: RegistryLimits = {
  tombstoneMs: 10 * 60_000,
  tombstoneMax: 50_000,
  requestMemoryMs: 60_000,
  requestMemoryMax: 50_000,
};

export interface RememberedRequest {
  readonly requestId: string;
  readonly atLeaseMs: number;
  readonly result: CommandResult;
}

interface Aging {
  readonly atLeaseMs: number;
}

interface Queued<T> {
  readonly key: string;
  readonly entry: T;
}

/** Below this it is not worth the trouble to drop what the queue holds of entries that are gone. */
const sweepFrom = 1_024;

/**
 * A map that forgets its oldest entries, by lease time and by count; deterministic, as it is part of the state.
 *
 * Ages are read from a queue beside the map: a map's own iterator passes over everything that was deleted at its front,
 * so that to look for the oldest entry at each command would cost more the more was forgotten.
 */
class AgingMap<T extends Aging> {
  readonly #entries = new Map<string, T>();
  /** Oldest first from `#oldest` on, among entries that were deleted or replaced since. */
  #queue: (Queued<T> | null)[] = [];
  #oldest = 0;
  readonly #maxAgeMs: number;
  readonly #maxCount: number;

  constructor(maxAgeMs: number, maxCount: number) {
    this.#maxAgeMs = maxAgeMs;
    this.#maxCount = maxCount;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Puts the newest entry last. */
  add(key: string, entry: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#queue.push({ key, entry });
    if (this.#queue.length >= sweepFrom && this.#queue.length > 2 * this.#entries.size) this.#sweep();
  }

  /** Oldest first. */
  values(): T[] {
    return [...this.#entries.values()];
  }

  forget(leaseMs: number): void {
    for (;;) {
      const oldest = this.#queue[this.#oldest];
      if (!oldest) return;
      if (this.#isListed(oldest)) {
        if (this.#entries.size <= this.#maxCount && leaseMs - oldest.entry.atLeaseMs <= this.#maxAgeMs) return;
        this.#entries.delete(oldest.key);
      }
      // What is forgotten is not to stay until the queue is swept.
      this.#queue[this.#oldest++] = null;
    }
  }

  #isListed(queued: Queued<T> | null): boolean {
    return queued !== null && this.#entries.get(queued.key) === queued.entry;
  }

  #sweep(): void {
    this.#queue = this.#queue.slice(this.#oldest).filter((queued) => this.#isListed(queued));
    this.#oldest = 0;
  }
}

const keyOf = (name: string, id: string) => `${name}/${id}`;

/** Instances that are no longer listed (trap 35). */
export class Graveyard {
  readonly #tombstones: AgingMap<Tombstone>;

  constructor(limits: RegistryLimits) {
    this.#tombstones = new AgingMap(limits.tombstoneMs, limits.tombstoneMax);
  }

  find(name: string, id: string): Tombstone | undefined {
    return this.#tombstones.get(keyOf(name, id));
  }

  bury(tombstone: Tombstone): void {
    this.#tombstones.add(keyOf(tombstone.name, tombstone.id), tombstone);
  }

  clear(name: string, id: string): void {
    this.#tombstones.delete(keyOf(name, id));
  }

  all(): Tombstone[] {
    return this.#tombstones.values();
  }

  forget(leaseMs: number): void {
    this.#tombstones.forget(leaseMs);
  }
}

/** Results of recent commands by request id, so that one that was passed on twice applies once (trap 34). */
export class RequestMemory {
  readonly #requests: AgingMap<RememberedRequest>;

  constructor(limits: RegistryLimits) {
    this.#requests = new AgingMap(limits.requestMemoryMs, limits.requestMemoryMax);
  }

  find(requestId: string): CommandResult | undefined {
    return this.#requests.get(requestId)?.result;
  }

  remember(request: RememberedRequest): void {
    this.#requests.add(request.requestId, request);
  }

  all(): RememberedRequest[] {
    return this.#requests.values();
  }

  forget(leaseMs: number): void {
    this.#requests.forget(leaseMs);
  }
}
