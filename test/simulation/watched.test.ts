import { beforeEach, describe, expect, test } from 'vitest';
import { encodeCommand, stampCommand } from '../../src/registry/commands.ts';
import type { Command } from '../../src/registry/machine.ts';
import type { Registration, WatchEvent } from '../../src/registry/records.ts';
import { toRecord } from '../../src/registry/views.ts';
import { toChangeEvent } from '../../src/registry/watching.ts';
import { Journal } from './journal.ts';
import { type KnownPast, Watched } from './watched.ts';
import { SimulatedWorld } from './world.ts';

const wholePast: KnownPast = { fromRevision: 0, historyEvents: 1_000 };

const registration = (name: string, tags: readonly string[]): Registration => ({
  name,
  id: `${name}-1`,
  version: '1.0.0',
  interfaces: { REST: 'http://10.0.0.1:9000' },
  metadata: { tags },
  ttl: { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 },
});

let world: SimulatedWorld;
let journal: Journal;
let watched: Watched;

/** The event of this revision, as a member tells it. */
function change(revision: number): WatchEvent {
  const event = journal.nextEvent(revision - 1, () => true);
  if (!event) throw new Error(`There is no revision ${revision}.`);
  return toChangeEvent(event);
}

function hear(...events: WatchEvent[]): string | null {
  for (const event of events) watched.hears(event, wholePast);
  return world.violation?.message ?? null;
}

beforeEach(() => {
  world = new SimulatedWorld(null);
  journal = new Journal();
  const commands: Command[] = [
    { type: 'register', registration: registration('alpha', ['red']), validateDependencies: false },
    { type: 'register', registration: registration('beta', []), validateDependencies: false },
    { type: 'register', registration: registration('alpha', []), validateDependencies: false },
    { type: 'deregister', name: 'alpha', id: 'alpha-1', leaseId: null },
  ];
  commands.forEach((command, position) => {
    const data = stampCommand(encodeCommand(`request ${position}`, command), { wallMs: 0, leaseMs: 0 });
    journal.apply({ index: position + 1, term: 1, kind: 'command', data }, 0, 0);
  });
  watched = new Watched(world, journal, 'watcher', { service: 'alpha' });
  watched.begins({ initial: false, floor: 0 });
});

describe('what a watcher hears', () => {
  const beginning: WatchEvent = { type: 'progress', revision: 0 };

  test('is right when each change that concerns it comes once and in order', () => {
    expect(hear(beginning, change(1), { type: 'progress', revision: 2 }, change(3), change(4))).toBeNull();
    expect(watched.isLevel).toBe(true);
  });

  test('is not complete before the last change that concerns it', () => {
    expect(hear(beginning, change(1), change(3))).toBeNull();
    expect(watched.isLevel).toBe(false);
  });

  test.each([
    ['a change is missing', [1, 4]],
    ['a change comes twice', [1, 1]],
    ['two changes have changed places', [3, 1]],
    ['a change does not concern it', [1, 2]],
  ])('is wrong when %s', (_, revisions) => {
    expect(hear(beginning, ...revisions.map(change))).toMatch(/the log says/);
  });

  test('is wrong when it is told of progress past a change', () => {
    expect(hear(beginning, { type: 'progress', revision: 2 })).toMatch(/1 is missing/);
  });

  test('is wrong when it begins before what was applied', () => {
    watched.begins({ initial: false, floor: 3 });
    expect(hear({ type: 'progress', revision: 2 })).toMatch(/3 was applied before/);
  });

  test('has to tell of what leaves its selection', () => {
    watched = new Watched(world, journal, 'watcher', { tags: ['red'] });
    expect(hear(beginning, change(1), { type: 'progress', revision: 4 })).toMatch(/3 is missing/);
  });

  test('may begin with the present state, which has to be whole', () => {
    watched = new Watched(world, journal, 'watcher', {});
    watched.begins({ initial: true, floor: 0 });
    const records = journal
      .allInstancesAt(2)
      .map((instance): WatchEvent => ({ type: 'current', record: toRecord(instance) }));
    expect(records).toHaveLength(2);
    expect(hear(...records, { type: 'synced', revision: 2 }, change(3))).toBeNull();
    watched = new Watched(world, journal, 'watcher', {});
    watched.begins({ initial: true, floor: 0 });
    expect(hear(...records.slice(1), { type: 'synced', revision: 2 })).toMatch(/the state of 2/);
  });

  test('may be forgotten only where that member cannot know it', () => {
    hear(beginning);
    watched.hears({ type: 'compacted', revision: 4 }, { fromRevision: 0, historyEvents: 3 });
    expect(world.violation).toBeNull();
    expect(hear({ type: 'compacted', revision: 4 })).toMatch(/forgotten/);
  });
});
