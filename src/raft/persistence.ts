import { invariant } from './assert.ts';
import type { RaftLog } from './log.ts';
import type { HardState, LogWrite, NodeId, RaftMessage, SnapshotMeta } from './types.ts';

/** A message that rests on something not durable yet. */
interface WithheldMessage {
  readonly message: RaftMessage;
  /** The version of term and vote that must be durable. */
  readonly stateVersion: number;
  /** The log must be durable up to here. */
  readonly logIndex: number;
}

interface WriteUnderWay {
  readonly id: number;
  readonly stateVersion: number;
  readonly snapshot: SnapshotMeta | null;
  readonly beganTick: number;
}

/**
 * Keeps what is said behind what is durable: term and vote, the one write under way, and the messages that have to
 * wait for it.
 *
 * Invariants: the term never falls; within a term a vote is given once and never taken back; at most one write is under
 * way; no message leaves before the term, vote and entries it rests on are durable; what waits for that is never said
 * any more once its term has passed.
 */
export class Persistence {
  readonly #log: RaftLog;
  #term: number;
  #votedFor: NodeId | null;
  /** Grows with every change of term or vote. */
  #stateVersion = 0;
  #durableStateVersion = 0;
  /** What the last write that carried a hard state stored, or stores now. */
  #written: HardState;
  #underWay: WriteUnderWay | null = null;
  #nextWriteId = 1;
  #pendingSnapshot: SnapshotMeta | null = null;
  #sendable: RaftMessage[] = [];
  #withheld: WithheldMessage[] = [];

  constructor(log: RaftLog, restored: HardState) {
    this.#log = log;
    this.#term = restored.term;
    this.#votedFor = restored.votedFor;
    this.#written = restored;
  }

  get term(): number {
    return this.#term;
  }

  get votedFor(): NodeId | null {
    return this.#votedFor;
  }

  get isStateDurable(): boolean {
    return this.#durableStateVersion === this.#stateVersion;
  }

  /** Enters a newer term, with no vote given in it yet. */
  enterTerm(term: number): void {
    invariant(term > this.#term, () => `the term would go from ${this.#term} to ${term}`);
    this.#term = term;
    this.#votedFor = null;
    this.#stateVersion++;
  }

  /** Gives this term's vote. The same candidate may ask again (trap 6). */
  voteFor(candidate: NodeId): void {
    if (this.#votedFor === candidate) return;
    invariant(
      this.#votedFor === null,
      () => `a second vote in term ${this.#term}: ${this.#votedFor}, then ${candidate}`,
    );
    this.#votedFor = candidate;
    this.#stateVersion++;
  }

  /**
   * Sends a message once the present term and vote are durable and the log is up to `logIndex`: at once when they are.
   */
  send(message: RaftMessage, logIndex = 0): void {
    if (this.isStateDurable && this.#log.stableIndex >= logIndex) {
      this.#sendable.push(message);
      return;
    }
    const next = { message, stateVersion: this.#stateVersion, logIndex };
    // While a disk hangs, a leader asks again and again. One answer is enough, and the queue stays short.
    const repeated = this.#withheld.findIndex((withheld) => supersedes(next, withheld));
    if (repeated !== -1) this.#withheld.splice(repeated, 1);
    this.#withheld.push(next);
  }

  get hasMessages(): boolean {
    return this.#sendable.length > 0;
  }

  takeMessages(): readonly RaftMessage[] {
    const messages = this.#sendable;
    this.#sendable = [];
    return messages;
  }

  /** The log was replaced in memory; the next write makes that durable. */
  snapshotReceived(snapshot: SnapshotMeta): void {
    this.#pendingSnapshot = snapshot;
  }

  get canBeginWrite(): boolean {
    if (this.#underWay !== null) return false;
    return this.#pendingSnapshot !== null || this.#log.hasUnwritten || !this.isStateDurable;
  }

  /** Hands out everything that is not durable, or `null` when there is nothing or a write is still under way. */
  beginWrite(nowTick: number): LogWrite | null {
    if (!this.canBeginWrite) return null;
    const snapshot = this.#pendingSnapshot;
    this.#pendingSnapshot = null;
    // A snapshot's write restarts the log on disk; entries behind it go with the write after it.
    const entries = snapshot === null ? this.#log.beginWrite() : [];
    const underWay = { id: this.#nextWriteId++, stateVersion: this.#stateVersion, snapshot, beganTick: nowTick };
    this.#underWay = underWay;
    // A stored commit index past the stored log would read as lost entries at the next start (trap 18).
    const commitIndex = snapshot === null ? this.#log.commitIndex : snapshot.index;
    return { id: underWay.id, hardState: this.#changedHardState(commitIndex), entries, snapshot };
  }

  #changedHardState(newCommitIndex: number): HardState | null {
    const { term, votedFor, commitIndex } = this.#written;
    const hardState = { term: this.#term, votedFor: this.#votedFor, commitIndex: newCommitIndex };
    if (hardState.term === term && hardState.votedFor === votedFor && hardState.commitIndex === commitIndex)
      return null;
    this.#written = hardState;
    return hardState;
  }

  /** Releases what waited for this write. Returns the snapshot that it made durable, if it carried one. */
  endWrite(id: number): SnapshotMeta | null {
    const write = this.#underWay;
    invariant(write !== null && write.id === id, () => `write ${id} completed, but write ${write?.id} is under way`);
    this.#underWay = null;
    this.#durableStateVersion = write.stateVersion;
    if (write.snapshot === null) this.#log.endWrite();
    else this.#log.snapshotDurable(write.snapshot.index);
    this.#release();
    return write.snapshot;
  }

  #release(): void {
    const waiting: WithheldMessage[] = [];
    for (const withheld of this.#withheld) {
      // A promise made in a term that has passed must not be spoken any more (trap 15).
      if (withheld.message.term < this.#term) continue;
      const durable = withheld.stateVersion <= this.#durableStateVersion && withheld.logIndex <= this.#log.stableIndex;
      if (durable) this.#sendable.push(withheld.message);
      else waiting.push(withheld);
    }
    this.#withheld = waiting;
  }

  /** Ticks since the write under way began; 0 when none is. */
  writeAgeTicks(nowTick: number): number {
    return this.#underWay === null ? 0 : nowTick - this.#underWay.beganTick;
  }
}

/** Whether `next`, said instead of `previous`, leaves nothing unsaid. */
function supersedes(next: WithheldMessage, previous: WithheldMessage): boolean {
  const [old, message] = [previous.message, next.message];
  if (old.type !== message.type || old.to !== message.to || old.term !== message.term) return false;
  if (previous.logIndex !== next.logIndex || previous.stateVersion !== next.stateVersion) return false;
  switch (message.type) {
    case 'append-response':
      return old.type === message.type && old.accepted && message.accepted && old.index === message.index;
    case 'heartbeat-response':
      // A read round's answer confirms every earlier round too.
      return old.type === message.type && old.readRound <= message.readRound;
    default:
      return false;
  }
}
