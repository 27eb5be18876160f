import { beforeEach, describe, expect, test } from 'vitest';
import { Turns } from '../../src/node/turns.ts';
import { WatchHub, type WatchLimits } from '../../src/node/watch-hub.ts';
import { Watching } from '../../src/node/watching.ts';
import { encodeCommand, stampCommand } from '../../src/registry/commands.ts';
import type { Command } from '../../src/registry/machine.ts';
import type { WatchEvent } from '../../src/registry/records.ts';
import { RegistryState } from '../../src/registry/registry-state.ts';
import type { WatchOptions, WatchQuery } from '../../src/registry/service.ts';
import { defaultTtlPolicy, parseRegistration } from '../../src/registry/validation.ts';
import { HandClock } from './hand-clock.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const turns = async (count = 5) => {
  for (let i = 0; i < count; i++) await turn();
};

let clock: HandClock;
let state: RegistryState;
let hub: WatchHub;
let levelAgeMs: number | null;
let watching: Watching;

function begin(limits: Partial<WatchLimits> = {}): void {
  clock = new HandClock();
  state = new RegistryState();
  hub = new WatchHub(0, limits);
  levelAgeMs = 0;
  const host = { state: () => state, ready: async () => null, levelAgeMs: () => levelAgeMs };
  watching = new Watching(host, hub, clock, new Turns(clock), { integer: () => 0, hex: () => '' });
}
beforeEach(() => begin());

function apply(command: Command): void {
  const bytes = stampCommand(encodeCommand('', command), { wallMs: 0, leaseMs: 0 });
  for (const event of state.apply(state.appliedIndex + 1, bytes).events) hub.applied(event);
}

function register(name: string, id = 'one'): void {
  const body = { name, id, version: '1.0.0', interfaces: { CLI: 'x' } };
  const registration = parseRegistration(body, defaultTtlPolicy, (each) => each);
  apply({ type: 'register', registration, validateDependencies: false });
}

/** Watches in the background. */
function watch(query: WatchQuery, options: WatchOptions = {}) {
  const events: string[] = [];
  const outcome: { error: unknown; done: boolean } = { error: null, done: false };
  const iterator = watching.watch(query, options);
  const run = (async () => {
    for await (const event of iterator) events.push(said(event));
  })();
  run.then(
    () => {
      outcome.done = true;
    },
    (error) => {
      outcome.error = error;
    },
  );
  return { events, outcome };
}

function said(event: WatchEvent): string {
  if (event.type === 'current') return `current ${event.record.id}`;
  return 'record' in event ? `${event.type} ${event.record.id} ${event.revision}` : `${event.type} ${event.revision}`;
}

describe('a watch', () => {
  test('tells at once how far it has come, then what happens', async () => {
    register('web');
    const { events } = watch({ service: 'web' });
    await turns();
    register('api');
    register('web', 'two');
    await turns();
    expect(events).toEqual(['progress 1', 'registered two 3']);
  });

  test('that resumes gets what it missed before anything else, and is greeted when there was nothing', async () => {
    register('web');
    register('web', 'two');
    const behind = watch({ from: 1 });
    const level = watch({ from: 2 });
    await turns();
    expect(behind.events).toEqual(['registered two 2']);
    expect(level.events).toEqual(['progress 2']);
  });

  test('of the present state misses nothing that happens while the state is delivered', async () => {
    for (let i = 0; i < 1_200; i++) register('web', `w-${i}`);
    const iterator = watching.watch({ initial: true }, {});
    const events: string[] = [];
    for await (const event of iterator) {
      events.push(said(event));
      // In the middle of the state, and again right before its end.
      if (events.length === 3 || events.length === 1_199) register('web', `late-${events.length}`);
      if (events.length === 1_203) break;
    }
    expect(events.slice(-3)).toEqual(['synced 1200', 'registered late-3 1201', 'registered late-1199 1202']);
    expect(new Set(events).size).toBe(events.length);
  });

  test('that is told to begin anew gets one state, without what is in it already', async () => {
    begin({ historyEvents: 2 });
    for (let i = 0; i < 5; i++) register('web', `w-${i}`);
    const events: string[] = [];
    for await (const event of watching.watch({ from: 1 }, {})) {
      events.push(said(event));
      // Changes between the word and the state belong to one of the two, never to both.
      if (event.type === 'compacted') register('web', 'between');
      if (events.at(-1) === 'registered between 6') break;
    }
    const state = ['w-0', 'w-1', 'w-2', 'w-3', 'w-4'].map((id) => `current ${id}`);
    expect(events).toEqual(['compacted 5', ...state, 'synced 5', 'registered between 6']);
  });

  test.each<[string, WatchQuery]>([
    ['that is asked for', { initial: true }],
    ['that is sent where history ends', { from: 1 }],
  ])('of a present state %s and takes several turns misses nothing that happens meanwhile', async (_how, query) => {
    begin({ historyEvents: 1_000 });
    for (let i = 0; i < 6_000; i++) register('web', `w-${i}`);
    const known = new Set<string>();
    let syncedAt = -1;
    const ended = new AbortController();
    const watched = (async () => {
      for await (const event of watching.watch({ ...query, status: 'up', name: 'web' }, { signal: ended.signal })) {
        if (event.type === 'current' || event.type === 'registered') known.add(event.record.id);
        if (event.type === 'deregistered') known.delete(event.record.id);
        if (event.type === 'synced') syncedAt = event.revision;
        if ('revision' in event && event.revision === state.revision && syncedAt >= 0) ended.abort();
      }
    })();
    for (let i = 0; syncedAt < 0; i++) {
      if (i < 100) {
        register('web', `late-${i}`);
        apply({ type: 'deregister', name: 'web', id: `w-${i}`, leaseId: null });
      }
      await turn();
    }
    register('web', 'last');
    await watched;
    expect(known).toEqual(new Set(state.instancesOf('web').map(({ registration: { id } }) => id)));
    expect(syncedAt).toBeLessThan(state.revision - 2);
  });

  test('hears of progress when others changed, and of nothing when nobody did', async () => {
    const { events } = watch({ service: 'web' });
    await turns();
    register('api');
    await clock.pass(15_000, 500);
    await clock.pass(15_000, 500);
    expect(events).toEqual(['progress 0', 'progress 1']);
  });

  test('ends on a member that lost its leader, unless stale answers are good enough', async () => {
    const strict = watch({});
    const lenient = watch({}, { consistency: 'stale' });
    await turns();
    levelAgeMs = 20_000;
    await clock.pass(15_000, 500);
    expect(strict.outcome.error).toMatchObject({ code: 'service_unavailable', details: { reason: 'cut_off' } });
    expect(lenient.outcome).toEqual({ error: null, done: false });
    expect(hub.watchers).toBe(1);
  });

  test('ends at once and leaves nothing behind when its signal says so', async () => {
    const end = new AbortController();
    const { outcome } = watch({}, { signal: end.signal });
    await turns();
    end.abort();
    await turns();
    expect(outcome).toEqual({ error: null, done: true });
    expect(hub.watchers).toBe(0);
  });
});

describe('a held query', () => {
  const hold = (service: string, after: number, waitMs = 1_000, signal?: AbortSignal) => {
    const held = { answered: false };
    watching.hold({ service }, { after, waitMs, signal }).then(() => {
      held.answered = true;
    });
    return held;
  };

  test('is answered by a change of what it shows, and by no other', async () => {
    register('web');
    const held = hold('web', 1);
    register('api');
    await turns();
    expect(held.answered).toBe(false);
    register('web', 'two');
    await turns();
    expect(held.answered).toBe(true);
    expect(hub.watchers).toBe(0);
  });

  test('of a service that is missing wakes when it appears', async () => {
    const held = hold('web', 0);
    await turns();
    expect(held.answered).toBe(false);
    register('web');
    await turns();
    expect(held.answered).toBe(true);
  });

  test('is answered at once when the change is there already, or its revision is of no use', async () => {
    begin({ historyEvents: 2 });
    for (const name of ['web', 'a', 'b', 'c']) register(name);
    const [changed, forgotten, ahead] = [hold('c', 3), hold('a', 0), hold('web', 99)];
    await turns();
    expect([changed, forgotten, ahead].map(({ answered }) => answered)).toEqual([true, true, true]);
  });

  test('is answered when the wait is over, and when the client goes', async () => {
    const gone = new AbortController();
    const [patient, leaving] = [hold('web', 0, 1_000), hold('web', 0, 1_000, gone.signal)];
    await turns();
    gone.abort();
    await turns();
    expect([patient.answered, leaving.answered]).toEqual([false, true]);
    await clock.pass(1_000, 500);
    expect(patient.answered).toBe(true);
    expect(hub.watchers).toBe(0);
  });
});
