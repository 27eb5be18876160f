import type { NodeId, ReadState } from './types.ts';

/** A read that a leader has to confirm. */
export interface ReadRequest {
  /** `null` when this member asked itself. */
  readonly from: NodeId | null;
  readonly context: number;
}

export interface ConfirmedRead extends ReadRequest {
  readonly index: number;
}

/**
 * ReadIndex on the leader (dissertation, section 6.4): a read may be served at the commit index of its arrival once a
 * quorum has answered a heartbeat that was sent after it. Reads that arrive while a round is under way share the next.
 *
 * Invariants: a read's round begins after the read arrived; rounds grow within a term and start anew with it; nothing
 * is confirmed before the leader committed an entry of its own term (trap 24).
 */
export class LeaderReads {
  /** Arrived before the term was opened: their index is not known yet. */
  #waiting: ReadRequest[] = [];
  /** Their index is known, their round has not begun. */
  #gathered: ConfirmedRead[] = [];
  /** Ascending by round. */
  #underWay: { readonly round: number; readonly reads: readonly ConfirmedRead[] }[] = [];
  #round = 0;

  /** The last round that began; heartbeats carry it. */
  get round(): number {
    return this.#round;
  }

  get hasRoundUnderWay(): boolean {
    return this.#underWay.length > 0;
  }

  get hasGathered(): boolean {
    return this.#gathered.length > 0;
  }

  add(request: ReadRequest, commitIndex: number, termOpened: boolean): void {
    if (termOpened) this.#gathered.push({ ...request, index: commitIndex });
    else this.#waiting.push(request);
  }

  termOpened(commitIndex: number): void {
    for (const request of this.#waiting) this.#gathered.push({ ...request, index: commitIndex });
    this.#waiting = [];
  }

  /** Begins a round for all that gathered. The caller broadcasts a heartbeat that carries it. */
  beginRound(): void {
    this.#round++;
    this.#underWay.push({ round: this.#round, reads: this.#gathered });
    this.#gathered = [];
  }

  /** A quorum has answered `round`; that confirms every earlier one too. */
  confirm(round: number): readonly ConfirmedRead[] {
    const confirmed = this.#underWay.filter((begun) => begun.round <= round);
    if (confirmed.length > 0) this.#underWay = this.#underWay.filter((begun) => begun.round > round);
    return confirmed.flatMap((begun) => begun.reads);
  }

  /** Takes back every read: leadership ends or is being handed over (trap 26). */
  fail(): readonly ReadRequest[] {
    const failed = [...this.#underWay.flatMap((begun) => begun.reads), ...this.#gathered, ...this.#waiting];
    this.#underWay = [];
    this.#gathered = [];
    this.#waiting = [];
    return failed;
  }
}

/**
 * Reads that a follower asked its leader about. On the wire each has a number of its own that begins at a random place
 * for every process: an answer to the process before a restart must not confirm a read of this one (trap 25).
 */
export class FollowerReads {
  #pending = new Map<number, { readonly context: number; readonly askedTick: number }>();
  #nextWireContext: number;

  constructor(randomInteger: (bound: number) => number) {
    // 31 random bits above 21 bits of count: below 2^53, so that every later number is exact as well.
    this.#nextWireContext = randomInteger(2 ** 31) * 2 ** 21;
  }

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  /** Returns the context to send. */
  add(context: number, nowTick: number): number {
    const wireContext = this.#nextWireContext++;
    this.#pending.set(wireContext, { context, askedTick: nowTick });
    return wireContext;
  }

  /** `null` when nobody waits for this answer any more. */
  answered(wireContext: number, index: number | null): ReadState | null {
    const read = this.#pending.get(wireContext);
    if (read === undefined) return null;
    this.#pending.delete(wireContext);
    return { context: read.context, index };
  }

  /** Gives up on what was asked at or before `throughTick`; with no argument, on everything. */
  fail(throughTick = Number.MAX_SAFE_INTEGER): readonly ReadState[] {
    const failed: ReadState[] = [];
    for (const [wireContext, read] of this.#pending) {
      if (read.askedTick > throughTick) break;
      this.#pending.delete(wireContext);
      failed.push({ context: read.context, index: null });
    }
    return failed;
  }
}
