import { expect, test } from 'vitest';
import { deadline } from '../../src/registry/leases.ts';
import { toRecord } from '../../src/registry/views.ts';
import { MachineDriver, registration } from './machine-driver.ts';

test('a record shows what the instance said of itself, its health, and times in UTC with milliseconds', () => {
  const machine = new MachineDriver();
  machine.register('billing', 'one', { owner: 'us' });
  machine.pass(1_234);
  machine.heartbeat(1);
  expect(toRecord(machine.lease(1))).toEqual({
    ...registration('billing', 'one', { owner: 'us' }),
    status: 'up',
    last_heartbeat: '2023-11-14T22:13:21.234Z',
    registered_at: '2023-11-14T22:13:20.000Z',
    revision: 1,
    lease_id: 1,
  });
});

test('an up instance turns unhealthy first; an unhealthy or unknown one goes after the whole period', () => {
  const machine = new MachineDriver();
  machine.register('billing', 'one');
  expect(deadline(machine.lease(1))).toEqual({ to: 'unhealthy', atLeaseMs: 31_000 });
  machine.expire(1, 'unhealthy', 0);
  expect(deadline(machine.lease(1))).toEqual({ to: 'removed', atLeaseMs: 61_000 });
  machine.pass(5_000);
  machine.openTerm(1, true);
  expect(deadline(machine.lease(1))).toEqual({ to: 'removed', atLeaseMs: 66_000 });
});
