import type { ReadState } from '../raft/types.ts';
import type { RegistryError } from '../registry/errors.ts';
import { noLeader } from './write-queue.ts';

interface Round {
  /** When the reads of this round had all begun and the question had not left: what the answer is as new as. */
  readonly askedMs: number;
  readonly reads: WaitingRead[];
}

interface WaitingRead {
  readonly resolve: () => void;
  readonly fail: (error: RegistryError) => void;
  readonly deadlineMs: number;
}

export interface ReadGateHost {
  nowMs(): number;
  /** Asks the core for a read index under a context that this process never used before. */
  readIndex(context: number): void;
  appliedIndex(): number;
  wake(): void;
}

/**
 * Makes reads linearizable (dissertation, section 6.4): a read waits until a quorum confirmed a commit index after the
 * read began, and until this member has applied that index. All reads that arrive in one turn share one round.
 */
export class ReadGate {
  readonly #host: ReadGateHost;
  #nextContext: number;
  #arriving: WaitingRead[] = [];
  readonly #asked = new Map<number, Round>();
  /** Confirmed, waiting for the state machine; ascending by index except for late answers. */
  #confirmed: { readonly index: number; readonly round: Round }[] = [];
  /** Could not be confirmed; tried again at the next tick, while an election goes on. */
  #retryLater: WaitingRead[] = [];
  #levelAtMs: number | null = null;
  #closed: RegistryError | null = null;

  /** @param firstContext at random, so that no answer to an earlier process under this name can match (trap 25) */
  constructor(host: ReadGateHost, firstContext: number) {
    this.#host = host;
    this.#nextContext = firstContext;
  }

  /**
   * A moment on the monotonic clock by which this member's state was at least as new as the whole cluster's; `null`
   * while that was never shown since the process started (trap 30).
   */
  get levelAtMs(): number | null {
    return this.#levelAtMs;
  }

  /**
   * Resolves when this member's state is at least as new as everything that was acknowledged before the call.
   * @throws RegistryError `service_unavailable` when no leader could confirm that in time
   */
  level(timeoutMs: number): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closed);
    return new Promise((resolve, fail) => {
      this.#arriving.push({ resolve, fail, deadlineMs: this.#host.nowMs() + timeoutMs });
      this.#host.wake();
    });
  }

  /** Begins one round for every read that arrived since the last. */
  flush(): void {
    if (this.#arriving.length === 0) return;
    const context = this.#nextContext++;
    this.#asked.set(context, { askedMs: this.#host.nowMs(), reads: this.#arriving });
    this.#arriving = [];
    this.#host.readIndex(context);
  }

  answered(states: readonly ReadState[]): void {
    for (const { context, index } of states) {
      const round = this.#asked.get(context);
      if (!round) continue;
      this.#asked.delete(context);
      if (index === null) this.#retryLater.push(...round.reads);
      else this.#confirmed.push({ index, round });
    }
    this.applied();
  }

  /** The state machine moved. */
  applied(): void {
    if (this.#confirmed.length === 0) return;
    const appliedIndex = this.#host.appliedIndex();
    this.#confirmed = this.#confirmed.filter(({ index, round }) => {
      if (index > appliedIndex) return true;
      this.#levelAtMs = Math.max(this.#levelAtMs ?? round.askedMs, round.askedMs);
      for (const read of round.reads) read.resolve();
      return false;
    });
  }

  tick(): void {
    const nowMs = this.#host.nowMs();
    const inTime = (read: WaitingRead) => {
      if (nowMs < read.deadlineMs) return true;
      read.fail(noLeader());
      return false;
    };
    this.#arriving = [...this.#arriving, ...this.#retryLater].filter(inTime);
    this.#retryLater = [];
    for (const [context, { askedMs, reads }] of this.#asked) {
      const kept = reads.filter(inTime);
      if (kept.length === 0) this.#asked.delete(context);
      else if (kept.length < reads.length) this.#asked.set(context, { askedMs, reads: kept });
    }
    this.#confirmed = this.#confirmed
      .map(({ index, round }) => ({ index, round: { ...round, reads: round.reads.filter(inTime) } }))
      .filter(({ round }) => round.reads.length > 0);
    if (this.#arriving.length > 0) this.#host.wake();
  }

  close(error: RegistryError): void {
    this.#closed = error;
    for (const read of [...this.#arriving, ...this.#retryLater]) read.fail(error);
    for (const { reads } of this.#asked.values()) for (const read of reads) read.fail(error);
    for (const { round } of this.#confirmed) for (const read of round.reads) read.fail(error);
    this.#arriving = [];
    this.#retryLater = [];
    this.#asked.clear();
    this.#confirmed = [];
  }
}
