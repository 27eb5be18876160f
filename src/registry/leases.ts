import type { Instance } from './machine.ts';

export interface Deadline {
  readonly to: 'unhealthy' | 'removed';
  /** On the lease clock, in milliseconds. */
  readonly atLeaseMs: number;
}

/** A deadline, and the entry by which the lease was renewed last: an expiry that was judged by it holds for it alone. */
export interface Judgement extends Deadline {
  readonly judgedBy: number;
}

/** What happens to an instance next, and when, if no heartbeat comes. */
export function deadline({ status, leaseRenewedAtMs, registration: { ttl } }: Instance): Deadline {
  // An unknown instance is not judged unhealthy: nobody watched it, so it has the full period to report.
  return status === 'up'
    ? { to: 'unhealthy', atLeaseMs: leaseRenewedAtMs + ttl.unhealthy_after * 1_000 }
    : { to: 'removed', atLeaseMs: leaseRenewedAtMs + ttl.remove_after * 1_000 };
}
