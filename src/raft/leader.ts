import { invariant } from './assert.ts';
import type { RaftLog } from './log.ts';
import { payloadBytes } from './log.ts';
import { isVoter, memberIds } from './membership.ts';
import type { MessageBody } from './messages.ts';
import { Progress } from './progress.ts';
import { quorumAgeTicks, quorumValue } from './quorum.ts';
import { LeaderReads, type ReadRequest } from './reads.ts';
import type {
  AppendResponse,
  Entry,
  EntryKind,
  HeartbeatResponse,
  Membership,
  NodeId,
  PeerProgress,
  ProposeResult,
  RaftConfig,
} from './types.ts';

/** What a leader needs of the member it runs in. */
export interface LeaderHost {
  readonly config: RaftConfig;
  readonly log: RaftLog;
  membership(): Membership;
  send(to: NodeId, body: MessageBody): void;
  answerRead(request: ReadRequest, index: number | null): void;
}

interface Transfer {
  readonly target: NodeId;
  readonly beganTick: number;
}

/**
 * Everything that exists only while this member leads, for one term: it is made anew with each term won, so nothing of
 * it can leak into another.
 *
 * Invariants: a leader only appends to its log (paper, section 5.2); it commits only by an entry of its own term that a
 * quorum holds durably (section 5.4.2); it counts itself only up to what is durable here.
 */
export class Leader {
  readonly #host: LeaderHost;
  readonly #config: RaftConfig;
  readonly #log: RaftLog;
  readonly #term: number;
  readonly #progress = new Map<NodeId, Progress>();
  readonly #reads = new LeaderReads();
  /** The highest read round that each peer has answered. */
  readonly #answeredRounds = new Map<NodeId, number>();
  #heartbeatTick: number;
  #transfer: Transfer | null = null;
  /** Payload of the entries after the commit index. */
  #uncommittedBytes: number;
  #snapshotsWanted: NodeId[] = [];
  /** Something happened that may let an append or a read round go out. */
  #sendDue = true;

  constructor(host: LeaderHost, term: number, nowTick: number) {
    this.#host = host;
    this.#config = host.config;
    this.#log = host.log;
    this.#term = term;
    this.#heartbeatTick = nowTick;
    this.#uncommittedBytes = payloadBytes(this.#log.between(this.#log.commitIndex, this.#log.lastIndex));
    this.#followMembership(nowTick);
  }

  get transferTarget(): NodeId | null {
    return this.#transfer?.target ?? null;
  }

  get termOpened(): boolean {
    return this.#log.commitTerm === this.#term;
  }

  openTerm(data: Uint8Array): void {
    this.#append('term-opening', [data]);
  }

  propose(commands: readonly Uint8Array[]): ProposeResult {
    if (this.#transfer !== null) return { ok: false, reason: 'transferring' };
    let sizeBytes = 0;
    for (const command of commands) sizeBytes += command.length;
    if (this.#uncommittedBytes > 0 && this.#uncommittedBytes + sizeBytes > this.#config.maxUncommittedBytes) {
      return { ok: false, reason: 'too-much-uncommitted' };
    }
    const firstIndex = this.#log.lastIndex + 1;
    this.#append('command', commands);
    return { ok: true, firstIndex, term: this.#term };
  }

  #append(kind: EntryKind, payloads: readonly Uint8Array[]): void {
    const firstIndex = this.#log.lastIndex + 1;
    const entries = payloads.map(
      (data, offset): Entry => ({ index: firstIndex + offset, term: this.#term, kind, data }),
    );
    this.#log.append(entries);
    this.#uncommittedBytes += payloadBytes(entries);
    this.#sendDue = true;
  }

  /** `lost-quorum`: no quorum answered within an election timeout; somebody else may lead by now (section 6.2). */
  tick(nowTick: number): 'leads' | 'lost-quorum' {
    if (this.quorumContactAgeTicks(nowTick) >= this.#config.electionTicks) return 'lost-quorum';
    if (this.#transfer !== null && nowTick - this.#transfer.beganTick >= this.#config.electionTicks) {
      this.#transfer = null;
      this.#sendDue = true;
    }
    if (nowTick - this.#heartbeatTick >= this.#config.heartbeatTicks) {
      this.#heartbeatTick = nowTick;
      // A heartbeat that carries a round not answered yet is the retry of that round.
      if (this.#reads.hasGathered) this.#reads.beginRound();
      this.#broadcastHeartbeat();
      // A leader that is a quorum by itself gets no answer that would confirm the round.
      this.#confirmReads();
    }
    return 'leads';
  }

  quorumContactAgeTicks(nowTick: number): number {
    return quorumAgeTicks(this.#host.membership(), (id) => {
      if (id === this.#config.id) return 0;
      const { answeredTick, sinceTick } = this.#peer(id);
      return nowTick - (answeredTick ?? sinceTick);
    });
  }

  /** Whoever takes part, but this member itself. */
  #peer(id: NodeId): Progress {
    const peer = this.#progress.get(id);
    invariant(peer !== undefined, () => `${id} takes part, and the leader does not follow its progress`);
    return peer;
  }

  #broadcastHeartbeat(): void {
    for (const peer of this.#progress.values()) {
      // A commit index past what the peer matches would commit whatever it holds there (trap 13).
      const commitIndex = Math.min(peer.matchIndex, this.#log.commitIndex);
      peer.commitSent(commitIndex);
      this.#host.send(peer.id, { type: 'heartbeat-request', commitIndex, readRound: this.#reads.round });
    }
  }

  appendAnswered(response: AppendResponse, nowTick: number): void {
    const peer = this.#progress.get(response.from);
    if (peer === undefined || response.index > this.#log.lastIndex) return;
    peer.answered(nowTick);
    this.#sendDue = true;
    if (!response.accepted) {
      peer.refused(response.index, this.#log.lastIndexWithTermAtMost(response.hintIndex, response.hintTerm));
      return;
    }
    peer.accepted(response.index, this.#log.start.index);
    this.advanceCommit();
    this.#urgeSuccessor(peer);
  }

  heartbeatAnswered(response: HeartbeatResponse, nowTick: number): void {
    const peer = this.#progress.get(response.from);
    if (peer === undefined || response.readRound > this.#reads.round) return;
    peer.answered(nowTick);
    peer.heartbeatAnswered(this.#log.lastIndex);
    this.#sendDue = true;
    const answered = Math.max(this.#answeredRounds.get(peer.id) ?? 0, response.readRound);
    this.#answeredRounds.set(peer.id, answered);
    this.#confirmReads();
    this.#urgeSuccessor(peer);
  }

  /** Counts replicas anew: after an acknowledgement, a completed write, a change of membership. */
  advanceCommit(): void {
    const reached = quorumValue(this.#host.membership(), (id) =>
      id === this.#config.id ? this.#log.stableIndex : this.#peer(id).matchIndex,
    );
    const commitIndex = this.#log.commitIndex;
    // An entry of an older term is committed only along with one of this term (figure 8; trap 1).
    if (reached <= commitIndex || this.#log.termAt(reached) !== this.#term) return;
    this.#uncommittedBytes -= payloadBytes(this.#log.between(commitIndex, reached));
    this.#log.commitTo(reached);
    this.#reads.termOpened(reached);
    this.#sendDue = true;
  }

  // Reads

  requestRead(request: ReadRequest): void {
    if (this.#transfer !== null) {
      this.#host.answerRead(request, null);
      return;
    }
    this.#reads.add(request, this.#log.commitIndex, this.termOpened);
    this.#sendDue = true;
  }

  #confirmReads(): void {
    const round = quorumValue(this.#host.membership(), (id) =>
      id === this.#config.id ? this.#reads.round : (this.#answeredRounds.get(id) ?? 0),
    );
    for (const read of this.#reads.confirm(round)) this.#host.answerRead(read, read.index);
  }

  failReads(): void {
    for (const read of this.#reads.fail()) this.#host.answerRead(read, null);
  }

  // Leadership transfer (dissertation, section 3.10)

  transferTo(target: NodeId, nowTick: number): void {
    const peer = this.#progress.get(target);
    if (peer === undefined || !isVoter(this.#host.membership(), target) || this.#transfer?.target === target) return;
    this.#transfer = { target, beganTick: nowTick };
    // The successor's campaign does not wait for leases to end, so nothing read here may count on them (trap 26).
    this.failReads();
    this.#sendDue = true;
    this.#urgeSuccessor(peer);
  }

  #urgeSuccessor(peer: Progress): void {
    if (this.#transfer?.target !== peer.id || peer.matchIndex !== this.#log.lastIndex) return;
    this.#host.send(peer.id, { type: 'timeout-now' });
  }

  // Sending

  get hasSendDue(): boolean {
    return this.#sendDue;
  }

  /** Sends each peer what it may get, in as few messages as the limits allow, and begins a read round if one is due. */
  flush(): void {
    if (!this.#sendDue) return;
    this.#sendDue = false;
    for (const peer of this.#progress.values()) this.#replicateTo(peer);
    if (this.#reads.hasGathered && !this.#reads.hasRoundUnderWay) {
      this.#reads.beginRound();
      this.#broadcastHeartbeat();
      this.#confirmReads();
      // Reads gathered behind the round go with the next one, as soon as this one is confirmed.
    }
  }

  #replicateTo(peer: Progress): void {
    for (;;) {
      const permission = peer.permission;
      if (permission === 'none') return;
      const prevLogIndex = peer.nextIndex - 1;
      const prevLogTerm = this.#log.termAt(prevLogIndex);
      if (prevLogTerm === null) {
        // Only an answer can bring a peer here: who is silent is probed at the log's end, and nothing goes until it answers.
        peer.snapshotNeeded();
        this.#snapshotsWanted.push(peer.id);
        return;
      }
      const hasEntries = permission === 'entries' && prevLogIndex < this.#log.lastIndex;
      const commitIndex = this.#log.commitIndex;
      if (!hasEntries && !peer.needsEmptyAppend(commitIndex)) return;
      const { maxBytesPerAppend } = this.#config;
      const entries = hasEntries ? this.#log.batch(prevLogIndex, this.#log.lastIndex, maxBytesPerAppend) : [];
      this.#host.send(peer.id, { type: 'append-request', prevLogIndex, prevLogTerm, commitIndex, entries });
      peer.appendSent(prevLogIndex + entries.length, payloadBytes(entries), commitIndex);
    }
  }

  takeSnapshotsWanted(): readonly NodeId[] {
    const wanted = this.#snapshotsWanted;
    this.#snapshotsWanted = [];
    return wanted;
  }

  get hasSnapshotsWanted(): boolean {
    return this.#snapshotsWanted.length > 0;
  }

  snapshotFinished(peerId: NodeId, outcome: 'completed' | 'failed', snapshotIndex: number): void {
    const endsAtIndex = outcome === 'completed' ? snapshotIndex : this.#log.lastIndex;
    this.#progress.get(peerId)?.snapshotEnded(endsAtIndex);
    this.#sendDue = true;
  }

  unreachable(peerId: NodeId): void {
    this.#progress.get(peerId)?.unreachable();
    this.#sendDue = true;
  }

  /** Takes on a new membership and counts everything anew (trap 22). */
  membershipChanged(nowTick: number): void {
    this.#followMembership(nowTick);
    this.advanceCommit();
    this.#confirmReads();
    if (this.#transfer !== null && !isVoter(this.#host.membership(), this.#transfer.target)) this.#transfer = null;
    this.#sendDue = true;
  }

  #followMembership(nowTick: number): void {
    const membership = this.#host.membership();
    const peers = memberIds(membership).filter((id) => id !== this.#config.id);
    for (const id of this.#progress.keys()) {
      if (peers.includes(id)) continue;
      this.#progress.delete(id);
      this.#answeredRounds.delete(id);
    }
    for (const id of peers) {
      const learner = membership.learners.includes(id);
      const known = this.#progress.get(id);
      if (known !== undefined) known.learner = learner;
      else this.#progress.set(id, new Progress(id, this.#log.lastIndex + 1, learner, nowTick, this.#config));
    }
  }

  view(nowTick: number): readonly PeerProgress[] {
    return [...this.#progress.values()]
      .map((peer) => {
        const { answeredTick } = peer;
        return peer.view(answeredTick !== null && nowTick - answeredTick < this.#config.electionTicks);
      })
      .sort((left, right) => (left.id < right.id ? -1 : 1));
  }
}
