import { invariant } from './assert.ts';
import type { NodeId, RaftConfig } from './types.ts';

/**
 * When this member last heard from a leader, and what it can vouch for.
 *
 * Invariant: it hears at most one leader in a term (paper, section 5.2).
 */
export class LeaderContact {
  readonly #config: RaftConfig;
  /** Whoever led the present term, even if it was lost from sight since. */
  #leaderInTerm: NodeId | null = null;
  /** When the leader of the present term was last heard; `null` when not at all. */
  #heardTick: number | null = null;
  /** The connection to the leader broke, and nothing was heard of it since. */
  #isDoubtful = false;
  /** When a leader whose term was opened was last witnessed; `null` when not since this process began. */
  #servingTick: number | null = null;

  constructor(config: RaftConfig) {
    this.#config = config;
  }

  termEntered(): void {
    this.#leaderInTerm = null;
    this.#heardTick = null;
    this.#isDoubtful = false;
  }

  /** Two leaders in one term mean a vote lost or given twice: nothing that was decided can be trusted then. */
  claimTerm(term: number, leaderId: NodeId): void {
    const known = this.#leaderInTerm;
    invariant(known === null || known === leaderId, () => `two leaders in term ${term}: ${known} and ${leaderId}`);
    this.#leaderInTerm = leaderId;
  }

  heard(nowTick: number): void {
    this.#heardTick = nowTick;
    this.#isDoubtful = false;
  }

  doubted(): void {
    this.#isDoubtful = true;
  }

  get isDoubtful(): boolean {
    return this.#isDoubtful;
  }

  ageTicks(nowTick: number): number | null {
    return this.#heardTick === null ? null : nowTick - this.#heardTick;
  }

  isRecent(nowTick: number): boolean {
    return !this.#isDoubtful && this.#heardTick !== null && nowTick - this.#heardTick < this.#config.electionTicks;
  }

  servingLeaderWitnessed(nowTick: number): void {
    this.#servingTick = nowTick;
  }

  vouches(nowTick: number): boolean {
    return this.#servingTick !== null && nowTick - this.#servingTick <= this.#config.vouchTicks;
  }
}
