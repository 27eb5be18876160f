import type { RaftLog } from './log.ts';
import { type VoteOutcome, voteOutcome } from './quorum.ts';
import type { Membership, NodeId, VoteRequest } from './types.ts';

/**
 * One campaign of this member, in its pre-vote or its real phase. Only answers of the phase and term in question may be
 * recorded (trap 2).
 */
export class Campaign {
  readonly transfer: boolean;
  readonly #votes = new Map<NodeId, boolean>();
  #vouched = false;

  constructor(transfer: boolean) {
    this.transfer = transfer;
  }

  /** A voter's first answer stands; a repeated one changes nothing. */
  record(voter: NodeId, granted: boolean, vouches: boolean): void {
    if (this.#votes.has(voter)) return;
    this.#votes.set(voter, granted);
    if (granted && vouches) this.#vouched = true;
  }

  /** Asked anew after each answer, by the membership in force then. */
  outcome(membership: Membership): VoteOutcome {
    return voteOutcome(membership, this.#votes);
  }

  /** Whether somebody who granted its vote witnessed a serving leader recently. */
  get vouched(): boolean {
    return this.#vouched;
  }
}

export interface Voter {
  readonly term: number;
  readonly votedFor: NodeId | null;
  readonly leaderId: NodeId | null;
}

/**
 * Whether to vote for a candidate (paper, sections 5.2 and 5.4.1). A pre-vote promises nothing, so a vote already given
 * in an older term does not stand in its way. Whether a present leader is to be defended was decided before.
 */
export function grantsVote(voter: Voter, log: RaftLog, request: VoteRequest): boolean {
  const isFree = voter.votedFor === null && voter.leaderId === null;
  const isForLaterTerm = request.type === 'pre-vote-request' && request.term > voter.term;
  const mayVote = voter.votedFor === request.from || isFree || isForLaterTerm;
  return mayVote && log.isUpToDate(request.lastLogIndex, request.lastLogTerm);
}
