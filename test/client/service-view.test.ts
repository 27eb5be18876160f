import { describe, expect, test } from 'vitest';
import { type FollowOptions, RegistryError, type ServiceView } from '../../src/client/index.ts';
import type { InstanceRecord } from '../../src/registry/records.ts';
import type { InstanceFilter, WatchQuery } from '../../src/registry/service.ts';
import { waitFor } from '../process/wait-for.ts';
import { clientOf, failureOf, member, type TestMember } from './members.ts';
import {
  compacted,
  current,
  gone,
  progress,
  record,
  registered,
  ScriptedWatch,
  synced,
  turned,
} from './scripted-watch.ts';

const [one, two] = [record('web', 'one', 1), record('web', 'two', 2)];
const noLeader = new RegistryError('service_unavailable', 'There is no leader.');

const until = (what: string, holds: () => boolean) =>
  waitFor(() => (holds() ? true : undefined), { timeoutMs: 8_000, what, everyMs: 5 });
const ids = (view: ServiceView, name = 'web') => view.get(name).map(({ id }) => id);
/** A new watch gets the state, one that resumes hears how far it has come. */
const stateOf =
  (revision: number, ...records: readonly InstanceRecord[]) =>
  ({ from }: WatchQuery) =>
    from === undefined ? [...current(...records), synced(revision)] : [progress(revision)];

interface Followed {
  readonly registry: ScriptedWatch;
  readonly there: TestMember;
  readonly view: ServiceView;
}

async function follow(
  greeting: ScriptedWatch['greeting'],
  filter: InstanceFilter = {},
  options: FollowOptions = {},
): Promise<Followed> {
  const registry = new ScriptedWatch();
  registry.greeting = greeting;
  const there = await member(registry);
  const view = clientOf([there], { timeoutMs: 1_000 }).follow(filter, options);
  await view.ready({ timeoutMs: 8_000 });
  return { registry, there, view };
}

describe('a view', () => {
  test('holds the state and follows what happens to it', async () => {
    const { registry, view } = await follow(stateOf(2, one, two));
    expect([ids(view), view.size, view.names, view.state, view.revision, view.ageMs]).toEqual([
      ['one', 'two'],
      2,
      ['web'],
      'live',
      2,
      0,
    ]);
    registry.say(registered(record('api', 'three', 3)), turned(record('web', 'one', 4, 'unhealthy')), gone(two, 5));
    await until('revision 5', () => view.revision === 5);
    expect(view.all().map(({ name, id, status }) => [name, id, status])).toEqual([
      ['api', 'three', 'up'],
      ['web', 'one', 'unhealthy'],
    ]);
    expect(view.get('api')[0]).toEqual(record('api', 'three', 3));
    expect(ids(view, 'nobody')).toEqual([]);
  });

  test('answers thousands of reads without a request', async () => {
    const { there, registry, view } = await follow(stateOf(2, one, two));
    const before = there.calls().length;
    for (let count = 0; count < 10_000; count++) {
      expect(view.pick('web')).not.toBeNull();
      // At once, and a millisecond apart.
      if (count > 8_000) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect([there.calls().length, registry.watches.length]).toEqual([before, 1]);
  }, 120_000);

  test('leaves a list that it handed out as it was', async () => {
    const { registry, view } = await follow(stateOf(1, one));
    const list = view.get('web');
    expect(view.get('web')).toBe(list);
    registry.say(registered(two));
    await until('the second', () => view.size === 2);
    expect(list).toEqual([one]);
    expect(() => (list as unknown[]).push(two)).toThrow(TypeError);
  });

  test('picks those that are up in turn, then those that nobody knows about, and none that is unhealthy', async () => {
    const three = record('web', 'three', 3, 'unhealthy');
    const { registry, view } = await follow(stateOf(3, one, two, three));
    const picked = Array.from({ length: 10 }, () => view.pick('web')?.id);
    expect([picked.filter((id) => id === 'one').length, picked.filter((id) => id === 'two').length]).toEqual([5, 5]);
    registry.say(gone(two, 4), turned(record('web', 'one', 5, 'unknown')));
    await until('revision 5', () => view.revision === 5);
    expect(view.pick('web')).toMatchObject({ id: 'one', status: 'unknown' });
    registry.say(turned(record('web', 'one', 6, 'unhealthy')));
    await until('revision 6', () => view.revision === 6);
    expect([view.pick('web'), view.pick('nobody')]).toEqual([null, null]);
  });

  test('lets go of what does not meet its filter any more, and takes back what does', async () => {
    const { registry, view } = await follow(stateOf(1, record('web', 'one', 1, 'up', ['core'])), {
      status: 'up',
      tags: ['core'],
    });
    registry.say(turned(record('web', 'one', 2, 'unhealthy', ['core'])));
    await until('it to be gone', () => view.size === 0);
    registry.say(turned(record('web', 'one', 3, 'up', ['core'])));
    await until('it to be back', () => view.size === 1);
    expect(registry.watches).toMatchObject([{ status: 'up', tags: ['core'], initial: true }]);
  });

  test('has no answer before the whole state is there', async () => {
    const registry = new ScriptedWatch();
    const there = await member(registry);
    const view = clientOf([there]).follow();
    await registry.isWatched();
    registry.say(...current(one));
    expect(() => view.get('web')).toThrow(expect.objectContaining({ code: 'service_unavailable' }));
    expect([view.state, view.ageMs, view.revision]).toEqual(['starting', null, null]);
    expect(await failureOf(view.ready({ timeoutMs: 50 }))).toMatchObject({ code: 'service_unavailable' });
    const reason = new Error('never mind');
    expect(await failureOf(view.ready({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    const ready = view.ready();
    registry.say(synced(1));
    expect(ids(await ready)).toEqual(['one']);
  });
});

describe('a view whose registry is lost', () => {
  test('gives the last known answer and its age, and is level again when a member is back', async () => {
    const { registry, view } = await follow(stateOf(2, one, two));
    registry.failure = noLeader;
    registry.breakWith(noLeader);
    await until('it to notice', () => view.state === 'stale');
    await until('its age to grow', () => (view.ageMs ?? 0) > 20);
    expect(ids(view)).toEqual(['one', 'two']);
    registry.failure = null;
    registry.greeting = ({ from }) => [progress(from ?? 0), gone(two, 3)];
    await until('it to be level', () => view.state === 'live' && view.revision === 3);
    expect([ids(view), view.ageMs]).toEqual([['one'], 0]);
    // It resumed where it was, and asked for nothing that it knew.
    expect(registry.watches.slice(1).map(({ from }) => from)).toEqual([2]);
  });

  test('gives up the last known answer when that is too old, and has it again when a member is back', async () => {
    const { registry, view } = await follow(stateOf(2, one, two), {}, { keepMs: 30 });
    registry.failure = noLeader;
    registry.breakWith(noLeader);
    await until('it to be too old', () => (view.ageMs ?? 0) > 30);
    for (const read of [() => view.get('web'), () => view.pick('web'), () => view.all(), () => view.size]) {
      expect(read).toThrow(
        expect.objectContaining({ code: 'service_unavailable', message: expect.stringContaining('keepMs is 30') }),
      );
    }
    registry.failure = null;
    await until('it to be level', () => view.state === 'live');
    expect(ids(view)).toEqual(['one', 'two']);
  });

  test('keeps for five minutes unless told otherwise', async () => {
    const { view } = await follow(stateOf(1, one), {}, {});
    const client = clientOf([await member(new ScriptedWatch())]);
    for (const keepMs of [-1, Number.NaN]) {
      expect(() => client.follow({}, { keepMs })).toThrow(expect.objectContaining({ field: 'keepMs' }));
    }
    expect(view.keepMs).toBe(300_000);
  });

  test('replaces a full answer after `compacted` only when the whole new one is there', async () => {
    const { registry, view } = await follow(stateOf(2, one, two));
    registry.greeting = () => [];
    registry.say(compacted(9), ...current(record('web', 'nine', 9)));
    registry.breakWith(noLeader);
    await registry.isWatched(2);
    // The rest of a state is nowhere to be had: it is asked for anew, as a whole.
    expect(registry.watches[1]).toMatchObject({ initial: true });
    expect(registry.watches[1]?.from).toBeUndefined();
    expect(ids(view)).toEqual(['one', 'two']);
    // What came of the new state before is out of date: `nine` is gone meanwhile.
    registry.say(...current(record('web', 'ten', 10)), synced(11));
    await until('the new state', () => view.revision === 11);
    expect(ids(view)).toEqual(['ten']);
  });

  test('mixes no part of a state that was cut off with the whole one that comes later', async () => {
    const registry = new ScriptedWatch();
    const view = clientOf([await member(registry)], { timeoutMs: 300 }).follow();
    await registry.isWatched();
    registry.say(...current(one));
    registry.failure = noLeader;
    registry.breakWith(noLeader);
    // Longer than the client looks for a member: it is a new watch that finds one.
    await new Promise((resolve) => setTimeout(resolve, 900));
    registry.greeting = stateOf(3, two);
    registry.failure = null;
    expect(ids(await view.ready({ timeoutMs: 8_000 }))).toEqual(['two']);
  });

  test('believes an empty answer that is newer than the full one', async () => {
    const { registry, view } = await follow(stateOf(2, one, two));
    registry.say(compacted(9), synced(9));
    await until('the new state', () => view.revision === 9);
    expect(view.all()).toEqual([]);
  });

  test('doubts an empty answer that is older than the full one, until an instance is in it', async () => {
    const { registry, view } = await follow(stateOf(7, one, two));
    registry.say(compacted(0), synced(0));
    await until('it to be in doubt', () => view.state === 'stale');
    registry.say(progress(1));
    registry.breakWith(noLeader);
    await registry.isWatched(2);
    // It went on behind the mark, so it has heard it.
    expect(registry.watches[1]).toMatchObject({ from: 1 });
    expect([ids(view), view.revision, view.state]).toEqual([['one', 'two'], 7, 'stale']);
    registry.say(registered(record('web', 'two', 2)));
    await until('the new state', () => view.state === 'live');
    expect([ids(view), view.revision]).toEqual([['two'], 2]);
  });

  test('forgets its doubt when a whole answer comes after it', async () => {
    const { registry, view } = await follow(stateOf(7, one, two), {}, { keepMs: 400 });
    registry.say(compacted(0), synced(0));
    await until('it to be in doubt', () => view.state === 'stale');
    registry.say(compacted(8), ...current(one), synced(8));
    await until('the new state', () => view.revision === 8);
    expect([ids(view), view.state, view.ageMs]).toEqual([['one'], 'live', 0]);
    registry.say(registered(record('web', 'nine', 9)));
    await until('revision 9', () => view.revision === 9);
    // Longer than the doubt would have lasted.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(ids(view)).toEqual(['nine', 'one']);
  });

  test('is not kept in doubt by a busy program for longer than it said', async () => {
    const { registry, view } = await follow(stateOf(7, one, two), {}, { keepMs: 300 });
    registry.say(compacted(0), synced(0));
    await until('it to be in doubt', () => view.state === 'stale');
    const busyUntilMs = performance.now() + 350;
    while (performance.now() < busyUntilMs);
    // No timer had its turn.
    expect([view.all(), view.state, view.revision]).toEqual([[], 'live', 0]);
  });

  test('believes an empty answer that is older once the full one is too old', async () => {
    const { registry, view } = await follow(stateOf(7, one, two), {}, { keepMs: 100 });
    registry.say(compacted(0), synced(0));
    await until('the new state', () => view.state === 'live' && view.revision === 0);
    expect(view.all()).toEqual([]);
  });

  test('goes on at another member', async () => {
    const registry = new ScriptedWatch();
    registry.greeting = stateOf(1, one);
    const [dying, there] = [await member(registry), await member(registry)];
    const view = await clientOf([dying, there]).follow().ready();
    await dying.die();
    await registry.isWatched(2);
    await until('it to be level', () => view.state === 'live');
    expect(registry.watches[1]).toMatchObject({ from: 1 });
  });
});

describe('a view ends', () => {
  test('with its block, its signal, or its client, and leaves no watch behind', async () => {
    const registry = new ScriptedWatch();
    registry.greeting = stateOf(1, one);
    const client = clientOf([await member(registry)]);
    {
      using view = client.follow();
      await view.ready();
    }
    const leaving = new AbortController();
    const [bySignal, byClient] = [client.follow({}, { signal: leaving.signal }), client.follow()];
    await Promise.all([bySignal.ready(), byClient.ready()]);
    leaving.abort();
    expect([bySignal.state, byClient.state]).toEqual(['closed', 'live']);
    client.close();
    expect(byClient.state).toBe('closed');
    expect(() => byClient.get('web')).toThrow(/closed/);
    expect(await failureOf(client.follow().ready())).toMatchObject({ code: 'service_unavailable' });
    await until('all watches to end', () => registry.open === 0);
  });

  test('when the registry refuses its filter, with the reason', async () => {
    const view = clientOf([await member(new ScriptedWatch())]).follow({ service: 'NOT A NAME' });
    const failure = await failureOf(view.ready());
    expect(['validation_error', 'invalid_parameter']).toContain((failure as RegistryError).code);
    expect(view.state).toBe('failed');
    expect(() => view.get('web')).toThrow(failure as Error);
    expect(await failureOf(view.changes().next())).toBe(failure);
  });
});

describe('the changes of a view', () => {
  test('begin with what is there and tell what was before', async () => {
    const { registry, view } = await follow(stateOf(1, one));
    const changes = view[Symbol.asyncIterator]();
    expect((await changes.next()).value).toEqual({ type: 'added', record: one, before: null });
    const ill = record('web', 'one', 3, 'unhealthy');
    registry.say(registered(two));
    expect((await changes.next()).value).toEqual({ type: 'added', record: two, before: null });
    registry.say(turned(ill));
    expect((await changes.next()).value).toEqual({ type: 'changed', record: ill, before: one });
    registry.say(gone(two, 4));
    expect((await changes.next()).value).toEqual({ type: 'removed', record: two, before: two });
    const last = changes.next();
    view.close();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  test('of one instance become one for a reader that was busy, and none where it came and went', async () => {
    const { registry, view } = await follow(stateOf(1, one));
    const changes = view.changes();
    await changes.next();
    registry.say(
      turned(record('web', 'one', 2, 'unhealthy')),
      turned(record('web', 'one', 3)),
      registered(record('web', 'x', 4)),
    );
    registry.say(gone(record('web', 'x'), 5));
    await until('revision 5', () => view.revision === 5);
    expect((await changes.next()).value).toMatchObject({ type: 'changed', record: { revision: 3 }, before: one });
    registry.say(registered(record('web', 'last', 6)));
    expect((await changes.next()).value).toMatchObject({ type: 'added', record: { id: 'last' } });
    await changes.return();
  });

  test('tell the difference when the whole state was replaced', async () => {
    const { registry, view } = await follow(stateOf(2, one, two));
    const changes = view.changes();
    for (const _ of [one, two]) await changes.next();
    registry.say(compacted(9), ...current(two, record('web', 'nine', 9)), synced(9));
    const told = [(await changes.next()).value, (await changes.next()).value];
    expect(told.map((change) => change && [change.type, change.record.id])).toEqual([
      ['removed', 'one'],
      ['added', 'nine'],
    ]);
    await changes.return();
  });

  test('end by a signal', async () => {
    const { view } = await follow(stateOf(1, one));
    const leaving = new AbortController();
    const changes = view.changes(leaving.signal);
    await changes.next();
    const last = changes.next();
    leaving.abort();
    expect(await last).toMatchObject({ done: true });
    expect(view.state).toBe('live');
  });
});
