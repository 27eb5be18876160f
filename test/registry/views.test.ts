import { expect, test } from 'vitest';
import { deadline } from '../../src/registry/leases.ts';
import { formatTimestamp, toRecord } from '../../src/registry/views.ts';
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
  expect(deadline(machine.lease(1))).toEqual({ to: 'unhealthy', atLeaseMs: 31_000, judgedBy: 1 });
  machine.expire(1, 'unhealthy', 0);
  expect(deadline(machine.lease(1))).toEqual({ to: 'removed', atLeaseMs: 61_000, judgedBy: 1 });
  machine.pass(5_000);
  machine.openTerm(1, true);
  expect(deadline(machine.lease(1))).toEqual({
    to: 'removed',
    atLeaseMs: 66_000,
    judgedBy: machine.state.appliedIndex,
  });
});

test('a time is written as RFC 3339 has it, whichever were written before', () => {
  const day = 86_400_000;
  const times = [0, 1, 999, 1_000, -1, -1_000, -1_001, 1_700_000_000_000, 253_402_300_799_999, -8.64e15, 8.64e15];
  for (let i = 0; i < 10_000; i++) times.push(1_700_000_000_000 + i * 1_001, i * day + 7 * i);
  for (const time of [...times, ...times.reverse()]) expect(formatTimestamp(time)).toBe(new Date(time).toISOString());
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 1_000]) {
    expect(() => formatTimestamp(time)).toThrow(RangeError);
  }
});
