import { describe, expect, it } from 'vitest';
import type { RestoredState } from '../../src/raft/types.ts';
import { keys } from '../../src/storage/layout.ts';
import { maxRunBytes } from '../../src/storage/runs.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Lives } from './lives.ts';
import { append, entries, entry, hardState, snapshotAt, staged, withText } from './samples.ts';

const run = (firstIndex: number) => keys.run(0, firstIndex);

/** How the entries of a write are stored together, and how some of them are replaced or forgotten. */
export function describeRuns(lives: () => Lives): void {
  async function storedRuns(): Promise<Map<string, Uint8Array>> {
    let found = new Map<string, Uint8Array>();
    await lives().close();
    await lives().world.alter((values) => {
      found = new Map([...values].filter(([key]) => key.startsWith('run/')));
    });
    return found;
  }

  async function withRuns(...lastIndexes: readonly number[]) {
    const life = await lives().begin();
    await life.storage.write(append(hardState(1, 'a', 0)));
    let from = 1;
    for (const to of lastIndexes) {
      await life.storage.write(append(null, ...entries(from, to)));
      from = to + 1;
    }
    life.store.batches.length = 0;
    return life;
  }

  describe('the entries of one write', () => {
    it('are one value in one batch', async () => {
      const { storage, store } = await withRuns();
      await storage.write(append(hardState(1, 'a', 20), ...entries(1, 64)));
      await storage.write(append(null, ...entries(65, 70)));
      expect(store.batches).toStrictEqual([[run(1), 'hard-state'], [run(65)]]);
      expect((await lives().reopenAfterCrash()).opened.restored.entries).toStrictEqual(entries(1, 70));
    });

    it('are several values of a limited size when there are many, and still one batch', async () => {
      const { storage, store } = await withRuns(3);
      const sizes = [maxRunBytes - 18, 1, maxRunBytes, 0, 0, ...Array.from({ length: 12 }, () => 60_000)];
      const large = sizes.map((size, i) => entry(4 + i, 1, String(i % 10).repeat(size)));
      await storage.write(append(null, ...large));
      // The first one fills a run, the second has no room beside the third, which is too large for any.
      expect(store.batches).toStrictEqual([[4, 5, 6, 7, 13, 17].map(run)]);
      const { opened } = await lives().reopen();
      expect(withText(opened.restored.entries.slice(3))).toStrictEqual(withText(large));
      const stored = await storedRuns();
      stored.delete(run(6));
      for (const value of stored.values()) expect(value.length).toBeLessThanOrEqual(maxRunBytes);
    });
  });

  describe('entries that are replaced', () => {
    it('from the middle of a run on are cut off it, and the runs behind it go, in the same batch', async () => {
      const { storage, store } = await withRuns(3, 8, 9, 12);
      await storage.write(append(hardState(2), entry(6, 2), entry(7, 2)));
      expect(store.batches).toStrictEqual([[run(9), run(10), run(4), run(6), 'hard-state']]);
      await storage.write(append(null, ...entries(8, 10, 2)));
      const expected = [...entries(1, 5), ...entries(6, 10, 2)];
      expect((await lives().reopenAfterCrash()).opened.restored.entries).toStrictEqual(expected);
      expect([...(await storedRuns()).keys()]).toStrictEqual([1, 4, 6, 8].map(run));
    });

    it('from the beginning of a run on leave the one before as it is', async () => {
      const { storage, store } = await withRuns(3, 8);
      await storage.write(append(hardState(2), entry(4, 2)));
      expect(store.batches).toStrictEqual([[run(4), run(4), 'hard-state']]);
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual([...entries(1, 3), entry(4, 2)]);
    });

    it('may be the whole log', async () => {
      const { storage } = await withRuns(3, 8);
      await storage.write(append(hardState(2), ...entries(1, 2, 2)));
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual(entries(1, 2, 2));
    });

    it('may replace others, again and again, in one life and over many', async () => {
      let { storage } = await withRuns(10);
      for (let term = 2; term <= 7; term++) {
        // Each time in the middle of what the time before put there.
        await storage.write(append(hardState(term), ...entries(term + 1, term + 4, term)));
        if (term % 2 === 0) ({ storage } = await lives().reopenAfterCrash());
      }
      const expected = [...entries(1, 2), ...[2, 3, 4, 5, 6].map((t) => entry(t + 1, t)), ...entries(8, 11, 7)];
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual(expected);
    });

    it('never come back when those that replaced them are lost', async () => {
      const { storage } = await withRuns(10);
      await storage.write(append(hardState(2), ...entries(4, 6, 2)));
      await storage.write(append(hardState(2, null, 5)));
      const reopened = lives().reopenAltered((values) => values.delete(run(4)));
      await expect(reopened).rejects.toThrow('the log ends at entry 3, although entries up to 5 were committed');
    });

    it('never come back in the place of a later run that begins where theirs did', async () => {
      const { storage, store } = await withRuns(3, 4, 6);
      const older = Uint8Array.from((await store.get(run(5))) ?? []);
      await storage.write(append(hardState(2), entry(4, 2)));
      await storage.write(append(null, ...entries(5, 6, 2)));
      const reopened = lives().reopenAltered((values) => values.set(run(5), older));
      await expect(reopened).rejects.toThrow('entry 5 fails its checksum');
    });

    it('are not replaced when what stays of their run has rotted', async () => {
      const { storage, store } = await withRuns(10);
      const value = Uint8Array.from((await store.get(run(1))) ?? []);
      value[20] = (value[20] ?? 0) ^ 1;
      await store.writeSynced([{ type: 'put', key: run(1), value }]);
      store.batches.length = 0;
      const write = storage.write(append(hardState(2), entry(4, 2)));
      await expect(write).rejects.toThrow(`The data in ${store.place} is damaged: entry 1 fails its checksum.`);
      expect(store.batches).toStrictEqual([]);
    });

    it('are not replaced when their run is gone, or ends before them', async () => {
      const { storage, store } = await withRuns(2, 10);
      const value = (await store.get(run(3))) ?? new Uint8Array();
      const oneEntry = 18 + entry(3).data.length;
      for (const [size, named] of [
        [oneEntry, 'entry 4 is missing from the log'],
        [0, 'entry 3 is cut short'],
      ] as const) {
        await store.writeSynced([{ type: 'put', key: run(3), value: value.subarray(0, size) }]);
        await expect(storage.write(append(hardState(2), entry(5, 2)))).rejects.toThrow(named);
      }
      await store.writeSynced([{ type: 'del', key: run(3) }]);
      await expect(storage.write(append(hardState(2), entry(5, 2)))).rejects.toThrow('entry 3 is cut short');
    });
  });

  describe('a run of which a snapshot needs a part', () => {
    it('stays, and what is read of it begins behind the snapshot', async () => {
      const { storage } = await withRuns(3, 8, 12);
      await storage.write(append(hardState(1, 'a', 8)));
      await storage.commitSnapshot(await staged(storage, snapshotAt(6), 'six'), 5);
      const life = await lives().reopenAfterCrash();
      expect(life.opened.restored.logStart).toStrictEqual({ index: 5, term: 1 });
      expect(life.opened.restored.entries).toStrictEqual(entries(6, 12));
      expect([...(await storedRuns()).keys()]).toStrictEqual([4, 9].map(run));
    });

    it('may be compacted more than once, and across restarts', async () => {
      let { storage } = await withRuns(10, 12);
      await storage.write(append(hardState(1, 'a', 12)));
      for (const index of [3, 4, 7, 10, 11]) {
        await storage.commitSnapshot(await staged(storage, snapshotAt(index), `at ${index}`), index);
        const life = index % 2 === 0 ? await lives().reopenAfterCrash() : await lives().reopen();
        expect(life.opened.restored.entries).toStrictEqual(entries(index + 1, 12));
        ({ storage } = life);
      }
      await storage.write(append(null, ...entries(13, 14)));
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual(entries(12, 14));
    });

    it('may be cut just behind the snapshot, and compacted again', async () => {
      const { storage } = await withRuns(10);
      await storage.write(append(hardState(1, 'a', 6)));
      await storage.commitSnapshot(await staged(storage, snapshotAt(6), 'six'), 6);
      await storage.write(append(hardState(2, null, 6), ...entries(7, 8, 2)));
      const life = await lives().reopenAfterCrash();
      expect(life.opened.restored.entries).toStrictEqual(entries(7, 8, 2));
      await life.storage.write(append(hardState(3, null, 7), entry(8, 3), entry(9, 3)));
      await life.storage.commitSnapshot(await staged(life.storage, snapshotAt(7, 2), 'seven'), 7);
      const next = await lives().reopenAfterCrash();
      expect(next.opened.restored.entries).toStrictEqual(entries(8, 9, 3));
      expect([...(await storedRuns()).keys()]).toStrictEqual([run(8)]);
    });

    it('is not the first one of a new snapshot while it is being cut', async () => {
      const { storage, store } = await withRuns(10);
      await storage.write(append(hardState(1, 'a', 6)));
      const writer = await staged(storage, snapshotAt(6), 'six');
      const cut = store.gate();
      void storage.write(append(hardState(2, null, 6), entry(7, 2)));
      await cut.reached;
      const commit = storage.commitSnapshot(writer, 6);
      void commit.catch(() => {});
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      // The write never ends. Had the snapshot gone before it, the log would now begin with a run that is not there.
      const { opened } = await lives().reopenAfterCrash();
      expect(opened.restored.entries.slice(-4)).toStrictEqual(entries(7, 10));
    });
  });

  describe('a crash between any two steps', () => {
    /** Writes, replacements of replacements, and snapshots in the middle of runs. Each step is one batch or more. */
    const steps: readonly ((storage: Storage) => Promise<unknown>)[] = [
      (s) => s.write(append(hardState(1, 'a', 0), ...entries(1, 4))),
      (s) => s.write(append(hardState(1, 'a', 3), ...entries(5, 10))),
      (s) => s.write(append(hardState(2, 'b', 3), ...entries(7, 8, 2))),
      (s) => s.write(append(hardState(3, null, 6), ...entries(8, 12, 3))),
      async (s) => s.commitSnapshot(await staged(s, snapshotAt(6), 'six', 1), 5),
      (s) => s.write(append(hardState(4, null, 7), ...entries(9, 10, 4))),
      async (s) => s.commitSnapshot(await staged(s, snapshotAt(8, 3), 'eight', 2), 8),
      (s) => s.write(append(hardState(5, null, 8), ...entries(9, 11, 5))),
      (s) => s.write(append(hardState(6, 'c', 10), ...entries(11, 13, 6))),
    ];
    const batchCount = 12;

    /** Term, commit index, where the log starts, and the terms of its entries: at first, and after each step. */
    const summaries = [
      '0, 0, after 0: ',
      '1, 0, after 0: 1111',
      '1, 3, after 0: 1111111111',
      '2, 3, after 0: 11111122',
      '3, 6, after 0: 111111233333',
      '3, 6, after 5: 1233333',
      '4, 7, after 5: 12344',
      '4, 7, after 8: 44',
      '5, 8, after 8: 555',
      '6, 10, after 8: 55666',
    ];

    function summary({ hardState: { term, commitIndex }, logStart, entries: found }: RestoredState): string {
      return `${term}, ${commitIndex}, after ${logStart.index}: ${found.map((each) => each.term).join('')}`;
    }

    it.each(Array.from({ length: batchCount }, (_, stopAt) => ({ stopAt, losesClears: stopAt % 2 === 0 })))(
      'leaves all of the steps before it: at batch $stopAt',
      async ({ stopAt, losesClears }) => {
        const { storage, store } = await lives().begin();
        store.losesClears = losesClears;
        for (let passed = 0; passed < stopAt; passed++) store.gate().open();
        const stop = store.gate();
        let finished = 0;
        const running = (async () => {
          for (const step of steps) {
            await step(storage);
            finished++;
          }
        })();
        void running.catch(() => {});
        await stop.reached;
        const life = await lives().reopenAfterCrash();
        expect(summary(life.opened.restored)).toBe(summaries[finished]);
        for (const step of steps.slice(finished)) await step(life.storage);
        expect(summary((await lives().reopenAfterCrash()).opened.restored)).toBe(summaries.at(-1));
      },
    );
  });
}
