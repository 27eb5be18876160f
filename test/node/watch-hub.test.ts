import { expect, test } from 'vitest';
import type { Subscription } from '../../src/node/subscription.ts';
import { WatchHub, type WatchLimits } from '../../src/node/watch-hub.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import type { Instance, RegistryEvent } from '../../src/registry/machine.ts';

let revision = 0;

function hubAt(start: number, limits: Partial<WatchLimits> = {}): WatchHub {
  revision = start;
  return new WatchHub(start, limits);
}

function happen(hub: WatchHub, ...services: readonly string[]): void {
  for (const name of services) {
    const instance = { registration: { name, id: 'one', interfaces: {}, metadata: {} }, status: 'up' } as unknown;
    const event = { type: 'registered', revision: ++revision, instance: instance as Instance, previous: null };
    hub.applied(event as RegistryEvent);
  }
}

/** Takes until there is nothing more. */
function drain(subscription: Subscription): number[] | 'compacted' {
  const revisions: number[] = [];
  for (;;) {
    const step = subscription.take();
    if (step.kind === 'compacted') return 'compacted';
    revisions.push(...step.events.map((event) => event.revision));
    if (step.events.length === 0 && !subscription.isBehind) return revisions;
  }
}

test('a watcher gets what concerns it, once, from the revision that it names on', () => {
  const hub = hubAt(10);
  happen(hub, 'web', 'api', 'web');
  const web = hub.subscribe({ service: 'web' }, 11);
  expect(drain(web)).toEqual([13]);
  happen(hub, 'api', 'web', 'web');
  expect(drain(web)).toEqual([15, 16]);
  expect(drain(web)).toEqual([]);
  expect(web.position).toBe(16);
});

test('a watcher that comes back from far behind misses nothing, whatever happens while it catches up', () => {
  const hub = hubAt(0, { historyEvents: 10_000 });
  happen(hub, ...Array.from({ length: 3_500 }, (_, i) => (i % 7 === 0 ? 'web' : 'api')));
  const web = hub.subscribe({ service: 'web' }, 0);
  const seen: number[] = [];
  while (web.isBehind) {
    const step = web.take();
    if (step.kind === 'events') seen.push(...step.events.map((event) => event.revision));
    if (revision < 6_000) happen(hub, ...Array.from({ length: 500 }, (_, i) => (i % 7 === 0 ? 'web' : 'api')));
  }
  const last = drain(web);
  expect(last).not.toBe('compacted');
  seen.push(...(last as number[]));
  const all = hub.history.after(0, 10_000).filter(({ instance }) => instance.registration.name === 'web');
  expect(seen).toEqual(all.map((event) => event.revision));
});

test('the change of one service wakes nobody who watches another (trap 38)', () => {
  const hub = hubAt(0);
  const woken: string[] = [];
  for (const service of ['web', 'api']) {
    const subscription = hub.subscribe({ service }, 0);
    drain(subscription);
    subscription.onceChanged(() => woken.push(service));
  }
  happen(hub, 'web');
  expect(woken).toEqual(['web']);
});

test('a change is not even held against the conditions of those who wait for another service (trap 38)', () => {
  const hub = hubAt(0);
  let looks = 0;
  const filter = {
    get service() {
      looks++;
      return 'api';
    },
  };
  drain(hub.subscribe(filter, 0));
  looks = 0;
  happen(hub, 'web');
  expect(looks).toBe(0);
  happen(hub, 'api');
  expect(looks).toBeGreaterThan(0);
});

test('who asks for a revision that is forgotten, or was never reached, has to begin anew (trap 37)', () => {
  const hub = hubAt(0, { historyEvents: 3 });
  happen(hub, 'a', 'b', 'c', 'd');
  expect(drain(hub.subscribe({}, 0))).toBe('compacted');
  expect(drain(hub.subscribe({}, 1))).toEqual([2, 3, 4]);
  expect(drain(hub.subscribe({}, 5))).toBe('compacted');
});

test('when a snapshot took the place of the state, everybody who watches is told to begin anew (trap 37)', () => {
  const hub = hubAt(0);
  const watcher = hub.subscribe({}, 0);
  drain(watcher);
  let woken = false;
  watcher.onceChanged(() => {
    woken = true;
  });
  hub.reset(40);
  expect(woken).toBe(true);
  expect(drain(watcher)).toBe('compacted');
});

test('a watcher that lets events pile up is cut off with the reason, and the others are not', () => {
  const hub = hubAt(0, { queuedEvents: 5 });
  const [slow, quick] = [hub.subscribe({}, 0), hub.subscribe({}, 0)];
  drain(slow);
  drain(quick);
  for (let i = 0; i < 6; i++) {
    happen(hub, 'web');
    expect(drain(quick)).toEqual([i + 1]);
  }
  expect(() => slow.take()).toThrow('reads too slowly');
});

test('there is a limit to watchers, and each that leaves makes room', () => {
  const hub = hubAt(0, { watchers: 2 });
  const first = hub.subscribe({}, 0);
  hub.subscribe({}, 0);
  expect(() => hub.subscribe({}, 0)).toThrow(expect.objectContaining({ code: 'rate_limit_exceeded' }));
  first.close();
  first.close();
  expect(hub.watchers).toBe(1);
  hub.subscribe({}, 0);
});

test('a member that stops ends every watch with its reason', () => {
  const hub = hubAt(0);
  const watcher = hub.subscribe({}, 0);
  drain(watcher);
  let woken = false;
  watcher.onceChanged(() => {
    woken = true;
  });
  hub.close(new RegistryError('service_unavailable', 'This member is stopping.'));
  expect(woken).toBe(true);
  expect(() => watcher.take()).toThrow('stopping');
  expect(() => hub.subscribe({}, 0)).toThrow('stopping');
});
