import { ApplyCursor } from './applying.ts';
import { invariant } from './assert.ts';
import { RaftLog } from './log.ts';
import { decodeMembership, MembershipHistory } from './membership.ts';
import { Persistence } from './persistence.ts';
import { Roles } from './roles.ts';
import type {
  Membership,
  NodeId,
  ProposeResult,
  RaftConfig,
  RaftCore,
  RaftMessage,
  RaftStanding,
  RaftStatus,
  Ready,
  RestoredState,
  SnapshotMeta,
  SnapshotReceived,
} from './types.ts';

/**
 * One member's part in consensus. See `RaftCore` for how it is driven; the invariants stand with the parts that keep
 * them: `RaftLog`, `Persistence`, `ApplyCursor`, `MembershipHistory`, `Roles`, `Leader`.
 */
export class Raft implements RaftCore {
  readonly #config: RaftConfig;
  readonly #log: RaftLog;
  readonly #persistence: Persistence;
  readonly #cursor: ApplyCursor;
  readonly #memberships: MembershipHistory;
  readonly #roles: Roles;
  /** The latest that is durable here, or is about to be; its index never falls. */
  #snapshot: SnapshotMeta;

  /** @throws InvariantError when what was restored contradicts itself */
  constructor(config: RaftConfig, restored: RestoredState) {
    const { hardState, snapshot, logStart, entries } = restored;
    invariant(config.electionTicks > config.heartbeatTicks, 'electionTicks must be greater than heartbeatTicks');
    this.#config = config;
    this.#log = new RaftLog(logStart, entries, Math.max(hardState.commitIndex, snapshot.index));
    invariant(this.#log.termAt(snapshot.index) === snapshot.term, 'the restored log does not hold its snapshot');
    invariant(hardState.term >= this.#log.lastTerm, 'the restored term is older than the restored log');
    this.#persistence = new Persistence(this.#log, hardState);
    this.#cursor = new ApplyCursor(snapshot.index);
    this.#memberships = new MembershipHistory(snapshot.index, snapshot.membership);
    this.#snapshot = snapshot;
    this.#roles = new Roles({
      config,
      log: this.#log,
      persistence: this.#persistence,
      cursor: this.#cursor,
      memberships: this.#memberships,
      installSnapshot: (meta) => this.#installSnapshot(meta),
    });
  }

  tick(): void {
    this.#roles.tick();
  }

  step(message: RaftMessage | SnapshotReceived): void {
    this.#roles.step(message);
  }

  propose(commands: readonly Uint8Array[]): ProposeResult {
    return this.#roles.leader?.propose(commands) ?? { ok: false, reason: 'not-leader' };
  }

  readIndex(context: number): void {
    this.#roles.readIndex(context);
  }

  transferLeadership(to: NodeId): void {
    this.#roles.leader?.transferTo(to, this.#roles.nowTick);
  }

  hasReady(): boolean {
    const { leader } = this.#roles;
    return (
      this.#persistence.hasMessages ||
      this.#persistence.canBeginWrite ||
      this.#roles.hasReadStates ||
      this.#cursor.hasRestore ||
      this.#cursor.hasCommitted(this.#log) ||
      (leader !== null && (leader.hasSendDue || leader.hasSnapshotsWanted))
    );
  }

  takeReady(): Ready {
    const { leader } = this.#roles;
    leader?.flush();
    return {
      messages: this.#persistence.takeMessages(),
      write: this.#persistence.beginWrite(this.#roles.nowTick),
      restoreSnapshot: this.#cursor.takeRestore(),
      committedEntries: this.#cursor.takeCommitted(this.#log, this.#config.maxBytesPerApply),
      readStates: this.#roles.takeReadStates(),
      snapshotsWanted: leader?.takeSnapshotsWanted() ?? [],
    };
  }

  writeCompleted(id: number): void {
    const snapshot = this.#persistence.endWrite(id);
    if (snapshot !== null) this.#cursor.snapshotDurable(snapshot);
    this.#roles.writeCompleted();
  }

  applied(index: number): void {
    const after = Math.max(this.#cursor.appliedIndex, this.#log.start.index);
    this.#cursor.applied(index);
    for (const entry of this.#log.between(after, index)) {
      if (entry.kind !== 'membership') continue;
      this.#memberships.changed(entry.index, decodeMembership(entry.data));
      this.#roles.membershipApplied();
    }
  }

  #installSnapshot(snapshot: SnapshotMeta): void {
    this.#log.restartAt(snapshot);
    this.#persistence.snapshotReceived(snapshot);
    this.#cursor.snapshotAccepted(snapshot);
    // Its membership wins over whatever the old log said (trap 20).
    this.#memberships.changed(snapshot.index, snapshot.membership);
    this.#snapshot = snapshot;
  }

  compact(meta: SnapshotMeta, keepAfterIndex: number): void {
    // A received snapshot may have overtaken the one that this member was taking.
    if (meta.index <= this.#snapshot.index) return;
    invariant(meta.index <= this.#cursor.appliedIndex, () => `snapshot ${meta.index} was taken before it was applied`);
    invariant(this.#log.termAt(meta.index) === meta.term, () => `snapshot ${meta.index} has another term than the log`);
    invariant(keepAfterIndex <= meta.index, () => `entries up to ${keepAfterIndex} are not in snapshot ${meta.index}`);
    this.#snapshot = meta;
    this.#log.compact(keepAfterIndex);
    this.#memberships.forgetBefore(meta.index);
  }

  snapshotFinished(peer: NodeId, outcome: 'completed' | 'failed', snapshotIndex: number): void {
    this.#roles.leader?.snapshotFinished(peer, outcome, snapshotIndex);
  }

  reportUnreachable(peer: NodeId): void {
    this.#roles.leader?.unreachable(peer);
  }

  reportDisconnected(peer: NodeId): void {
    this.#roles.disconnected(peer);
  }

  membershipAt(index: number): Membership {
    return this.#memberships.at(index);
  }

  termAt(index: number): number | null {
    return this.#log.termAt(index);
  }

  standing(): RaftStanding {
    const { role, leaderId } = this.#roles;
    return { term: this.#persistence.term, role, leaderId, membership: this.#memberships.current };
  }

  status(): RaftStatus {
    return {
      ...this.standing(),
      id: this.#config.id,
      votedFor: this.#persistence.votedFor,
      commitIndex: this.#log.commitIndex,
      lastIndex: this.#log.lastIndex,
      stableIndex: this.#log.stableIndex,
      appliedIndex: this.#cursor.appliedIndex,
      logStart: this.#log.start,
      snapshotIndex: this.#snapshot.index,
      ...this.#roles.status(),
    };
  }
}
