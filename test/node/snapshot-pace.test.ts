import { expect, test } from 'vitest';
import { SnapshotPace } from '../../src/node/snapshot-pace.ts';
import { systemRandom } from '../../src/node/system-environment.ts';

const settings = { snapshotEveryEntries: 100, snapshotEveryBytes: 10_000 };

const alone = () => ({ members: 1, instances: 1_000_000 });

/** Entries of `bytes` each that it takes until a snapshot is due. */
function entriesUntilDue(pace: SnapshotPace, snapshotBytes: number, bytes: number): number {
  let entries = 0;
  while (!pace.mayBegin(0, alone, () => snapshotBytes)) {
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
  const pace = new SnapshotPace(settings, instances, systemRandom);
  expect(entriesUntilDue(pace, snapshotBytes, bytes)).toBe(entries);
  pace.begin(instances);
  expect(entriesUntilDue(pace, snapshotBytes, bytes)).toBe(entries);
});

test('a log that only grows has snapshots further and further apart, and never none', () => {
  const pace = new SnapshotPace(settings, 0, systemRandom);
  const apart: number[] = [];
  for (let instances = 0; apart.length < 5; pace.begin(instances)) {
    apart.push(entriesUntilDue(pace, 0, 1));
    instances += apart.at(-1) ?? 0;
  }
  expect(apart).toEqual([100, 100, 200, 400, 800]);
});

test('the size of the last snapshot is not asked for before the settings alone would have one taken', () => {
  const pace = new SnapshotPace(settings, 0, systemRandom);
  let asked = 0;
  const isDue = () =>
    pace.mayBegin(0, alone, () => {
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

/** When a snapshot that is due from 1,000 ms on may begin, to 50 ms. */
function beginsAtMs(pace: SnapshotPace, now: { readonly members: number; readonly instances: number }): number {
  for (let entries = 0; entries < 100; entries++) pace.applied(1);
  for (let nowMs = 1_000; ; nowMs += 50) {
    if (
      pace.mayBegin(
        nowMs,
        () => now,
        () => 0,
      )
    )
      return nowMs;
  }
}

test('members that have counted the same entries begin at times of their own, within what all their snapshots take', () => {
  const members = Array.from({ length: 50 }, () => new SnapshotPace(settings, 0, systemRandom));
  const times = members.map((pace) => beginsAtMs(pace, { members: 3, instances: 100_000 }));
  expect(new Set(times).size).toBeGreaterThan(20);
  expect(Math.max(...times)).toBeLessThanOrEqual(1_000 + 4_000);
});

test('a snapshot of few instances, or of a member that is alone, does not wait', () => {
  for (const now of [
    { members: 3, instances: 20 },
    { members: 1, instances: 1_000_000 },
  ]) {
    expect(beginsAtMs(new SnapshotPace(settings, 0, systemRandom), now)).toBe(1_000);
  }
});
