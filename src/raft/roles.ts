import type { ApplyCursor } from './applying.ts';
import { invariant } from './assert.ts';
import { Campaign, grantsVote } from './election.ts';
import { acceptance, judgeSnapshot, takeAppend } from './follower.ts';
import { Leader } from './leader.ts';
import { LeaderContact } from './leader-contact.ts';
import type { RaftLog } from './log.ts';
import { isVoter, type MembershipHistory, memberIds } from './membership.ts';
import { isWellFormed, type MessageBody } from './messages.ts';
import type { Persistence } from './persistence.ts';
import { FollowerReads, type ReadRequest } from './reads.ts';
import type {
  AppendRequest,
  HeartbeatRequest,
  Membership,
  NodeId,
  RaftConfig,
  RaftMessage,
  RaftStatus,
  ReadIndexRequest,
  ReadState,
  Role,
  SnapshotMeta,
  SnapshotReceived,
  VoteRequest,
  VoteResponse,
} from './types.ts';

/** A role holds only what that role has; it is replaced as a whole when the role changes. */
type RoleState =
  | { readonly role: 'follower' }
  | { readonly role: 'pre-candidate'; readonly campaign: Campaign }
  | { readonly role: 'candidate'; readonly campaign: Campaign }
  | { readonly role: 'leader'; readonly leader: Leader };

type Step = RaftMessage | SnapshotReceived;

/** What a member keeps whatever its role. */
export interface MemberParts {
  readonly config: RaftConfig;
  readonly log: RaftLog;
  readonly persistence: Persistence;
  readonly cursor: ApplyCursor;
  readonly memberships: MembershipHistory;
  /** Replaces log, membership and, once durable, the state by a snapshot. */
  readonly installSnapshot: (snapshot: SnapshotMeta) => void;
}

/**
 * Follower, pre-candidate, candidate or leader: what a member does with time and with messages, by its role.
 *
 * Invariants: it leads only in a term in which its own vote is durable; it follows at most one leader in a term; a
 * member that is no voter never campaigns.
 */
export class Roles {
  readonly #parts: MemberParts;
  readonly #config: RaftConfig;
  readonly #id: NodeId;
  readonly #log: RaftLog;
  readonly #persistence: Persistence;
  readonly #contact: LeaderContact;
  readonly #followerReads: FollowerReads;
  #state: RoleState = { role: 'follower' };
  #leaderId: NodeId | null = null;
  #nowTick = 0;
  #electionTimerTick = 0;
  /** In `[electionTicks, 2 * electionTicks)`, drawn anew at each campaign; less while the leader's process may be gone. */
  #electionTimeoutTicks: number;
  #readStates: ReadState[] = [];

  constructor(parts: MemberParts) {
    this.#parts = parts;
    this.#config = parts.config;
    this.#id = parts.config.id;
    this.#log = parts.log;
    this.#persistence = parts.persistence;
    this.#contact = new LeaderContact(parts.config);
    this.#followerReads = new FollowerReads(parts.config.randomInteger);
    this.#electionTimeoutTicks = this.#drawElectionTimeout();
  }

  get nowTick(): number {
    return this.#nowTick;
  }

  /** What only a leader has; `null` in any other role. */
  get leader(): Leader | null {
    return this.#state.role === 'leader' ? this.#state.leader : null;
  }

  get hasReadStates(): boolean {
    return this.#readStates.length > 0;
  }

  takeReadStates(): readonly ReadState[] {
    const readStates = this.#readStates;
    this.#readStates = [];
    return readStates;
  }

  // Time

  tick(): void {
    this.#nowTick++;
    if (this.#state.role === 'leader') this.#tickLeader(this.#state.leader);
    else this.#tickFollower();
  }

  #tickLeader(leader: Leader): void {
    // A leader whose disk hangs can neither commit nor learn that it cannot: it has to go (trap 31).
    if (this.#isWriteStalled || leader.tick(this.#nowTick) === 'lost-quorum') {
      this.#becomeFollower(this.#term);
      return;
    }
    this.#witnessServingLeader();
  }

  #tickFollower(): void {
    this.#readStates.push(...this.#followerReads.fail(this.#nowTick - this.#config.electionTicks));
    if (this.#nowTick - this.#electionTimerTick < this.#electionTimeoutTicks) return;
    if (this.#mayCampaign) this.#startPreVote();
    else this.#becomeFollower(this.#term);
  }

  get #isWriteStalled(): boolean {
    return this.#persistence.writeAgeTicks(this.#nowTick) >= this.#config.writeStallTicks;
  }

  #drawElectionTimeout(): number {
    return this.#config.electionTicks + this.#config.randomInteger(this.#config.electionTicks);
  }

  #restartElectionTimer(): void {
    this.#electionTimerTick = this.#nowTick;
    this.#electionTimeoutTicks = this.#drawElectionTimeout();
  }

  /**
   * The connection to a peer broke. A leader whose process ended says nothing any more, so its followers do not wait for
   * a timeout: they campaign in turns, in the order of their names, so that no two split the vote. A leader that is there
   * after all is heard before its follower's turn comes, or by those who are asked for a pre-vote.
   */
  disconnected(peer: NodeId): void {
    if (this.#state.role !== 'follower' || this.#leaderId !== peer) return;
    const turn = memberIds(this.#membership)
      .filter((id) => id !== peer && isVoter(this.#membership, id))
      .indexOf(this.#id);
    if (turn < 0) return;
    this.#contact.doubted();
    const waitTicks = 1 + turn * Math.ceil(this.#config.electionTicks / 4);
    const dueTick = this.#electionTimerTick + this.#electionTimeoutTicks;
    if (this.#nowTick + waitTicks >= dueTick) return;
    this.#electionTimerTick = this.#nowTick;
    this.#electionTimeoutTicks = waitTicks;
  }

  #witnessServingLeader(): void {
    if (this.#log.commitTerm === this.#term) this.#contact.servingLeaderWitnessed(this.#nowTick);
  }

  // Roles

  get #term(): number {
    return this.#persistence.term;
  }

  get #membership(): Membership {
    return this.#parts.memberships.current;
  }

  #setLeader(leaderId: NodeId | null): void {
    if (this.#leaderId === leaderId) return;
    this.#leaderId = leaderId;
    // What the old leader may still answer must not be taken for the new one's word.
    this.#readStates.push(...this.#followerReads.fail());
  }

  #enterTerm(term: number): void {
    this.#setLeader(null);
    this.#persistence.enterTerm(term);
    this.#contact.termEntered();
  }

  /** Follows nobody in particular until a leader speaks. Within a term the vote stays given (trap 3). */
  #becomeFollower(term: number): void {
    const previous = this.#state;
    if (previous.role === 'leader') this.#witnessServingLeader();
    this.#state = { role: 'follower' };
    if (term > this.#term) this.#enterTerm(term);
    this.#setLeader(null);
    this.#restartElectionTimer();
    if (previous.role === 'leader') previous.leader.failReads();
  }

  get #mayCampaign(): boolean {
    if (!isVoter(this.#membership, this.#id) || this.#isWriteStalled || this.#parts.cursor.isRestoring) return false;
    // Whoever campaigns by a membership that is about to change may count the wrong majority (trap 8).
    const unapplied = this.#log.between(this.#parts.cursor.appliedIndex, this.#log.commitIndex);
    return !unapplied.some((entry) => entry.kind === 'membership');
  }

  /** Asks whether a campaign could be won before any term is raised (dissertation, section 9.6). */
  #startPreVote(): void {
    this.#setLeader(null);
    this.#restartElectionTimer();
    const campaign = new Campaign(false);
    this.#state = { role: 'pre-candidate', campaign };
    this.#requestVotes('pre-vote-request', this.#term + 1, campaign);
    campaign.record(this.#id, true, false);
    this.#countVotes('pre-candidate', campaign);
  }

  #startElection(transfer: boolean): void {
    this.#enterTerm(this.#term + 1);
    this.#persistence.voteFor(this.#id);
    this.#restartElectionTimer();
    const campaign = new Campaign(transfer);
    this.#state = { role: 'candidate', campaign };
    // Its own vote counts when it is durable, like everyone's: see `writeCompleted`.
    this.#requestVotes('vote-request', this.#term, campaign);
  }

  #requestVotes(type: VoteRequest['type'], term: number, campaign: Campaign): void {
    const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = this.#log;
    for (const to of memberIds(this.#membership)) {
      if (to === this.#id || !isVoter(this.#membership, to)) continue;
      const { transfer } = campaign;
      this.#persistence.send({ type, from: this.#id, to, term, lastLogIndex, lastLogTerm, transfer });
    }
  }

  #countVotes(role: 'pre-candidate' | 'candidate', campaign: Campaign): void {
    const outcome = campaign.outcome(this.#membership);
    if (outcome === 'lost') this.#becomeFollower(this.#term);
    if (outcome !== 'won') return;
    if (role === 'pre-candidate') this.#startElection(false);
    else this.#becomeLeader(campaign);
  }

  #becomeLeader(campaign: Campaign): void {
    invariant(this.#persistence.isStateDurable, 'a member would lead without its own durable vote');
    this.#contact.claimTerm(this.#term, this.#id);
    const host = {
      config: this.#config,
      log: this.#log,
      membership: () => this.#membership,
      send: (to: NodeId, body: MessageBody) => this.#send(to, body),
      answerRead: (request: ReadRequest, index: number | null) => this.#answerRead(request, index),
    };
    const leader = new Leader(host, this.#term, this.#nowTick);
    this.#state = { role: 'leader', leader };
    this.#setLeader(this.#id);
    const vouched = campaign.vouched || this.#contact.vouches(this.#nowTick);
    leader.openTerm(this.#config.openTerm({ term: this.#term, vouched }));
  }

  // Messages

  #send(to: NodeId, body: MessageBody, logIndex = 0): void {
    this.#persistence.send({ ...body, from: this.#id, to, term: this.#term }, logIndex);
  }

  step(message: Step): void {
    if (message.to !== this.#id || message.from === this.#id || !isWellFormed(message)) return;
    if (message.term > this.#term && !this.#admitsNewerTerm(message)) return;
    if (message.term < this.#term) this.#answerOlderTerm(message);
    else this.#dispatch(message);
  }

  /** Deals with a term newer than this member's own. False: the message is to be ignored. */
  #admitsNewerTerm(message: Step): boolean {
    switch (message.type) {
      case 'pre-vote-request':
        return !this.#defendsLeader;
      case 'pre-vote-response':
        // A grant names the term that this member would campaign in; a refusal names the voter's own.
        if (!message.granted) this.#becomeFollower(message.term);
        return true;
      case 'vote-request':
        // Whoever hears from a leader lets nobody unseat it, not even by a higher term (section 4.2.3; trap 7).
        if (this.#defendsLeader && !message.transfer) return false;
        this.#becomeFollower(message.term);
        return true;
      default:
        this.#becomeFollower(message.term);
        return true;
    }
  }

  get #defendsLeader(): boolean {
    if (this.#leaderId === null) return false;
    return this.#state.role === 'leader' || this.#contact.isRecent(this.#nowTick);
  }

  /** Tells whoever is behind of the present term. Otherwise a leader could never win back a member that went ahead. */
  #answerOlderTerm(message: Step): void {
    const vouches = this.#contact.vouches(this.#nowTick);
    switch (message.type) {
      case 'append-request':
      case 'heartbeat-request':
        this.#send(message.from, { type: 'heartbeat-response', readRound: 0 });
        return;
      case 'pre-vote-request':
        this.#send(message.from, { type: 'pre-vote-response', granted: false, vouches });
        return;
      case 'vote-request':
        this.#send(message.from, { type: 'vote-response', granted: false, vouches });
        return;
      case 'read-index-request':
        this.#send(message.from, { type: 'read-index-response', context: message.context, index: null });
        return;
      default:
        return;
    }
  }

  #dispatch(message: Step): void {
    switch (message.type) {
      case 'pre-vote-request':
      case 'vote-request':
        this.#voteRequested(message);
        return;
      case 'pre-vote-response':
      case 'vote-response':
        this.#voteAnswered(message);
        return;
      case 'append-request':
        this.#appendRequested(message);
        return;
      case 'append-response':
        if (this.#state.role === 'leader') this.#state.leader.appendAnswered(message, this.#nowTick);
        return;
      case 'heartbeat-request':
        this.#heartbeatRequested(message);
        return;
      case 'heartbeat-response':
        if (this.#state.role === 'leader') this.#state.leader.heartbeatAnswered(message, this.#nowTick);
        return;
      case 'timeout-now':
        if (this.#state.role !== 'leader' && this.#mayCampaign) this.#startElection(true);
        return;
      case 'read-index-request':
        this.#readRequested(message);
        return;
      case 'read-index-response': {
        const state = this.#followerReads.answered(message.context, message.index);
        if (state !== null) this.#readStates.push(state);
        return;
      }
      case 'snapshot-received':
        this.#snapshotReceived(message);
        return;
    }
  }

  #voteRequested(request: VoteRequest): void {
    const voter = { term: this.#term, votedFor: this.#persistence.votedFor, leaderId: this.#leaderId };
    const granted = grantsVote(voter, this.#log, request);
    const vouches = this.#contact.vouches(this.#nowTick);
    if (request.type === 'pre-vote-request') {
      const term = granted ? request.term : this.#term;
      const address = { from: this.#id, to: request.from, term };
      this.#persistence.send({ type: 'pre-vote-response', ...address, granted, vouches });
      return;
    }
    if (granted) {
      this.#persistence.voteFor(request.from);
      // A campaign of its own would now only work against the candidate it supports.
      if (this.#state.role === 'pre-candidate') this.#becomeFollower(this.#term);
      this.#restartElectionTimer();
    }
    this.#send(request.from, { type: 'vote-response', granted, vouches });
  }

  #voteAnswered(response: VoteResponse): void {
    if (this.#state.role !== 'pre-candidate' && this.#state.role !== 'candidate') return;
    const { role, campaign } = this.#state;
    const isPreVote = response.type === 'pre-vote-response';
    if (isPreVote !== (role === 'pre-candidate')) return;
    // Whatever is older than this term was dropped before (trap 2); a grant may also be newer, by this campaign's one.
    if (isPreVote && response.granted && response.term !== this.#term + 1) return;
    campaign.record(response.from, response.granted, response.vouches);
    this.#countVotes(role, campaign);
  }

  /** Whoever sends appends, heartbeats or snapshots in the present term was elected in it. */
  #hearLeader(leaderId: NodeId): void {
    this.#contact.claimTerm(this.#term, leaderId);
    this.#state = { role: 'follower' };
    this.#setLeader(leaderId);
    if (this.#contact.isDoubtful) this.#restartElectionTimer();
    else this.#electionTimerTick = this.#nowTick;
    this.#contact.heard(this.#nowTick);
  }

  #appendRequested(request: AppendRequest): void {
    this.#hearLeader(request.from);
    const answer = takeAppend(this.#log, request);
    this.#send(request.from, answer, answer.accepted ? answer.index : 0);
    this.#witnessServingLeader();
  }

  #heartbeatRequested(request: HeartbeatRequest): void {
    // A leader names only what this member acknowledged as durable; it cannot be past the end of the log.
    if (request.commitIndex > this.#log.lastIndex) return;
    this.#hearLeader(request.from);
    this.#log.commitTo(request.commitIndex);
    this.#witnessServingLeader();
    this.#send(request.from, { type: 'heartbeat-response', readRound: request.readRound });
  }

  #snapshotReceived(message: SnapshotReceived): void {
    const { from, snapshot } = message;
    this.#hearLeader(from);
    const verdict = judgeSnapshot(this.#log, snapshot);
    // One snapshot at a time: the leader finds out by probing, and sends what is still needed then.
    if (verdict === 'install' && this.#parts.cursor.isRestoring) return;
    if (verdict === 'known') this.#log.commitTo(snapshot.index);
    if (verdict === 'install') this.#parts.installSnapshot(snapshot);
    this.#witnessServingLeader();
    this.#send(from, acceptance(this.#log.commitIndex), this.#log.commitIndex);
  }

  // Reads

  readIndex(context: number): void {
    if (this.#state.role === 'leader') {
      this.#state.leader.requestRead({ from: null, context });
    } else if (this.#leaderId === null) {
      this.#readStates.push({ context, index: null });
    } else {
      const wireContext = this.#followerReads.add(context, this.#nowTick);
      this.#send(this.#leaderId, { type: 'read-index-request', context: wireContext });
    }
  }

  #readRequested(request: ReadIndexRequest): void {
    const { from, context } = request;
    if (this.#state.role === 'leader') this.#state.leader.requestRead({ from, context });
    else this.#send(from, { type: 'read-index-response', context, index: null });
  }

  #answerRead(request: ReadRequest, index: number | null): void {
    if (request.from === null) this.#readStates.push({ context: request.context, index });
    else this.#send(request.from, { type: 'read-index-response', context: request.context, index });
  }

  // What the driver did

  /** A write is durable: its own vote may count now, and its own copy of the log. */
  writeCompleted(): void {
    this.leader?.advanceCommit();
    if (this.#state.role !== 'candidate' || !this.#persistence.isStateDurable) return;
    const { role, campaign } = this.#state;
    campaign.record(this.#id, true, false);
    this.#countVotes(role, campaign);
  }

  /**
   * A leader counts acknowledgements anew by the new membership (trap 22), and goes when it has no place in it. Votes need
   * no counting: nobody campaigns before it has applied all that is committed of the membership (trap 8).
   */
  membershipApplied(): void {
    if (this.#state.role !== 'leader') return;
    this.#state.leader.membershipChanged(this.#nowTick);
    if (!isVoter(this.#membership, this.#id)) this.#becomeFollower(this.#term);
  }

  get role(): Role {
    return this.#state.role;
  }

  get leaderId(): NodeId | null {
    return this.#leaderId;
  }

  status(): Pick<
    RaftStatus,
    'termOpened' | 'quorumContactAgeTicks' | 'leaderContactAgeTicks' | 'vouches' | 'transferTarget' | 'progress'
  > {
    const { leader } = this;
    return {
      termOpened: leader?.termOpened ?? false,
      quorumContactAgeTicks: leader?.quorumContactAgeTicks(this.#nowTick) ?? null,
      leaderContactAgeTicks: leader === null ? this.#contact.ageTicks(this.#nowTick) : 0,
      vouches: this.#contact.vouches(this.#nowTick),
      transferTarget: leader?.transferTarget ?? null,
      progress: leader?.view(this.#nowTick) ?? [],
    };
  }
}
