import type { Instance } from './machine.ts';

export interface Deadline {
  readonly to: 'unhealthy' | 'removed';
  /** On the lease clock, in milliseconds. */
  readonly atLeaseMs: number;
  /** Log index of the entry that renewed the lease last: an expiry by this deadline is void once another has. */
  readonly judgedBy: number;
}

/** What happens to an instance next, and when, if no heartbeat comes. */
export function deadline(instance: Instance): Deadline {
  const { status, leaseRenewedAtMs, lastHeartbeatIndex: judgedBy } = instance;
  const { unhealthy_after, remove_after } = instance.registration.ttl;
  // An unknown instance is not judged unhealthy: nobody watched it, so it has the full period to report.
  return status === 'up'
    ? { to: 'unhealthy', atLeaseMs: leaseRenewedAtMs + unhealthy_after * 1_000, judgedBy }
    : { to: 'removed', atLeaseMs: leaseRenewedAtMs + remove_after * 1_000, judgedBy };
}
