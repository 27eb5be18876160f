import { describe, expect, it } from 'vitest';
import { checksum } from '../../src/codec/checksum.ts';
import type { DurableStorage } from '../../src/storage/durable-storage.ts';
import { keys } from '../../src/storage/layout.ts';
import type { Lives } from './lives.ts';
import { append, entries, entry, hardState, readAll, snapshotAt, staged, textOf } from './samples.ts';

export function describeSnapshots(lives: () => Lives): void {
  const eitherWay = () => [() => lives().reopenAfterCrash(), () => lives().reopen()];
  async function withTen() {
    const life = await lives().begin();
    await life.storage.write(append(hardState(1, 'a', 8), ...entries(1, 10)));
    return life;
  }
  const install = (storage: DurableStorage, index: number, term: number, commitIndex = index) =>
    storage.write({ hardState: hardState(term, null, commitIndex), entries: [], snapshot: snapshotAt(index, term) });

  describe("a member's own snapshot", () => {
    it('becomes current when it is committed, and the log keeps a tail behind it', async () => {
      const { storage } = await withTen();
      const writer = await staged(storage, snapshotAt(8), 'state at 8');
      const whole = Buffer.from(textOf('state at 8'));
      expect([writer.chunkCount, writer.sizeBytes, writer.checksum]).toStrictEqual([3, whole.length, checksum(whole)]);
      expect(storage.currentSnapshot()).toBeNull();
      const stored = await storage.commitSnapshot(writer, 5);
      expect(stored).toStrictEqual({
        meta: snapshotAt(8),
        chunkCount: 3,
        sizeBytes: whole.length,
        checksum: checksum(whole),
      });
      await storage.write(append(null, entry(11)));
      for (const reopen of eitherWay()) {
        const life = await reopen();
        expect(life.opened.snapshot).toStrictEqual(stored);
        expect(life.opened.restored).toStrictEqual({
          hardState: hardState(1, 'a', 8),
          snapshot: snapshotAt(8),
          logStart: { index: 5, term: 1 },
          entries: entries(6, 11),
        });
        expect(await readAll(life.storage)).toBe(textOf('state at 8'));
      }
    });

    it('may leave no entry, none but those behind it, or the whole log', async () => {
      const { storage } = await withTen();
      await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four'), 0);
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual(entries(1, 10));
      const second = (await lives().reopen()).storage;
      await second.commitSnapshot(await staged(second, snapshotAt(6), 'six'), 6);
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual(entries(7, 10));
      const third = (await lives().reopen()).storage;
      await third.write(append(hardState(1, 'a', 10)));
      await third.commitSnapshot(await staged(third, snapshotAt(10), 'ten'), 10);
      const { opened, storage: last } = await lives().reopen();
      expect(opened.restored.entries).toStrictEqual([]);
      await last.write(append(null, entry(11)));
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual([entry(11)]);
    });

    it('takes the place of the one before, whose chunks and entries go', async () => {
      const { storage } = await lives().begin();
      await storage.write(append(hardState(1), ...entries(1, 4)));
      await storage.write(append(null, ...entries(5, 7)));
      await storage.write(append(hardState(1, 'a', 8), ...entries(8, 10)));
      await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four', 9), 2);
      await storage.commitSnapshot(await staged(storage, snapshotAt(7), 'seven', 2), 5);
      expect(await readAll(storage)).toBe(textOf('seven', 2));
      await lives().close();
      let stored: string[] = [];
      await lives().world.alter((values) => {
        stored = [...values.keys()];
      });
      expect(stored.filter((key) => key.startsWith('chunk/'))).toHaveLength(2);
      expect(stored.filter((key) => key.startsWith('run/'))).toStrictEqual([keys.run(0, 5), keys.run(0, 8)]);
    });

    it('trap 17: is refused when it is older than the current one, and the log stays', async () => {
      const { storage } = await withTen();
      await storage.commitSnapshot(await staged(storage, snapshotAt(7), 'seven'), 5);
      for (const index of [6, 7]) {
        const late = await staged(storage, snapshotAt(index), 'late');
        await expect(storage.commitSnapshot(late, 6)).rejects.toThrow('is older than the current one at 7');
      }
      const { opened, storage: again } = await lives().reopen();
      expect(opened.restored.logStart.index).toBe(5);
      expect(await readAll(again)).toBe(textOf('seven'));
    });

    it.each([
      ['compacts past itself', snapshotAt(6), 7],
      ['compacts what is compacted', snapshotAt(6), 1],
      ['ends in another term than the log', snapshotAt(6, 3), 4],
      ['ends past the log', snapshotAt(60), 4],
    ])('is refused when it %s', async (_, meta, compactThroughIndex) => {
      const { storage } = await withTen();
      await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four'), 2);
      const wrong = await staged(storage, meta, 'wrong');
      await expect(storage.commitSnapshot(wrong, compactThroughIndex)).rejects.toThrow(RangeError);
      await storage.write(append(null, entry(11)));
      const { opened, storage: again } = await lives().reopen();
      expect(opened.restored.entries).toStrictEqual(entries(3, 11));
      expect(await readAll(again)).toBe(textOf('four'));
    });

    it('that nobody commits leaves nothing behind: aborted, replaced by another, or cut off by a crash', async () => {
      const { storage } = await withTen();
      const aborted = await staged(storage, snapshotAt(5), 'aborted');
      await aborted.abort();
      await expect(aborted.append(new Uint8Array(1))).rejects.toThrow('is not being staged any more');
      await expect(storage.commitSnapshot(aborted, 2)).rejects.toThrow('not the one staged last');
      const replaced = await staged(storage, snapshotAt(5), 'replaced');
      await staged(storage, snapshotAt(6), 'cut off');
      await expect(replaced.append(new Uint8Array(1))).rejects.toThrow('is not being staged any more');
      await expect(storage.commitSnapshot(replaced, 2)).rejects.toThrow('not the one staged last');
      const { opened } = await lives().reopenAfterCrash();
      expect(opened.snapshot).toBeNull();
      expect(opened.restored.entries).toStrictEqual(entries(1, 10));
      await lives().close();
      await lives().world.alter((values) => {
        expect([...values.keys()].filter((key) => key.startsWith('chunk/'))).toStrictEqual([]);
      });
    });

    it('is committed while a write is under way, and both last', async () => {
      const { storage, store } = await withTen();
      const writer = await staged(storage, snapshotAt(8), 'eight');
      const gate = store.gate();
      const write = storage.write(append(hardState(1, 'a', 10), entry(11)));
      await gate.reached;
      const commit = storage.commitSnapshot(writer, 8);
      gate.open();
      await Promise.all([write, commit]);
      await storage.write(append(null, entry(12)));
      const { opened } = await lives().reopenAfterCrash();
      expect(opened.restored.entries).toStrictEqual(entries(9, 12));
      expect(opened.snapshot?.meta.index).toBe(8);
    });
  });

  describe('a chunk', () => {
    it('of a snapshot that was replaced, or that it does not have, is refused', async () => {
      const { storage } = await withTen();
      const four = await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four'), 2);
      await expect(storage.readSnapshotChunk(four, 3)).rejects.toThrow('has 3 chunks and none numbered 3');
      await expect(storage.readSnapshotChunk(four, -1)).rejects.toThrow(RangeError);
      await storage.commitSnapshot(await staged(storage, snapshotAt(7), 'seven'), 5);
      await expect(storage.readSnapshotChunk(four, 0)).rejects.toThrow(
        new RangeError('The snapshot at 4 was replaced by the one at 7.'),
      );
    });
  });

  describe('an installed snapshot', () => {
    it('takes the place of log and snapshot, and the log begins anew behind it', async () => {
      const { storage } = await withTen();
      await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four'), 2);
      await staged(storage, snapshotAt(50, 3), 'from the leader', 4);
      await install(storage, 50, 3);
      expect(await readAll(storage)).toBe(textOf('from the leader', 4));
      await storage.write(append(null, entry(51, 3)));
      for (const reopen of eitherWay()) {
        const life = await reopen();
        expect(life.opened.restored).toStrictEqual({
          hardState: hardState(3, null, 50),
          snapshot: snapshotAt(50, 3),
          logStart: { index: 50, term: 3 },
          entries: [entry(51, 3)],
        });
        expect(await readAll(life.storage)).toBe(textOf('from the leader', 4));
      }
    });

    it('may lie within the log, of which then nothing stays', async () => {
      const { storage } = await withTen();
      await staged(storage, snapshotAt(9, 2), 'nine');
      await install(storage, 9, 2);
      await storage.write(append(null, entry(10, 2)));
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual([entry(10, 2)]);
    });

    it('has to be the one staged last', async () => {
      const { storage } = await withTen();
      await expect(install(storage, 50, 3)).rejects.toThrow('not the one staged last');
      await staged(storage, snapshotAt(60, 3), 'sixty');
      await expect(install(storage, 50, 3)).rejects.toThrow('not the one staged last');
      await install(storage, 60, 3);
      expect(storage.currentSnapshot()?.meta.index).toBe(60);
    });

    it('trap 17: is refused when it would undo what is committed, or take the term back', async () => {
      const { storage } = await withTen();
      await staged(storage, snapshotAt(8, 1), 'late');
      await expect(install(storage, 8, 1)).rejects.toThrow('would undo what is committed up to 8');
      await staged(storage, snapshotAt(20, 3), 'of a later term');
      const older = { hardState: hardState(2, null, 20), entries: [], snapshot: snapshotAt(20, 3) };
      await expect(storage.write(older)).rejects.toThrow('is past the stored term 2');
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual(entries(1, 10));
    });

    it('trap 18: is one batch with the hard state: a crash before it leaves the old log, after it the new', async () => {
      const { storage, store } = await withTen();
      await staged(storage, snapshotAt(50, 3), 'from the leader');
      store.batches.length = 0;
      const gate = store.gate();
      void install(storage, 50, 3);
      await gate.reached;
      const before = await lives().reopenAfterCrash();
      expect(before.opened.restored.entries).toStrictEqual(entries(1, 10));
      expect(before.opened.restored.hardState.term).toBe(1);

      await staged(before.storage, snapshotAt(50, 3), 'from the leader');
      before.store.batches.length = 0;
      await install(before.storage, 50, 3);
      expect(before.store.batches).toStrictEqual([['snapshot', 'hard-state']]);
      const after = await lives().reopenAfterCrash();
      expect(after.opened.restored.hardState).toStrictEqual(hardState(3, null, 50));
    });

    it('trap 18: does not stop the next start when more is known to be committed than it holds', async () => {
      const { storage } = await withTen();
      await staged(storage, snapshotAt(50, 3), 'from the leader');
      await install(storage, 50, 3, 70);
      const { opened } = await lives().reopenAfterCrash();
      expect(opened.restored.hardState).toStrictEqual(hardState(3, null, 50));
    });
  });

  describe('clearing that a crash undoes', () => {
    it('leaves nothing that is taken for a part of the log or of a snapshot', async () => {
      const { storage, store } = await withTen();
      store.losesClears = true;
      await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four', 5), 4);
      await storage.commitSnapshot(await staged(storage, snapshotAt(8), 'eight', 2), 6);
      await staged(storage, snapshotAt(9), 'never committed', 7);
      const first = await lives().reopenAfterCrash();
      expect(first.opened.restored.entries).toStrictEqual(entries(7, 10));
      expect(await readAll(first.storage)).toBe(textOf('eight', 2));

      first.store.losesClears = true;
      // A run that begins just where the new log will.
      await first.storage.write(append(null, entry(11)));
      await staged(first.storage, snapshotAt(10, 2), 'ten');
      await install(first.storage, 10, 2);
      const second = await lives().reopenAfterCrash();
      expect(second.opened.restored.entries).toStrictEqual([]);
      await second.storage.write(append(null, entry(11, 2)));
      const third = await lives().reopenAfterCrash();
      expect(third.opened.restored.entries).toStrictEqual([entry(11, 2)]);
      expect(await readAll(third.storage)).toBe(textOf('ten'));
    });
  });
}
