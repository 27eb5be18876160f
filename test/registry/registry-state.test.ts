import { beforeEach, describe, expect, test } from 'vitest';
import { entry, MachineDriver, registration, ttl } from './machine-driver.ts';

let machine: MachineDriver;

beforeEach(() => {
  machine = new MachineDriver();
  machine.openTerm(1, false);
});

describe('a registration', () => {
  test('lists the instance as up, with the stamp as its times and a lease of its own', () => {
    const result = machine.register('billing', 'one');
    expect(result).toEqual({
      id: 'one',
      name: 'billing',
      version: '1.0.0',
      status: 'up',
      registered_at: '2023-11-14T22:13:20.000Z',
      lease_id: 1,
      heartbeat_interval: 10,
      heartbeat_timeout: 30,
      revision: 1,
      created: true,
    });
    expect(machine.state.find('billing', 'one')).toEqual({
      registration: registration('billing', 'one'),
      leaseId: 1,
      status: 'up',
      registeredAtMs: machine.wallMs,
      lastHeartbeatMs: machine.wallMs,
      leaseRenewedAtMs: 1_000,
      lastHeartbeatIndex: 2,
      revision: 1,
    });
    expect(machine.register('billing', 'two').lease_id).toBe(2);
  });

  test('of a listed instance replaces its record under a new lease and keeps when it was first registered', () => {
    const first = machine.register('billing', 'one');
    machine.pass(5_000);
    const { result, events } = machine.apply({
      type: 'register',
      registration: { ...registration('billing', 'one'), version: '2.0.0' },
      validateDependencies: false,
    });
    expect(result).toMatchObject({
      result: { created: false, lease_id: first.lease_id + 1, registered_at: first.registered_at, version: '2.0.0' },
    });
    expect(events).toMatchObject([{ type: 'updated', instance: { leaseId: 2, lastHeartbeatMs: machine.wallMs } }]);
    expect(machine.state.findLease(first.lease_id)).toBeUndefined();
    expect(machine.state.counts()).toEqual({ total: 1, up: 1, unhealthy: 0, unknown: 0 });
  });

  test('of an unhealthy instance makes it up', () => {
    const { lease_id } = machine.register('billing', 'one');
    machine.expire(lease_id, 'unhealthy');
    expect(machine.register('billing', 'one').status).toBe('up');
    expect(machine.state.counts()).toEqual({ total: 1, up: 1, unhealthy: 0, unknown: 0 });
  });

  test('after a deregistration is a new instance with a new beginning', () => {
    machine.register('billing', 'one');
    machine.deregister('billing', 'one');
    machine.pass(5_000);
    const result = machine.register('billing', 'one');
    expect(result).toMatchObject({ created: true, lease_id: 2, registered_at: '2023-11-14T22:13:25.000Z' });
    expect(machine.state.tombstone('billing', 'one')).toBeUndefined();
  });
});

describe('dependencies', () => {
  const declared = { dependencies: ['orders', 'billing', 'users'] };

  test('that are not listed refuse a registration that is to be validated, all of them named, and change nothing', () => {
    machine.register('users', 'one');
    const before = machine.state.revision;
    const { result, events } = machine.apply({
      type: 'register',
      registration: registration('billing', 'one', declared),
      validateDependencies: true,
    });
    expect(result).toMatchObject({
      type: 'refused',
      code: 'dependency_not_found',
      field: 'metadata.dependencies',
      details: { missing_dependencies: ['orders'] },
    });
    expect([events, machine.state.revision, machine.statusOf('billing', 'one')]).toEqual([[], before, undefined]);
  });

  test('leave an instance that is listed as it was when its new registration is refused', () => {
    const { lease_id } = machine.register('billing', 'one');
    machine.apply({
      type: 'register',
      registration: registration('billing', 'one', declared),
      validateDependencies: true,
    });
    expect(machine.lease(lease_id).registration.metadata).toEqual({});
  });

  test('may be the service itself, may be unhealthy, and count for nothing where nothing is to be validated', () => {
    const { lease_id } = machine.register('orders', 'one');
    machine.register('users', 'one');
    machine.expire(lease_id, 'unhealthy');
    expect(machine.register('billing', 'one', declared, true).created).toBe(true);
    expect(machine.register('other', 'one', { dependencies: ['nowhere'] }, false).created).toBe(true);
    expect(machine.register('plain', 'one', {}, true).created).toBe(true);
  });
});

describe('heartbeats', () => {
  test('renew many leases by their numbers, and each gets its own answer in the order of the command', () => {
    machine.register('billing', 'one');
    machine.register('billing', 'two');
    machine.pass(7_000);
    const renewed = { status: 'up', lastHeartbeatMs: machine.wallMs, ttl };
    expect(machine.heartbeat(1, 2, 9)).toEqual({ type: 'heartbeats', leases: [renewed, renewed, null] });
    expect(machine.lease(2)).toMatchObject({
      lastHeartbeatMs: machine.wallMs,
      leaseRenewedAtMs: 8_000,
      lastHeartbeatIndex: machine.state.appliedIndex,
    });
  });

  test('answer each lease with its own times', () => {
    const short = { heartbeat_interval: 1, unhealthy_after: 3, remove_after: 6 };
    for (const [id, times] of [
      ['one', ttl],
      ['two', short],
      ['three', short],
      ['four', ttl],
    ] as const) {
      const own = { ...registration('billing', id), ttl: times };
      machine.apply({ type: 'register', registration: own, validateDependencies: false });
    }
    const result = machine.heartbeat(1, 2, 3, 4);
    const answered = result.type === 'heartbeats' ? result.leases.map((lease) => lease?.ttl) : [];
    expect(answered).toEqual([ttl, short, short, ttl]);
  });

  test('change neither revision nor history while the status stays', () => {
    machine.register('billing', 'one');
    const { revision } = machine.state;
    const { events } = machine.apply({ type: 'heartbeats', leaseIds: [1] });
    expect([events, machine.state.revision, machine.lease(1).revision]).toEqual([[], revision, revision]);
  });

  test('bring an unhealthy instance back, which every reader may see', () => {
    machine.register('billing', 'one');
    machine.expire(1, 'unhealthy');
    const { revision } = machine.state;
    const { events } = machine.apply({ type: 'heartbeats', leaseIds: [1] });
    expect(events).toMatchObject([{ type: 'status', revision: revision + 1, instance: { status: 'up' } }]);
    expect(machine.lease(1).revision).toBe(revision + 1);
  });

  test('trap 35: of a lease that was deregistered, removed or replaced bring nothing back', () => {
    machine.register('billing', 'deregistered');
    machine.register('billing', 'removed');
    machine.register('billing', 'replaced');
    machine.deregister('billing', 'deregistered');
    machine.expire(2, 'removed');
    machine.register('billing', 'replaced');
    machine.pass(1_000);
    const { revision } = machine.state;
    expect(machine.heartbeat(1, 2, 3)).toEqual({ type: 'heartbeats', leases: [null, null, null] });
    expect(machine.state.counts().total).toBe(1);
    expect(machine.state.revision).toBe(revision);
    expect(machine.lease(4).lastHeartbeatMs).toBeLessThan(machine.wallMs);
    expect(machine.state.tombstone('billing', 'deregistered')).toMatchObject({ cause: 'deregistered', leaseId: 1 });
    expect(machine.state.tombstone('billing', 'removed')).toMatchObject({ cause: 'expired', leaseId: 2 });
  });
});

describe('a deregistration', () => {
  test('takes the instance from the list and says when', () => {
    machine.register('billing', 'one');
    machine.pass(2_000);
    const { result, events } = machine.apply({ type: 'deregister', name: 'billing', id: 'one', leaseId: 1 });
    expect(result).toEqual({ type: 'deregistered', deregisteredAtMs: machine.wallMs });
    expect(events).toMatchObject([{ type: 'deregistered', revision: 2, instance: { leaseId: 1, status: 'up' } }]);
    expect(machine.state.find('billing', 'one')).toBeUndefined();
  });

  test('under a lease that was replaced is refused, and the new process stays listed', () => {
    machine.register('billing', 'one');
    machine.register('billing', 'one');
    expect(machine.deregister('billing', 'one', 1)).toMatchObject({
      type: 'refused',
      code: 'lease_mismatch',
      field: 'lease_id',
      details: { current_lease_id: 2 },
    });
    expect(machine.statusOf('billing', 'one')).toBe('up');
  });

  test('of what is not listed is refused, whether it never was or is no more', () => {
    machine.register('billing', 'one');
    machine.deregister('billing', 'one');
    const refused = { type: 'refused', code: 'service_not_found' };
    expect(machine.deregister('billing', 'one')).toMatchObject(refused);
    expect(machine.deregister('billing', 'two')).toMatchObject(refused);
  });
});

describe('an expiry', () => {
  test('makes an instance unhealthy and then removes it', () => {
    machine.register('billing', 'one');
    expect(machine.expire(1, 'unhealthy').events).toMatchObject([{ type: 'status', revision: 2 }]);
    expect(machine.statusOf('billing', 'one')).toBe('unhealthy');
    expect(machine.expire(1, 'removed').events).toMatchObject([
      { type: 'expired', revision: 3, instance: { status: 'unhealthy' } },
    ]);
    expect(machine.statusOf('billing', 'one')).toBeUndefined();
  });

  test('trap 28: judged before a heartbeat that is in the log ahead of it is void', () => {
    machine.register('billing', 'one');
    const judgedBy = machine.lease(1).lastHeartbeatIndex;
    machine.heartbeat(1);
    for (const to of ['unhealthy', 'removed'] as const) {
      const { events } = machine.apply({ type: 'expire', term: 1, items: [{ leaseId: 1, judgedBy, to }] });
      expect(events).toEqual([]);
    }
    expect(machine.statusOf('billing', 'one')).toBe('up');
  });

  test('trap 28: of a leader whose term is over is void', () => {
    machine.register('billing', 'one');
    machine.openTerm(2, false);
    expect(machine.expire(1, 'removed', 1).events).toEqual([]);
    expect(machine.expire(1, 'removed', 3).events).toEqual([]);
    expect(machine.statusOf('billing', 'one')).toBe('up');
    expect(machine.expire(1, 'unhealthy', 2).events).toHaveLength(1);
  });

  test('of one lease says nothing of the others in the same entry', () => {
    for (const id of ['one', 'two', 'three']) machine.register('billing', id);
    const judged = [1, 2, 3].map((leaseId) => ({ leaseId, judgedBy: machine.lease(leaseId).lastHeartbeatIndex }));
    machine.heartbeat(2);
    machine.deregister('billing', 'three');
    const items = judged.map((item) => ({ ...item, to: 'unhealthy' as const }));
    machine.apply({ type: 'expire', term: 1, items });
    expect(machine.state.counts()).toEqual({ total: 2, up: 1, unhealthy: 1, unknown: 0 });
  });

  test('that was proposed twice changes the status once', () => {
    machine.register('billing', 'one');
    machine.expire(1, 'unhealthy');
    const { revision } = machine.state;
    expect(machine.expire(1, 'unhealthy').events).toEqual([]);
    expect(machine.state.revision).toBe(revision);
  });
});

describe('a term', () => {
  test('that opens after a mere change of leader turns nobody unknown and renews no lease', () => {
    machine.register('billing', 'one');
    const before = machine.lease(1);
    machine.pass(5_000);
    expect(machine.openTerm(2, false).events).toEqual([]);
    expect(machine.lease(1)).toBe(before);
    expect(machine.state.term).toBe(2);
  });

  test('trap 36: that opens after a cold start turns everybody unknown, listed as before, with a full period to report', () => {
    machine.register('billing', 'up');
    machine.register('billing', 'unhealthy');
    machine.expire(2, 'unhealthy');
    machine.pass(9_000);
    const { events } = machine.openTerm(2, true);
    expect(events.map(({ type, instance }) => `${type} ${instance.status}`)).toEqual([
      'status unknown',
      'status unknown',
    ]);
    expect(machine.state.counts()).toEqual({ total: 2, up: 0, unhealthy: 0, unknown: 2 });
    for (const leaseId of [1, 2]) {
      expect(machine.lease(leaseId)).toMatchObject({
        leaseRenewedAtMs: machine.leaseMs,
        lastHeartbeatIndex: machine.state.appliedIndex,
        lastHeartbeatMs: machine.wallMs - 9_000,
      });
    }
  });

  test('that opens after a second cold start gives a full period again, and no reader sees a change', () => {
    machine.register('billing', 'one');
    machine.openTerm(2, true);
    machine.pass(50_000);
    const { revision } = machine.state;
    expect(machine.openTerm(3, true).events).toEqual([]);
    expect(machine.lease(1).leaseRenewedAtMs).toBe(machine.leaseMs);
    expect(machine.state.revision).toBe(revision);
  });

  test('that opens after a cold start makes void what was judged before it', () => {
    machine.register('billing', 'one');
    const judgedBy = machine.lease(1).lastHeartbeatIndex;
    machine.openTerm(2, true);
    machine.apply({ type: 'expire', term: 2, items: [{ leaseId: 1, judgedBy, to: 'removed' }] });
    expect(machine.statusOf('billing', 'one')).toBe('unknown');
  });

  test('turns unknown into up by a heartbeat, and no expiry turns unknown into unhealthy', () => {
    machine.register('billing', 'one');
    machine.register('billing', 'two');
    machine.openTerm(2, true);
    machine.heartbeat(1);
    machine.expire(2, 'unhealthy');
    expect([machine.statusOf('billing', 'one'), machine.statusOf('billing', 'two')]).toEqual(['up', 'unknown']);
    machine.expire(2, 'removed');
    expect(machine.state.tombstone('billing', 'two')).toMatchObject({ cause: 'expired' });
  });

  test('never falls', () => {
    machine.openTerm(5, false);
    machine.openTerm(4, false);
    expect(machine.state.term).toBe(5);
  });
});

describe('tombstones', () => {
  test('are forgotten when they are older than the limit in lease time, and not a moment before', () => {
    machine = new MachineDriver({ tombstoneMs: 10_000 });
    machine.register('billing', 'one');
    machine.deregister('billing', 'one');
    machine.pass(10_000);
    machine.apply({ type: 'advance-clock' });
    expect(machine.state.tombstone('billing', 'one')).toMatchObject({ atLeaseMs: 1_000, cause: 'deregistered' });
    machine.pass(1);
    machine.apply({ type: 'advance-clock' });
    expect(machine.state.tombstone('billing', 'one')).toBeUndefined();
  });

  test('beyond the greatest number are forgotten, oldest first, and a second death counts as the newest', () => {
    machine = new MachineDriver({ tombstoneMax: 2 });
    for (const id of ['one', 'two', 'one', 'three']) {
      machine.register('billing', id);
      machine.deregister('billing', id);
    }
    machine.apply({ type: 'advance-clock' });
    const remembered = ['one', 'two', 'three'].filter((id) => machine.state.tombstone('billing', id));
    expect(remembered).toEqual(['one', 'three']);
  });
});

describe('a request id', () => {
  const register = (id: string) => ({
    type: 'register' as const,
    registration: registration('billing', id),
    validateDependencies: false,
  });

  test('trap 34: that comes twice applies once and gets the same result, with no event', () => {
    const first = machine.apply(register('one'), 'again');
    machine.pass(1_000);
    const second = machine.apply(register('one'), 'again');
    expect(second).toEqual({ requestId: 'again', result: first.result, events: [] });
    expect(machine.lease(1).leaseRenewedAtMs).toBe(1_000);
    expect(machine.state.revision).toBe(1);
  });

  test('trap 34: of a registration that was undone since does not bring the instance back', () => {
    machine.apply(register('one'), 'slow');
    machine.deregister('billing', 'one');
    machine.apply(register('one'), 'slow');
    expect(machine.state.find('billing', 'one')).toBeUndefined();
  });

  test('trap 34: of a deregistration gets the first answer again, not that there is nothing to deregister', () => {
    machine.apply(register('one'));
    const command = { type: 'deregister' as const, name: 'billing', id: 'one', leaseId: null };
    const first = machine.apply(command, 'again');
    expect(machine.apply(command, 'again').result).toEqual(first.result);
    expect(first.result.type).toBe('deregistered');
  });

  test('of a refusal is remembered too, so that both copies get one verdict', () => {
    const command = { type: 'deregister' as const, name: 'billing', id: 'one', leaseId: null };
    machine.apply(command, 'again');
    machine.register('billing', 'one');
    expect(machine.apply(command, 'again').result).toMatchObject({ type: 'refused', code: 'service_not_found' });
    expect(machine.statusOf('billing', 'one')).toBe('up');
  });

  test('is forgotten by age in lease time and by number', () => {
    machine = new MachineDriver({ requestMemoryMs: 5_000, requestMemoryMax: 2 });
    machine.apply(register('one'), 'by-age');
    machine.pass(5_001);
    expect(machine.apply(register('one'), 'by-age').events).toHaveLength(1);
    for (const id of ['two', 'three', 'four']) machine.apply(register(id), id);
    expect(machine.apply(register('two'), 'two').events).toHaveLength(1);
    expect(machine.apply(register('four'), 'four').events).toHaveLength(0);
  });

  test('of heartbeats takes no memory, for renewing twice is renewing once', () => {
    machine.apply(register('one'));
    const before = machine.state.capture().requests.length;
    machine.apply({ type: 'heartbeats', leaseIds: [1] }, 'beat');
    machine.apply({ type: 'heartbeats', leaseIds: [1] }, 'beat');
    expect(machine.state.capture().requests).toHaveLength(before);
    expect(machine.lease(1).lastHeartbeatIndex).toBe(machine.state.appliedIndex);
  });

  test("is null for a leader's own commands, which are not remembered", () => {
    expect(machine.openTerm(2, false).requestId).toBeNull();
    expect(machine.apply({ type: 'advance-clock' }, '').result).toEqual({ type: 'done' });
    expect(machine.state.capture().requests).toEqual([]);
  });
});

describe('the revision', () => {
  test('grows by one with each visible change, and every change carries its own', () => {
    const revisions = [
      machine.apply({ type: 'register', registration: registration('a', 'one'), validateDependencies: false }),
      machine.apply({ type: 'register', registration: registration('b', 'one'), validateDependencies: false }),
      machine.expire(1, 'unhealthy'),
      machine.apply({ type: 'heartbeats', leaseIds: [1, 2] }),
      machine.openTerm(2, true),
      machine.apply({ type: 'deregister', name: 'a', id: 'one', leaseId: null }),
      machine.expire(2, 'removed'),
    ].flatMap(({ events }) => events.map(({ revision }) => revision));
    expect(revisions).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(machine.state.revision).toBe(8);
  });

  test('stays with clock entries, memberships, refusals and voided expiries', () => {
    machine.register('a', 'one');
    machine.apply({ type: 'advance-clock' });
    machine.state.skip(machine.state.appliedIndex + 1);
    machine.deregister('b', 'one');
    machine.apply({ type: 'expire', term: 1, items: [{ leaseId: 1, judgedBy: 0, to: 'removed' }] });
    expect(machine.state.revision).toBe(1);
  });
});

describe('stamps', () => {
  test('never go back: an entry with an older stamp is applied at the greatest so far', () => {
    machine.register('billing', 'one');
    const { wallMs, leaseMs } = machine;
    machine.pass(-600);
    machine.register('billing', 'two');
    expect(machine.lease(2)).toMatchObject({ registeredAtMs: wallMs, leaseRenewedAtMs: leaseMs });
    expect([machine.state.wallMs, machine.state.leaseMs]).toEqual([wallMs, leaseMs]);
  });

  test('trap 27: of the wall clock date what people read, and move no lease', () => {
    machine.register('billing', 'one');
    machine.wallMs += 86_400_000;
    machine.heartbeat(1);
    expect(machine.lease(1)).toMatchObject({ lastHeartbeatMs: machine.wallMs, leaseRenewedAtMs: machine.leaseMs });
    expect(machine.state.leaseMs).toBe(machine.leaseMs);
  });
});

describe('an entry', () => {
  test('that is not the next one is refused, whether it is repeated or one is missing', () => {
    const data = entry('', { type: 'advance-clock' }, { wallMs: 1, leaseMs: 1 });
    for (const index of [0, 1, 3]) expect(() => machine.state.apply(index, data)).toThrow(/Entry \d was to be applied/);
    expect(() => machine.state.skip(3)).toThrow('Entry 3 was to be applied after entry 1.');
    expect(machine.state.appliedIndex).toBe(1);
  });

  test('whose bytes are no command is damage, and says so', () => {
    expect(() => machine.state.apply(2, Uint8Array.of(0xff, 0xff))).toThrow();
  });
});
