import type { Instance } from '../../src/registry/machine.ts';
import { registration } from './machine-driver.ts';

export function listed(name: string, id: string, leaseId: number, more: Partial<Instance> = {}): Instance {
  return {
    registration: registration(name, id),
    leaseId,
    status: 'up',
    registeredAtMs: 0,
    lastHeartbeatMs: 0,
    leaseRenewedAtMs: 0,
    lastHeartbeatIndex: 0,
    revision: leaseId,
    ...more,
  };
}
