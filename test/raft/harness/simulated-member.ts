import { Raft } from '../../../src/raft/raft.ts';
import type {
  Entry,
  LogWrite,
  NodeId,
  RaftConfig,
  RaftMessage,
  ReadState,
  RestoredState,
  SnapshotMeta,
  SnapshotReceived,
} from '../../../src/raft/types.ts';
import { ScriptedDisk } from './disk.ts';
import { restored, testConfig, text } from './fixtures.ts';

/** What one member's core asks for, as it happens. Every method may be left out. */
export interface MemberObserver {
  sent?(message: RaftMessage): void;
  writeBegan?(write: LogWrite): void;
  applied?(entry: Entry): void;
  restored?(meta: SnapshotMeta): void;
  readAnswered?(state: ReadState): void;
  snapshotWanted?(peer: NodeId): void;
}

/**
 * The production core with a scripted disk and a state machine that is a list of commands. Drives the core as a node
 * does: send, begin the write, apply, answer reads.
 */
export class SimulatedMember {
  readonly id: NodeId;
  readonly disk: ScriptedDisk;
  core: Raft;
  /** False: writes stay under way until `completeWrite`. */
  writesAtOnce = true;
  /** False: what is handed out to be applied waits for `applyHandedOut`. */
  appliesAtOnce = true;
  /** The state: the commands applied since the last snapshot, and the snapshot they follow. */
  commands: string[] = [];
  machineIndex = 0;
  isUp = true;
  readonly #config: RaftConfig;
  readonly #observer: MemberObserver;
  #handedOut: Entry[] = [];
  #restoring: SnapshotMeta | null = null;

  constructor(
    id: NodeId,
    initial: RestoredState = restored(),
    config: Partial<RaftConfig> = {},
    observer: MemberObserver = {},
  ) {
    this.id = id;
    this.#config = { ...testConfig, ...config, id };
    this.#observer = observer;
    this.disk = new ScriptedDisk(initial);
    this.machineIndex = initial.snapshot.index;
    this.core = new Raft(this.#config, initial);
  }

  /** Does what the core asks for until it asks for nothing more. */
  pump(): void {
    for (let round = 0; this.core.hasReady(); round++) {
      if (round > 1_000) throw new Error(`${this.id} is never done`);
      this.#handleReady();
    }
  }

  #handleReady(): void {
    const ready = this.core.takeReady();
    for (const message of ready.messages) this.#observer.sent?.(message);
    if (ready.write !== null) {
      this.disk.begin(ready.write);
      this.#observer.writeBegan?.(ready.write);
    }
    if (ready.restoreSnapshot !== null) this.#restoring = ready.restoreSnapshot;
    this.#handedOut.push(...ready.committedEntries);
    if (this.appliesAtOnce) this.applyHandedOut();
    for (const state of ready.readStates) this.#observer.readAnswered?.(state);
    for (const peer of ready.snapshotsWanted) this.#observer.snapshotWanted?.(peer);
    if (this.writesAtOnce && this.disk.underWay !== null) this.core.writeCompleted(this.disk.complete());
  }

  /** Restores and applies what was handed out, in the order of the contract: the snapshot first. */
  applyHandedOut(): void {
    const snapshot = this.#restoring;
    this.#restoring = null;
    if (snapshot !== null) {
      this.commands = [];
      this.machineIndex = snapshot.index;
      this.#observer.restored?.(snapshot);
      this.core.applied(snapshot.index);
    }
    for (const entry of this.#handedOut.splice(0)) {
      if (entry.index !== this.machineIndex + 1) throw new Error(`${this.id} applies ${entry.index} out of order`);
      this.machineIndex = entry.index;
      if (entry.kind === 'command') this.commands.push(text(entry.data));
      this.#observer.applied?.(entry);
      this.core.applied(entry.index);
    }
  }

  step(message: RaftMessage | SnapshotReceived): void {
    this.core.step(message);
    this.pump();
  }

  tick(count = 1): void {
    for (let i = 0; i < count; i++) {
      this.core.tick();
      this.pump();
    }
  }

  /** The write under way is durable now. */
  completeWrite(): void {
    this.core.writeCompleted(this.disk.complete());
    this.pump();
  }

  /** Takes a snapshot of what is applied. */
  takeSnapshot(keepAfterIndex = this.machineIndex): SnapshotMeta | null {
    const index = this.machineIndex;
    const term = this.core.termAt(index);
    if (term === null || index <= this.core.status().snapshotIndex) return null;
    const meta = { index, term, membership: this.core.membershipAt(index) };
    const keep = Math.max(keepAfterIndex, this.core.status().logStart.index);
    this.disk.commitSnapshot(meta, keep);
    this.core.compact(meta, keep);
    this.pump();
    return meta;
  }

  /** Loses everything but the disk. */
  crash(): void {
    this.isUp = false;
    this.disk.crash();
    this.#handedOut = [];
    this.#restoring = null;
  }

  restart(): void {
    const initial = this.disk.restored();
    this.core = new Raft(this.#config, initial);
    this.machineIndex = initial.snapshot.index;
    this.commands = [];
    this.isUp = true;
  }
}
