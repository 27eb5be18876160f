import { invariant } from './assert.ts';
import type { Membership, NodeId } from './types.ts';

/** The membership of a new cluster. @throws InvariantError when a name is empty or stands twice, or nobody is named */
export function initialMembership(voters: readonly NodeId[]): Membership {
  return checked({ voters: [...voters].sort(), votersOutgoing: [], learners: [], learnersNext: [] });
}

/** True when `id` has a say in decisions, in either half of a joint membership. */
export function isVoter(membership: Membership, id: NodeId): boolean {
  return membership.voters.includes(id) || membership.votersOutgoing.includes(id);
}

/** Everyone who receives the log, sorted, each once. */
export function memberIds(membership: Membership): readonly NodeId[] {
  const { voters, votersOutgoing, learners } = membership;
  return [...new Set([...voters, ...votersOutgoing, ...learners])].sort();
}

/** The payload of a `membership` entry: JSON in UTF-8, with the same bytes for the same value. */
export function encodeMembership(membership: Membership): Uint8Array {
  const { voters, votersOutgoing, learners, learnersNext } = checked(membership);
  return new TextEncoder().encode(JSON.stringify({ voters, votersOutgoing, learners, learnersNext }));
}

/** @throws InvariantError or SyntaxError when `data` is no membership: the log itself is then not to be trusted */
export function decodeMembership(data: Uint8Array): Membership {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  invariant(typeof value === 'object' && value !== null, 'a membership entry must hold an object');
  const fields = new Map(Object.entries(value));
  return checked({
    voters: nodeIds(fields, 'voters'),
    votersOutgoing: nodeIds(fields, 'votersOutgoing'),
    learners: nodeIds(fields, 'learners'),
    learnersNext: nodeIds(fields, 'learnersNext'),
  });
}

function nodeIds(fields: ReadonlyMap<string, unknown>, field: string): readonly NodeId[] {
  const value = fields.get(field);
  invariant(Array.isArray(value), `membership.${field} must be a list of names`);
  return value.map((id: unknown) => {
    invariant(typeof id === 'string', `membership.${field} must hold names only`);
    return id;
  });
}

function checked(membership: Membership): Membership {
  const { voters, votersOutgoing, learners, learnersNext } = membership;
  invariant(voters.length > 0, 'membership.voters must name at least one voter');
  for (const [field, ids] of Object.entries({ voters, votersOutgoing, learners, learnersNext })) {
    invariant(!ids.includes(''), `membership.${field} must not hold an empty name`);
    invariant(new Set(ids).size === ids.length, `membership.${field} names a member twice`);
  }
  // A learner that still voted in either half would be counted for something it must not decide.
  invariant(
    !learners.some((id) => isVoter(membership, id)),
    'membership.learners must not name a voter: let it wait in learnersNext',
  );
  invariant(
    learnersNext.every((id) => votersOutgoing.includes(id)),
    'membership.learnersNext must name outgoing voters only',
  );
  return membership;
}

/**
 * Which membership was in force at which index. It comes from the snapshot and from applied entries and from nothing
 * else, so that a restart cannot bring an older one back (trap 23).
 */
export class MembershipHistory {
  /** Never empty; indexes ascend. The first covers everything from the oldest kept snapshot on. */
  #changes: readonly { readonly index: number; readonly membership: Membership }[];
  /** The last of them: whoever counts members asks for it, which is with every message. */
  #current: Membership;

  constructor(snapshotIndex: number, membership: Membership) {
    this.#changes = [{ index: snapshotIndex, membership }];
    this.#current = membership;
  }

  get current(): Membership {
    return this.#current;
  }

  at(index: number): Membership {
    return this.#lookup(index);
  }

  changed(index: number, membership: Membership): void {
    const last = this.#changes.at(-1);
    invariant(last !== undefined && index > last.index, () => `membership entry ${index} was applied out of order`);
    this.#changes = [...this.#changes, { index, membership }];
    this.#current = membership;
  }

  /** Forgets what no snapshot at or after `index` can ask for. */
  forgetBefore(index: number): void {
    const first = this.#changes.findLastIndex((change) => change.index <= index);
    if (first > 0) this.#changes = this.#changes.slice(first);
  }

  #lookup(index: number): Membership {
    const change = this.#changes.findLast((candidate) => candidate.index <= index);
    invariant(change !== undefined, () => `the membership at index ${index} is older than the oldest kept snapshot`);
    return change.membership;
  }
}
