import { invariant } from './assert.ts';
import type { NodeId, PeerProgress } from './types.ts';

export interface InflightLimits {
  readonly maxInflightAppends: number;
  readonly maxInflightBytes: number;
}

/** Append requests with entries that were sent and not acknowledged, oldest first; ascending by last index. */
class InflightWindow {
  readonly #limits: InflightLimits;
  #appends: { readonly lastIndex: number; readonly sizeBytes: number }[] = [];
  #sizeBytes = 0;

  constructor(limits: InflightLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#appends.length;
  }

  get isFull(): boolean {
    return this.count >= this.#limits.maxInflightAppends || this.#sizeBytes >= this.#limits.maxInflightBytes;
  }

  add(lastIndex: number, sizeBytes: number): void {
    invariant(!this.isFull, 'an append was sent past the in-flight limit');
    this.#appends.push({ lastIndex, sizeBytes });
    this.#sizeBytes += sizeBytes;
  }

  freeThrough(index: number): void {
    const kept = this.#appends.findIndex((append) => append.lastIndex > index);
    const freed = this.#appends.splice(0, kept === -1 ? this.#appends.length : kept);
    for (const append of freed) this.#sizeBytes -= append.sizeBytes;
  }

  clear(): void {
    this.#appends = [];
    this.#sizeBytes = 0;
  }
}

/**
 * What a leader knows of one peer's log, and how it sends to it.
 *
 * - `probe`: one append at a time, until the place where the logs agree is found
 * - `replicate`: optimistic and pipelined; `nextIndex` runs ahead of `matchIndex` up to the in-flight limits
 * - `snapshot`: the entries the peer needs are compacted away; nothing goes until the transfer ends
 *
 * Invariants: `0 <= matchIndex < nextIndex`; `matchIndex` never falls (trap 12), since what it counts is durable there.
 */
export class Progress {
  readonly id: NodeId;
  /** Since when the leader counts on this peer: from here on its silence is held against it. */
  readonly sinceTick: number;
  learner: boolean;
  #mode: PeerProgress['mode'] = 'probe';
  #matchIndex = 0;
  #nextIndex: number;
  readonly #inflight: InflightWindow;
  /** Probe: one append is out, and nothing more goes until it, or a heartbeat, is answered. */
  #probeSent = false;
  /** Replicate: an append has to go although it may be empty, because earlier ones may be lost. */
  #nudgeDue = false;
  /** The highest commit index this peer was told of. */
  #sentCommitIndex = 0;
  /** Tick of the last answer in this term; `null` when it has not answered yet. */
  #answeredTick: number | null = null;

  constructor(id: NodeId, nextIndex: number, learner: boolean, sinceTick: number, limits: InflightLimits) {
    this.id = id;
    this.sinceTick = sinceTick;
    this.learner = learner;
    this.#nextIndex = nextIndex;
    this.#inflight = new InflightWindow(limits);
  }

  get mode(): PeerProgress['mode'] {
    return this.#mode;
  }

  get matchIndex(): number {
    return this.#matchIndex;
  }

  get nextIndex(): number {
    return this.#nextIndex;
  }

  get answeredTick(): number | null {
    return this.#answeredTick;
  }

  answered(nowTick: number): void {
    this.#answeredTick = nowTick;
  }

  /** Whether an append may go now, and whether it may only be an empty one. */
  get permission(): 'none' | 'empty-only' | 'entries' {
    if (this.#mode === 'snapshot') return 'none';
    if (this.#mode === 'probe') return this.#probeSent ? 'none' : 'entries';
    if (!this.#inflight.isFull) return 'entries';
    return this.#nudgeDue ? 'empty-only' : 'none';
  }

  /** Whether an append has to go even without entries. */
  needsEmptyAppend(commitIndex: number): boolean {
    if (this.#mode === 'probe') return true;
    return this.#nudgeDue || Math.min(commitIndex, this.#nextIndex - 1) > this.#sentCommitIndex;
  }

  appendSent(lastIndex: number, sizeBytes: number, commitIndex: number): void {
    this.#sentCommitIndex = Math.max(this.#sentCommitIndex, Math.min(commitIndex, lastIndex));
    this.#nudgeDue = false;
    if (this.#mode === 'probe') {
      this.#probeSent = true;
      return;
    }
    if (lastIndex < this.#nextIndex) return;
    this.#inflight.add(lastIndex, sizeBytes);
    this.#nextIndex = lastIndex + 1;
  }

  commitSent(commitIndex: number): void {
    this.#sentCommitIndex = Math.max(this.#sentCommitIndex, commitIndex);
  }

  /** The peer's log equals the leader's up to `index`, durably. Replies may change places: a lower one is old news. */
  accepted(index: number, logStartIndex: number): void {
    this.#matchIndex = Math.max(this.#matchIndex, index);
    this.#nextIndex = Math.max(this.#nextIndex, index + 1);
    this.#inflight.freeThrough(index);
    const caughtUpWithLog = this.#mode === 'snapshot' && this.#matchIndex >= logStartIndex;
    const probeAnswered = this.#mode === 'probe' && index === this.#matchIndex;
    if (caughtUpWithLog || probeAnswered) this.#enter('replicate', this.#matchIndex + 1);
  }

  /**
   * The peer refused an append whose previous entry was `refusedIndex`; the logs may agree at or before `agreeIndex`.
   * Returns false when the refusal is out of date.
   */
  refused(refusedIndex: number, agreeIndex: number): boolean {
    switch (this.#mode) {
      case 'snapshot':
        return false;
      case 'replicate':
        if (refusedIndex <= this.#matchIndex) return false;
        this.#enter('probe', this.#matchIndex + 1);
        return true;
      case 'probe':
        if (refusedIndex !== this.#nextIndex - 1) return false;
        this.#nextIndex = Math.max(this.#matchIndex + 1, Math.min(refusedIndex, agreeIndex + 1));
        this.#probeSent = false;
        return true;
    }
  }

  /** A heartbeat was answered: the peer lives, so whatever was lost may be tried again. */
  heartbeatAnswered(lastIndex: number): void {
    this.#probeSent = false;
    if (this.#mode === 'replicate' && this.#matchIndex < lastIndex) this.#nudgeDue = true;
  }

  /** Appends to this peer were lost on the way. */
  unreachable(): void {
    if (this.#mode === 'replicate') this.#enter('probe', this.#matchIndex + 1);
  }

  snapshotNeeded(): void {
    this.#enter('snapshot', this.#matchIndex + 1);
  }

  /**
   * The transfer ended. Probing resumes after `probeIndex`: behind the snapshot when it arrived. When it failed, at the
   * end of the log, as with a new peer: that asks where the peer stands by now. To go on where it stood before would send
   * a snapshot again, and for ever to a peer that refuses it because it is level already and its word of that was lost.
   * The next append waits for the peer's word that it has installed the snapshot, or for a heartbeat's answer.
   */
  snapshotEnded(probeIndex: number): void {
    if (this.#mode !== 'snapshot') return;
    this.#enter('probe', Math.max(this.#matchIndex, probeIndex) + 1);
    this.#probeSent = true;
  }

  #enter(mode: PeerProgress['mode'], nextIndex: number): void {
    this.#mode = mode;
    this.#nextIndex = nextIndex;
    this.#inflight.clear();
    this.#probeSent = false;
    this.#nudgeDue = false;
    invariant(nextIndex > this.#matchIndex, () => `nextIndex ${nextIndex} of ${this.id} fell to its match index`);
  }

  view(recentlyActive: boolean): PeerProgress {
    return {
      id: this.id,
      mode: this.#mode,
      matchIndex: this.#matchIndex,
      nextIndex: this.#nextIndex,
      inflightAppends: this.#inflight.count,
      recentlyActive,
      learner: this.learner,
    };
  }
}
