import { invariant } from './assert.ts';
import type { RaftLog } from './log.ts';
import type { Entry, SnapshotMeta } from './types.ts';

type Restore = { readonly meta: SnapshotMeta; readonly phase: 'not-durable' | 'due' | 'handed-out' };

/**
 * What goes to the state machine, in order and once.
 *
 * Invariants: `appliedIndex <= handedOutIndex <= commitIndex`; what is handed out is committed and durable here; from
 * the acceptance of a snapshot until it is restored nothing else is handed out, and it is not handed out before all
 * earlier entries are applied (trap 19).
 */
export class ApplyCursor {
  #handedOutIndex: number;
  #appliedIndex: number;
  #restore: Restore | null = null;

  constructor(appliedIndex: number) {
    this.#handedOutIndex = appliedIndex;
    this.#appliedIndex = appliedIndex;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get isRestoring(): boolean {
    return this.#restore !== null;
  }

  snapshotAccepted(meta: SnapshotMeta): void {
    invariant(this.#restore === null, 'a snapshot was accepted while another one is being restored');
    this.#restore = { meta, phase: 'not-durable' };
  }

  snapshotDurable(meta: SnapshotMeta): void {
    invariant(this.#restore?.meta === meta, 'a snapshot that was not accepted became durable');
    this.#restore = { meta, phase: 'due' };
  }

  get hasRestore(): boolean {
    return this.#restore?.phase === 'due' && this.#appliedIndex === this.#handedOutIndex;
  }

  takeRestore(): SnapshotMeta | null {
    if (!this.hasRestore || this.#restore === null) return null;
    const { meta } = this.#restore;
    this.#restore = { meta, phase: 'handed-out' };
    this.#handedOutIndex = meta.index;
    return meta;
  }

  hasCommitted(log: RaftLog): boolean {
    return this.#restore === null && Math.min(log.commitIndex, log.stableIndex) > this.#handedOutIndex;
  }

  takeCommitted(log: RaftLog, maxBytes: number): readonly Entry[] {
    if (!this.hasCommitted(log)) return [];
    const entries = log.batch(this.#handedOutIndex, Math.min(log.commitIndex, log.stableIndex), maxBytes);
    this.#handedOutIndex += entries.length;
    return entries;
  }

  applied(index: number): void {
    invariant(
      index >= this.#appliedIndex && index <= this.#handedOutIndex,
      () => `index ${index} was applied, but ${this.#appliedIndex + 1}..${this.#handedOutIndex} are to be applied`,
    );
    this.#appliedIndex = index;
    if (this.#restore?.phase === 'handed-out' && index === this.#restore.meta.index) this.#restore = null;
  }
}
