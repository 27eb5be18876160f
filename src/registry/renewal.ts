import type { Instance } from './machine.ts';

/** What a heartbeat says anew of an instance. */
export type Renewal = Pick<Instance, 'lastHeartbeatMs' | 'leaseRenewedAtMs' | 'lastHeartbeatIndex'>;

/** The instance with its lease renewed, and in another status where one is given, which readers see at its `revision`. */
export function renewed(
  before: Instance,
  { lastHeartbeatMs, leaseRenewedAtMs, lastHeartbeatIndex }: Renewal,
  status = before.status,
  revision = before.revision,
): Instance {
  // Written out: to copy it with `...` takes several times as long.
  return {
    registration: before.registration,
    leaseId: before.leaseId,
    status,
    registeredAtMs: before.registeredAtMs,
    lastHeartbeatMs,
    leaseRenewedAtMs,
    lastHeartbeatIndex,
    revision,
  };
}
