import { expect, test } from 'vitest';
import type { Instance, RegistryEvent } from '../../src/registry/machine.ts';
import type { ChangeType, Metadata, Status } from '../../src/registry/records.ts';
import type { InstanceFilter } from '../../src/registry/service.ts';
import { defaultTtlPolicy, parseRegistration } from '../../src/registry/validation.ts';
import { concerns, toChangeEvent, topicOf, topicsOf } from '../../src/registry/watching.ts';

function instance(metadata: Metadata = {}, status: Status = 'up', leaseId = 1): Instance {
  const body = { name: 'web', id: 'web-1', version: '1.0.0', interfaces: { CLI: 'web' }, metadata };
  return {
    registration: parseRegistration(body, defaultTtlPolicy, (name) => name),
    leaseId,
    status,
    registeredAtMs: 0,
    lastHeartbeatMs: 0,
    leaseRenewedAtMs: 0,
    lastHeartbeatIndex: 1,
    revision: 3,
  };
}

function change(type: ChangeType, after: Instance, previous: Instance | null): RegistryEvent {
  return { type, revision: 4, instance: after, previous };
}

test('an event concerns whoever watches for what the instance is now, and for what it was', () => {
  const event = change('updated', instance({ tags: ['new'] }), instance({ tags: ['old'] }));
  const watchers: InstanceFilter[] = [{ tags: ['new'] }, { tags: ['old'] }, { tags: ['other'] }, { service: 'web' }];
  expect(watchers.map((filter) => concerns(event, filter))).toEqual([true, true, false, true]);
});

test('who watches healthy instances hears of the one that is not healthy any more', () => {
  const event = change('status', instance({}, 'unhealthy'), instance({}, 'up'));
  expect(concerns(event, { status: 'up' })).toBe(true);
  expect(concerns(event, { status: 'unhealthy' })).toBe(true);
  expect(concerns(event, { status: 'unknown' })).toBe(false);
});

test('an instance that is gone is down', () => {
  const last = instance({}, 'unhealthy');
  const event = change('expired', last, last);
  expect(concerns(event, { status: 'down' })).toBe(true);
  expect(concerns(event, { status: 'unhealthy' })).toBe(true);
  expect(concerns(event, { status: 'up' })).toBe(false);
  expect(toChangeEvent(event)).toMatchObject({
    type: 'expired',
    revision: 4,
    record: { name: 'web', status: 'down', revision: 4, changed: ['status'] },
  });
});

test('whatever concerns a watcher is among the events of its topic', () => {
  const sides = [{}, { tags: ['a'] }, { tags: ['a', 'b'], dependencies: ['db'] }, { dependencies: ['db', 'queue'] }];
  const filters: InstanceFilter[] = [
    {},
    { service: 'web' },
    { service: 'api' },
    { tags: ['a'] },
    { tags: ['b', 'a'] },
    { dependency: 'db' },
    { dependency: 'db', tags: ['b'] },
    { status: 'up' },
    { name: 'we' },
  ];
  let concerned = 0;
  for (const after of sides) {
    for (const before of [null, ...sides]) {
      const event = change('updated', instance(after), before && instance(before));
      for (const filter of filters) {
        if (!concerns(event, filter)) continue;
        concerned++;
        expect(topicsOf(event)).toContain(topicOf(filter));
      }
    }
  }
  expect(concerned).toBeGreaterThan(50);
});

test('a change of one service is no topic of those who watch another (trap 38)', () => {
  const event = change('updated', instance(), instance());
  expect(topicsOf(event)).not.toContain(topicOf({ service: 'api' }));
});

test('a change names what differs, and is one object for all who watch', () => {
  const event = change('updated', instance({ owner: 'b' }, 'up', 2), instance({ owner: 'a' }, 'unhealthy', 1));
  expect(toChangeEvent(event).record.changed).toEqual(['status', 'lease_id', 'metadata']);
  expect(toChangeEvent(event)).toBe(toChangeEvent(event));
  expect(toChangeEvent(change('registered', instance(), null)).record).not.toHaveProperty('changed');
});
