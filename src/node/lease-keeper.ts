import type { RaftStatus } from '../raft/types.ts';
import { deadline } from '../registry/leases.ts';
import type { Command, ExpiryItem, Instance } from '../registry/machine.ts';
import type { RegistryState } from '../registry/registry-state.ts';
import { DeadlineWheel } from './deadline-wheel.ts';
import { clockEntryMs, maxTickCreditMs } from './settings.ts';

/** Expiries in one entry, and judged in one tick: a wave of them must not hold up the loop or the log. */
const maxExpiriesPerTick = 1_000;

/** A judged lease is looked at again after this, in case its expiry was refused or overtaken. */
const secondLookMs = 1_000;

/**
 * No lease is left alone for longer: one that was replaced leaves the wheel at its next look, so an instance that asks
 * for a lease of a day and registers again and again cannot fill the memory.
 */
const lookEveryMs = 60_000;

interface Reign {
  readonly term: number;
  readonly wheel: DeadlineWheel;
  nowMs: number;
  stampedMs: number;
}

/**
 * Runs the cluster's lease clock while this member leads, and judges leases by it.
 *
 * The clock counts serving time only (contract, "Only serving time counts"). It goes on from the greatest stamp in
 * the log, so no two machines' clocks are ever compared, and it advances by a tick only when in that tick this leader
 * could have taken a heartbeat: its term is open, a quorum answered lately, entries come out of the log, and the process
 * was not stopped. Time that cannot be shown to have been served is not counted, so an error prolongs a lease and never
 * shortens one (traps 27-29).
 */
export class LeaseKeeper {
  readonly #propose: (command: Command) => void;
  readonly #maxContactAgeTicks: number;
  #reign: Reign | null = null;
  #overdue: number[] = [];
  #appliedIndex = 0;
  /** Ticks in which entries waited and none was applied. */
  #stalledTicks = 0;

  /**
   * @param propose puts a command into this leader's own log; may refuse silently, the keeper asks again
   * @param maxContactAgeTicks a quorum must have answered, and an entry that waits must have been applied, within this
   *   many ticks for a tick to count as served
   */
  constructor(propose: (command: Command) => void, maxContactAgeTicks: number) {
    this.#propose = propose;
    this.#maxContactAgeTicks = maxContactAgeTicks;
  }

  /** Lease clock for a new command's stamp, in milliseconds. */
  stampMs(state: RegistryState): number {
    if (!this.#reign) return state.leaseMs;
    this.#reign.stampedMs = this.#reign.nowMs;
    return this.#reign.nowMs;
  }

  /** A lease came to be. Every listed lease is in the wheel exactly once; renewals do not move it. */
  registered(instance: Instance): void {
    if (this.#reign) schedule(this.#reign, instance.leaseId, deadline(instance).atLeaseMs);
  }

  /** Looks that are scheduled: about as many as there are leases. */
  get scheduled(): number {
    return this.#reign?.wheel.size ?? 0;
  }

  /** @param elapsedMs since the tick before, on this process's monotonic clock */
  tick(elapsedMs: number, raft: RaftStatus, state: RegistryState): void {
    // `state.term` follows the log: until the term's opening entry is applied, a cold start may be in it.
    if (raft.role !== 'leader' || !raft.termOpened || state.term !== raft.term) {
      this.#reign = null;
      this.#overdue = [];
      return;
    }
    const moves = this.#moves(raft, state);
    const reign = this.#reign?.term === raft.term ? this.#reign : this.#begin(raft.term, state);

    const contactAgeTicks = raft.quorumContactAgeTicks ?? Number.POSITIVE_INFINITY;
    if (contactAgeTicks > this.#maxContactAgeTicks || !moves) return;
    reign.nowMs += Math.min(Math.max(0, elapsedMs), maxTickCreditMs);
    for (const leaseId of reign.wheel.takeDue(reign.nowMs)) this.#overdue.push(leaseId);
    this.#judge(reign, state);
    if (state.counts().total > 0 && reign.nowMs - reign.stampedMs >= clockEntryMs) {
      this.#propose({ type: 'advance-clock' });
    }
  }

  /**
   * Whether what enters the log comes out of it. A disk that hangs holds up the heartbeats of everybody while the quorum
   * still answers (trap 31), and an expiry must not overtake those that wait for their turn.
   */
  #moves(raft: RaftStatus, state: RegistryState): boolean {
    const stalled = state.appliedIndex < raft.lastIndex && state.appliedIndex === this.#appliedIndex;
    this.#appliedIndex = state.appliedIndex;
    this.#stalledTicks = stalled ? this.#stalledTicks + 1 : 0;
    return this.#stalledTicks <= this.#maxContactAgeTicks;
  }

  #begin(term: number, state: RegistryState): Reign {
    const nowMs = state.leaseMs;
    const reign: Reign = { term, wheel: new DeadlineWheel(nowMs), nowMs, stampedMs: nowMs };
    for (const instance of state.instances()) schedule(reign, instance.leaseId, deadline(instance).atLeaseMs);
    this.#reign = reign;
    this.#overdue = [];
    return reign;
  }

  #judge(reign: Reign, state: RegistryState): void {
    const items: ExpiryItem[] = [];
    for (const leaseId of this.#overdue.splice(0, maxExpiriesPerTick)) {
      const next = state.deadlineOf(leaseId);
      if (!next) continue;
      const { to, atLeaseMs, judgedBy } = next;
      if (atLeaseMs <= reign.nowMs) {
        items.push({ leaseId, judgedBy, to });
        schedule(reign, leaseId, reign.nowMs + secondLookMs);
      } else {
        schedule(reign, leaseId, atLeaseMs);
      }
    }
    if (items.length > 0) this.#propose({ type: 'expire', term: reign.term, items });
  }
}

function schedule({ wheel, nowMs }: Reign, leaseId: number, atLeaseMs: number): void {
  wheel.add(leaseId, Math.min(atLeaseMs, nowMs + lookEveryMs));
}
