import { expect, test } from 'vitest';
import { EventHistory } from '../../src/registry/event-history.ts';
import type { RegistryEvent } from '../../src/registry/machine.ts';

const event = (revision: number) => ({ revision }) as RegistryEvent;
const revisions = (events: readonly RegistryEvent[]) => events.map(({ revision }) => revision);

test('what happened after a revision is told in order, as much of it as is asked for', () => {
  const history = new EventHistory(7, 100);
  for (const revision of [8, 9, 10]) history.add(event(revision));
  expect(revisions(history.after(7, 2))).toEqual([8, 9]);
  expect(revisions(history.after(9, 100))).toEqual([10]);
  expect(history.after(10, 100)).toEqual([]);
});

test('a history reaches back to the revision that it began after, and not to the future', () => {
  const history = new EventHistory(7, 100);
  history.add(event(8));
  expect([6, 7, 8, 9].map((revision) => history.reachesBackTo(revision))).toEqual([false, true, true, false]);
  expect(() => history.after(6, 1)).toThrow('does not reach back to revision 6');
});

test('the oldest events are forgotten, however long it goes on', () => {
  const history = new EventHistory(0, 3);
  for (let revision = 1; revision <= 100; revision++) {
    history.add(event(revision));
    const start = Math.max(0, revision - 3);
    expect(history.startRevision).toBe(start);
    expect(history.lastRevision).toBe(revision);
    expect(revisions(history.after(start, 10))).toEqual(
      Array.from({ length: revision - start }, (_, i) => start + 1 + i),
    );
  }
});

test('a missing or repeated revision is a mistake that is not passed on to watchers (trap 37)', () => {
  const history = new EventHistory(0, 3);
  history.add(event(1));
  expect(() => history.add(event(1))).toThrow('revision 1 came after that of revision 1');
  expect(() => history.add(event(3))).toThrow('revision 3 came after that of revision 1');
});
