import { invariant } from './assert.ts';
import type { Membership, NodeId } from './types.ts';

/*
 * Majority arithmetic. While a joint change is under way each decision needs a majority of both halves (dissertation,
 * section 4.3), so whoever counts members must do it here.
 */

/**
 * The largest value that a majority of `voters` has reached, in whatever order they are named (trap 14). Asked with every
 * acknowledgement, so it counts and makes no list to sort.
 */
function majorityValue(voters: readonly NodeId[], reachedBy: (id: NodeId) => number): number {
  let greatest: number | null = null;
  for (const voter of voters) {
    const value = reachedBy(voter);
    if (greatest !== null && value <= greatest) continue;
    let reached = 0;
    for (const other of voters) if (reachedBy(other) >= value) reached++;
    if (reached * 2 > voters.length) greatest = value;
  }
  invariant(greatest !== null, 'a majority of no voters was asked for');
  return greatest;
}

/** The largest value that every deciding majority has reached: matched indexes, read rounds. */
export function quorumValue(membership: Membership, reachedBy: (id: NodeId) => number): number {
  const incoming = majorityValue(membership.voters, reachedBy);
  if (membership.votersOutgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(membership.votersOutgoing, reachedBy));
}

/** The oldest contact in the freshest quorum: a quorum has answered within this many ticks. */
export function quorumAgeTicks(membership: Membership, ageTicksOf: (id: NodeId) => number): number {
  return Math.max(0, -quorumValue(membership, (id) => -ageTicksOf(id)));
}

export type VoteOutcome = 'won' | 'lost' | 'pending';

function majorityOutcome(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  const needed = Math.floor(voters.length / 2) + 1;
  const granted = voters.filter((id) => votes.get(id) === true).length;
  const open = voters.filter((id) => !votes.has(id)).length;
  if (granted >= needed) return 'won';
  return granted + open >= needed ? 'pending' : 'lost';
}

/** What the votes so far decide. Votes of ids that are not voters count for nothing. */
export function voteOutcome(membership: Membership, votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  invariant(membership.voters.length > 0, 'an election among no voters was asked for');
  const incoming = majorityOutcome(membership.voters, votes);
  if (membership.votersOutgoing.length === 0) return incoming;
  const outgoing = majorityOutcome(membership.votersOutgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}
