import type { Entry, RaftCore, RaftMessage, ReadState, Ready, SnapshotMeta } from '../raft/types.ts';
import type { Storage } from '../storage/storage.ts';
import type { MemberMetrics } from './member-metrics.ts';

/** How many rounds of work one turn does before it lets sockets and timers in. */
const maxRoundsPerTurn = 8;

export interface DriverHost {
  send(message: RaftMessage): void;
  /** Applies one committed entry. */
  apply(entry: Entry): void;
  /** Replaces the state machine by the current snapshot. */
  restore(meta: SnapshotMeta): Promise<void>;
  readsAnswered(states: readonly ReadState[]): void;
  snapshotsWanted(peers: readonly string[]): void;
  nowMs(): number;
  wake(): void;
  /** The store failed, or an invariant: nothing more may be said or done. */
  failed(error: unknown): void;
}

/**
 * Does what the core asks for, in the order that keeps it safe: send what may be sent, begin the write, apply what is
 * committed, answer reads. One write is under way at a time; meanwhile the next batch gathers in the core.
 */
export class RaftDriver {
  readonly #core: RaftCore;
  readonly #storage: Storage;
  readonly #host: DriverHost;
  readonly #metrics: MemberMetrics;
  #write: Promise<void> | null = null;
  #restoring = false;
  /** Committed while a snapshot is being restored (trap 19). */
  #backlog: Entry[] = [];
  #closed = false;

  constructor(core: RaftCore, storage: Storage, host: DriverHost, metrics: MemberMetrics) {
    this.#core = core;
    this.#storage = storage;
    this.#host = host;
    this.#metrics = metrics;
  }

  pump(): void {
    for (let round = 0; round < maxRoundsPerTurn && !this.#closed && this.#core.hasReady(); round++) {
      this.#handle(this.#core.takeReady());
    }
    if (!this.#closed && this.#core.hasReady()) this.#host.wake();
  }

  #handle(ready: Ready): void {
    for (const message of ready.messages) this.#host.send(message);
    if (ready.write) this.#begin(ready.write);
    if (ready.restoreSnapshot) this.#restore(ready.restoreSnapshot);
    if (this.#restoring) this.#backlog.push(...ready.committedEntries);
    else this.#apply(ready.committedEntries);
    if (ready.readStates.length > 0) this.#host.readsAnswered(ready.readStates);
    if (ready.snapshotsWanted.length > 0) this.#host.snapshotsWanted(ready.snapshotsWanted);
  }

  #begin(write: NonNullable<Ready['write']>): void {
    if (write.hardState === null && write.entries.length === 0 && write.snapshot === null) {
      this.#core.writeCompleted(write.id);
      return;
    }
    const startedMs = this.#host.nowMs();
    this.#write = this.#storage.write(write).then(
      () => {
        this.#write = null;
        if (this.#closed) return;
        this.#metrics.writeCompleted(this.#host.nowMs() - startedMs, write.entries.length, payloadBytes(write.entries));
        this.#guarded(() => this.#core.writeCompleted(write.id));
        this.#host.wake();
      },
      (error) => {
        this.#write = null;
        this.#host.failed(error);
      },
    );
  }

  #restore(meta: SnapshotMeta): void {
    this.#restoring = true;
    this.#host.restore(meta).then(
      () => {
        this.#restoring = false;
        if (this.#closed) return;
        this.#guarded(() => {
          this.#core.applied(meta.index);
          this.#apply(this.#backlog.splice(0));
        });
        this.#host.wake();
      },
      (error) => this.#host.failed(error),
    );
  }

  #apply(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (!last) return;
    for (const entry of entries) this.#host.apply(entry);
    this.#core.applied(last.index);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#host.failed(error);
    }
  }

  /** Takes nothing more from the core; resolves when no write is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#write;
  }
}

function payloadBytes(entries: readonly Entry[]): number {
  let sizeBytes = 0;
  for (const entry of entries) sizeBytes += entry.data.length;
  return sizeBytes;
}
