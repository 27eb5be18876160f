import { describe, expect, it } from 'vitest';
import { StorageFailedError, StorageLockedError } from '../../src/storage/storage.ts';
import type { Lives } from './lives.ts';
import { append, entries, entry, hardState, snapshotAt, staged } from './samples.ts';

export function describeFailures(lives: () => Lives): void {
  describe('a write that fails', () => {
    it('trap 32: poisons the storage: it and everything after it reject, and nothing is tried again', async () => {
      const { storage, store } = await lives().begin();
      await storage.write(append(hardState(1), ...entries(1, 3)));
      const writer = await storage.stageSnapshot(snapshotAt(2));
      store.batches.length = 0;
      store.failNextWrite(new Error('EIO: i/o error, fdatasync'));
      const first = storage.write(append(null, entry(4)));
      await expect(first).rejects.toThrow(StorageFailedError);
      await expect(first).rejects.toThrow('EIO: i/o error, fdatasync');
      await expect(first).rejects.toThrow('Nothing is retried on a store that failed');
      for (const later of [
        () => storage.write(append(null, entry(4))),
        () => storage.write(append(hardState(2, 'b'))),
        () => storage.rememberPeer('b', 'first-life-of-b'),
        () => storage.stageSnapshot(snapshotAt(3)),
        () => writer.append(new Uint8Array(10)),
        () => storage.commitSnapshot(writer, 1),
      ]) {
        await expect(later()).rejects.toThrow(StorageFailedError);
      }
      expect(store.batches).toStrictEqual([]);
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual(entries(1, 3));
    });

    it('trap 32: takes with it a write that was under way beside it', async () => {
      const { storage, store } = await lives().begin();
      const [chunk, write] = [store.gate(), store.gate()];
      const writer = await storage.stageSnapshot(snapshotAt(0));
      const appended = writer.append(new Uint8Array(10));
      const written = storage.write(append(hardState(1), entry(1)));
      await Promise.all([chunk.reached, write.reached]);
      chunk.fail(new Error('EIO'));
      await expect(appended).rejects.toThrow(StorageFailedError);
      write.open();
      await expect(written).rejects.toThrow(StorageFailedError);
    });

    it('on a full disk says so, and that what was acknowledged is kept', async () => {
      const { storage, store } = await lives().begin();
      store.failNextWrite(new Error('IO error: 000005.log: No space left on device'));
      await expect(storage.write(append(hardState(1)))).rejects.toThrow(
        `The disk under ${store.place} is full. Free some space and start this member again`,
      );
    });

    it('while it clears what nobody needs poisons the storage as well', async () => {
      const { storage, store } = await lives().begin();
      await storage.write(append(hardState(1, 'a', 8), ...entries(1, 10)));
      store.failsClears = new Error('EIO');
      await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four'), 2);
      await new Promise(setImmediate);
      await expect(storage.write(append(null, entry(11)))).rejects.toThrow(StorageFailedError);
    });
  });

  describe('the lock', () => {
    it('keeps a second opener out, with a text that says what to do', async () => {
      const { storage, store } = await lives().begin();
      const second = lives().next().storage;
      const outcome = await second.open().catch((error: unknown) => error);
      expect(outcome).toBeInstanceOf(StorageLockedError);
      expect((outcome as Error).message).toMatch(/^Another (process|member) uses/);
      expect((outcome as Error).message).toContain(store.place);
      // And the first one goes on as if nothing had been.
      await storage.write(append(hardState(1), entry(1)));
      await storage.close();
      expect((await lives().reopen()).opened.restored.entries).toStrictEqual([entry(1)]);
    });

    it('is free again after a close, and after an open that found damage', async () => {
      await lives().begin();
      await lives().reopen();
      await expect(lives().reopenAltered((values) => values.delete('hard-state'))).rejects.toThrow('damaged');
      await expect(lives().next().storage.open()).rejects.toThrow('damaged');
    });
  });

  describe('a close', () => {
    it('waits for a snapshot that is being committed, and may be repeated', async () => {
      const { storage, store } = await lives().begin();
      await storage.write(append(hardState(1, 'a', 8), ...entries(1, 10)));
      const writer = await staged(storage, snapshotAt(4), 'four');
      const gate = store.gate();
      const commit = storage.commitSnapshot(writer, 4);
      await gate.reached;
      const closed = storage.close();
      gate.open();
      await Promise.all([commit, closed, storage.close()]);
      const { opened } = await lives().reopen();
      expect(opened.snapshot?.meta.index).toBe(4);
      expect(opened.restored.entries).toStrictEqual(entries(5, 10));
    });

    it('ends a write that is under way either whole or not at all', async () => {
      const { storage } = await lives().begin();
      const write = storage.write(append(hardState(1), ...entries(1, 500)));
      const outcome = write.then(
        () => 500,
        () => 0,
      );
      await storage.close();
      const acknowledged = await outcome;
      expect((await lives().reopen()).opened.restored.entries).toHaveLength(acknowledged);
    });

    it('is the last that the storage does: later writes reject', async () => {
      const { storage } = await lives().begin();
      await storage.close();
      await expect(storage.write(append(hardState(1)))).rejects.toThrow();
    });
  });
}
