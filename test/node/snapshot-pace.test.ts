import { expect, test } from 'vitest';
import { SnapshotPace } from '../../src/node/snapshot-pace.ts';

const settings = { snapshotEveryEntries: 100, snapshotEveryBytes: 10_000 };

/** Entries of `bytes` each that it takes until a snapshot is due. */
function entriesUntilDue(pace: SnapshotPace, snapshotBytes: number, bytes: number): number {
  let entries = 0;
  while (!pace.isDue(() => snapshotBytes)) {
    pace.applied(bytes);
    entries++;
  }
  return entries;
}

test.each([
  ['after so many entries', 1, 0, 0, 100],
  ['after so many bytes, when they come first', 500, 0, 0, 20],
  ['no later after one of as many instances as are easily written', 1, 100, 0, 100],
  ['after as many entries as the last one had instances, when that is more', 1, 2_500, 0, 2_500],
  ['after as many bytes as the last one had, when that is more', 500, 0, 30_000, 60],
  ['by entries, where the last one was large', 1, 0, 1_000_000, 100],
  ['by bytes, where it had many instances', 500, 1_000_000, 0, 20],
])('a snapshot is due %s', (_when, bytes, instances, snapshotBytes, entries) => {
  const pace = new SnapshotPace(settings, instances);
  expect(entriesUntilDue(pace, snapshotBytes, bytes)).toBe(entries);
  pace.begin(instances);
  expect(entriesUntilDue(pace, snapshotBytes, bytes)).toBe(entries);
});

test('a log that only grows has snapshots further and further apart, and never none', () => {
  const pace = new SnapshotPace(settings, 0);
  const apart: number[] = [];
  for (let instances = 0; apart.length < 5; pace.begin(instances)) {
    apart.push(entriesUntilDue(pace, 0, 1));
    instances += apart.at(-1) ?? 0;
  }
  expect(apart).toEqual([100, 100, 200, 400, 800]);
});

test('the size of the last snapshot is not asked for before the settings alone would have one taken', () => {
  const pace = new SnapshotPace(settings, 0);
  let asked = 0;
  const isDue = () =>
    pace.isDue(() => {
      asked++;
      return 0;
    });
  for (let entries = 0; entries < 19; entries++) {
    pace.applied(500);
    expect(isDue()).toBe(false);
  }
  expect(asked).toBe(0);
  pace.applied(500);
  expect(isDue()).toBe(true);
  expect(asked).toBe(1);
});
