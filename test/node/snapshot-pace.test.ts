import { expect, test } from 'vitest';
import { SnapshotPace, type StateSize } from '../../src/node/snapshot-pace.ts';

const settings = { snapshotEveryEntries: 100, snapshotEveryBytes: 10_000 };

/** Entries of `bytes` each that it takes until a snapshot is due. */
function entriesUntilDue(pace: SnapshotPace, size: StateSize, bytes: number): number {
  let entries = 0;
  while (!pace.isDue(() => size)) {
    pace.applied(bytes);
    entries++;
  }
  return entries;
}

test.each<[string, number, Partial<StateSize>, number]>([
  ['after so many entries', 1, {}, 100],
  ['after so many bytes, when they come first', 500, {}, 20],
  ['no later with as many instances as are easily written', 1, { instances: 100 }, 100],
  ['after as many entries as there are instances, when that is more', 1, { instances: 2_500 }, 2_500],
  ['after as many bytes as the last snapshot had, when that is more', 500, { snapshotBytes: 30_000 }, 60],
  ['by entries, where the last snapshot was large', 1, { snapshotBytes: 1_000_000 }, 100],
  ['by bytes, where there are many instances', 500, { instances: 1_000_000 }, 20],
])('a snapshot is due %s', (_when, bytes, size, entries) => {
  const pace = new SnapshotPace(settings);
  const whole = { instances: 0, snapshotBytes: 0, ...size };
  expect(entriesUntilDue(pace, whole, bytes)).toBe(entries);
  pace.begin();
  expect(entriesUntilDue(pace, whole, bytes)).toBe(entries);
});

test('the size of the state is not asked for before the settings alone would have a snapshot taken', () => {
  const pace = new SnapshotPace(settings);
  let asked = 0;
  const isDue = () =>
    pace.isDue(() => {
      asked++;
      return { instances: 0, snapshotBytes: 0 };
    });
  for (let entries = 0; entries < 99; entries++) {
    pace.applied(1);
    expect(isDue()).toBe(false);
  }
  expect(asked).toBe(0);
  pace.applied(1);
  expect(isDue()).toBe(true);
  expect(asked).toBe(1);
});
