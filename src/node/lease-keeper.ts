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
 * Runs the cluster's lease clock while this member leads, and judges leases by it.
 *
 * The clock counts serving time only (contract, "Only serving time counts"). It goes on from the greatest stamp in
 * the log, so no two machines' clocks are ever compared, and it advances by a tick only when in that tick this leader
 * could have taken a heartbeat: its term is open, a quorum answered lately, and the process was not stopped. Time that
 * cannot be shown to have been served is not counted, so an error prolongs a lease and never shortens one (traps 27-29).
 */
export class LeaseKeeper {
  readonly #propose: (command: Command) => void;
  readonly #maxContactAgeTicks: number;
  #reign: { readonly term: number; readonly wheel: DeadlineWheel; nowMs: number; stampedMs: number } | null = null;
  #overdue: number[] = [];

  /**
   * @param propose puts a command into this leader's own log; may refuse silently, the keeper asks again
   * @param maxContactAgeTicks a quorum must have answered within this many ticks for a tick to count as served
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
    this.#reign?.wheel.add(instance.leaseId, deadline(instance).atLeaseMs);
  }

  /** @param elapsedMs since the tick before, on this process's monotonic clock */
  tick(elapsedMs: number, raft: RaftStatus, state: RegistryState): void {
    // `state.term` follows the log: until the term's opening entry is applied, a cold start may be in it.
    if (raft.role !== 'leader' || !raft.termOpened || state.term !== raft.term) {
      this.#reign = null;
      this.#overdue = [];
      return;
    }
    if (this.#reign?.term !== raft.term) this.#begin(raft.term, state);
    const reign = this.#reign;
    if (!reign) return;

    const served = raft.quorumContactAgeTicks !== null && raft.quorumContactAgeTicks <= this.#maxContactAgeTicks;
    if (!served) return;
    reign.nowMs += Math.min(Math.max(0, elapsedMs), maxTickCreditMs);
    for (const leaseId of reign.wheel.takeDue(reign.nowMs)) this.#overdue.push(leaseId);
    this.#judge(reign, state);
    if (state.counts().total > 0 && reign.nowMs - reign.stampedMs >= clockEntryMs) {
      this.#propose({ type: 'advance-clock' });
    }
  }

  #begin(term: number, state: RegistryState): void {
    const wheel = new DeadlineWheel(state.leaseMs);
    for (const instance of state.instances()) wheel.add(instance.leaseId, deadline(instance).atLeaseMs);
    this.#reign = { term, wheel, nowMs: state.leaseMs, stampedMs: state.leaseMs };
    this.#overdue = [];
  }

  #judge(
    reign: { readonly term: number; readonly wheel: DeadlineWheel; readonly nowMs: number },
    state: RegistryState,
  ) {
    const items: ExpiryItem[] = [];
    for (const leaseId of this.#overdue.splice(0, maxExpiriesPerTick)) {
      const instance = state.findLease(leaseId);
      if (!instance) continue;
      const { to, atLeaseMs } = deadline(instance);
      if (atLeaseMs <= reign.nowMs) {
        items.push({ leaseId, judgedBy: instance.lastHeartbeatIndex, to });
        reign.wheel.add(leaseId, reign.nowMs + secondLookMs);
      } else {
        reign.wheel.add(leaseId, atLeaseMs);
      }
    }
    if (items.length > 0) this.#propose({ type: 'expire', term: reign.term, items });
  }
}
