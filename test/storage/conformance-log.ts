import { describe, expect, it } from 'vitest';
import { keys } from '../../src/storage/layout.ts';
import type { Lives } from './lives.ts';
import { append, entries, entry, hardState, identity, membership, snapshotAt, staged, withText } from './samples.ts';

export function describeLog(lives: () => Lives): void {
  const eitherWay = () => [() => lives().reopenAfterCrash(), () => lives().reopen()];

  describe('a new directory', () => {
    it('is empty until it is initialised, and then holds a member that knows nothing', async () => {
      const { storage } = lives().next();
      expect(await storage.open()).toBeNull();
      expect(storage.currentSnapshot()).toBeNull();
      const made = await storage.initialise(identity, membership);
      expect(made).toStrictEqual({
        identity,
        restored: {
          hardState: { term: 0, votedFor: null, commitIndex: 0 },
          snapshot: { index: 0, term: 0, membership },
          logStart: { index: 0, term: 0 },
          entries: [],
        },
        snapshot: null,
        peerIncarnations: new Map(),
      });
      expect((await lives().reopen()).opened).toStrictEqual(made);
    });

    it('stays empty when the member dies before it is initialised', async () => {
      expect(await lives().next().storage.open()).toBeNull();
      lives().world.crash();
      expect(await lives().next().storage.open()).toBeNull();
    });

    it('is initialised once', async () => {
      const { storage } = await lives().begin();
      await expect(storage.initialise(identity, membership)).rejects.toThrow('already holds the data of a member');
      const again = (await lives().reopen()).storage;
      await expect(again.initialise(identity, membership)).rejects.toThrow('already holds the data of a member');
    });

    it('takes no entries before it is initialised', async () => {
      const { storage } = lives().next();
      await storage.open();
      await expect(storage.write(append(hardState(1), entry(1)))).rejects.toThrow('holds no member yet');
    });
  });

  describe('the log', () => {
    it('comes back as it was written, with every kind of entry and with empty and large payloads', async () => {
      const { storage } = await lives().begin();
      const written = [
        entry(1, 1, '', 'term-opening'),
        entry(2, 1, 'x'.repeat(300_000)),
        entry(3, 2, 'members', 'membership'),
        entry(4, 5),
      ];
      await storage.write(append(hardState(5, 'b', 3), ...written));
      for (const reopen of eitherWay()) {
        const { opened } = await reopen();
        expect(withText(opened.restored.entries)).toStrictEqual(withText(written));
        expect(opened.restored.hardState).toStrictEqual(hardState(5, 'b', 3));
        expect(opened.identity).toStrictEqual(identity);
      }
    });

    it('goes on over many writes and many lives', async () => {
      let { storage } = await lives().begin();
      for (let life = 0; life < 4; life++) {
        for (let i = 1; i <= 5; i++) await storage.write(append(hardState(life + 1), entry(life * 5 + i, life + 1)));
        ({ storage } = life % 2 === 0 ? await lives().reopenAfterCrash() : await lives().reopen());
      }
      const { opened } = await lives().reopen();
      expect(opened.restored.entries.map(({ index, term }) => [index, term])).toStrictEqual(
        Array.from({ length: 20 }, (_, i) => [i + 1, Math.floor(i / 5) + 1]),
      );
    });

    it('forgets entries that a newer leader replaces, and all behind them, with the same write', async () => {
      const { storage, store } = await lives().begin();
      await storage.write(append(hardState(1, 'a', 2), ...entries(1, 10)));
      store.batches.length = 0;
      await storage.write(append(hardState(2, null, 2), entry(4, 2), entry(5, 2)));
      expect(store.batches).toHaveLength(1);
      await storage.write(append(null, entry(6, 2)));
      const { opened } = await lives().reopenAfterCrash();
      expect(opened.restored.entries).toStrictEqual([...entries(1, 3), ...entries(4, 6, 2)]);
    });

    it('keeps what it had when a write that would replace entries is never finished', async () => {
      const { storage, store } = await lives().begin();
      await storage.write(append(hardState(1), ...entries(1, 10)));
      const gate = store.gate();
      void storage.write(append(hardState(2), entry(4, 2)));
      await gate.reached;
      const { opened } = await lives().reopenAfterCrash();
      expect(opened.restored.entries).toStrictEqual(entries(1, 10));
      expect(opened.restored.hardState.term).toBe(1);
    });

    it.each([
      ['leaves a gap', append(null, entry(7)), 'would leave a gap behind 5'],
      ['has a gap within', append(null, entry(6), entry(8)), 'entry 8 would stand behind entry 6'],
      ['replaces committed entries (trap 11)', append(hardState(2, null, 3), entry(3, 2)), 'entry 3 is committed'],
      [
        'has a term that falls',
        append(hardState(3, null, 3), entry(6, 3), entry(7, 2)),
        'the term would fall from 3 to 2',
      ],
      ['has entries past its own term', append(null, entry(6, 2)), 'the stored term is 1'],
      ['takes the term back', append(hardState(0)), 'the term would fall from 1 to 0'],
      ['takes the commit index back', append(hardState(1, 'a', 2)), 'the commit index would fall from 3 to 2'],
      ['changes the vote within a term (trap 3)', append(hardState(1, 'b', 3)), 'would go from a to b'],
      ['forgets the vote within a term (trap 3)', append(hardState(1, null, 3)), 'would go from a to null'],
    ])('refuses a write that %s, stores none of it, and takes the next', async (_, write, reason) => {
      const { storage, store } = await lives().begin();
      await storage.write(append(hardState(1, 'a', 3), ...entries(1, 5)));
      store.batches.length = 0;
      await expect(storage.write(write)).rejects.toThrow(reason);
      expect(store.batches).toStrictEqual([]);
      await storage.write(append(hardState(4, null, 3), entry(6, 4)));
      const { opened } = await lives().reopen();
      expect(opened.restored.entries).toStrictEqual([...entries(1, 5), entry(6, 4)]);
    });

    it('stores a commit index that runs ahead of its entries only as far as they reach', async () => {
      const { storage } = await lives().begin();
      await storage.write(append(hardState(1, null, 900), ...entries(1, 5)));
      expect((await lives().reopenAfterCrash()).opened.restored.hardState.commitIndex).toBe(5);
    });

    it('trap 4: term, vote and entries are one synced batch, so that no crash can part them', async () => {
      const { storage, store } = await lives().begin();
      await storage.write(append(hardState(3, 'c', 0), ...entries(1, 3, 3)));
      expect(store.batches).toHaveLength(1);
      expect(store.batches[0]).toStrictEqual([keys.run(0, 1), 'hard-state']);

      const gate = store.gate();
      void storage.write(append(hardState(4, 'b', 1), entry(4, 4)));
      await gate.reached;
      const { opened } = await lives().reopenAfterCrash();
      expect(opened.restored.hardState).toStrictEqual(hardState(3, 'c', 0));
      expect(opened.restored.entries).toStrictEqual(entries(1, 3, 3));
    });

    it('trap 4: a vote without entries is durable when its write resolves', async () => {
      const { storage } = await lives().begin();
      await storage.write(append(hardState(7, 'b')));
      expect((await lives().reopenAfterCrash()).opened.restored.hardState).toStrictEqual(hardState(7, 'b'));
    });

    it('trap 16: a write is not reported before it is on the disk', async () => {
      const { storage, store } = await lives().begin();
      const gate = store.gate();
      let reported = false;
      const write = storage.write(append(hardState(1), entry(1))).then(() => {
        reported = true;
      });
      await gate.reached;
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      expect(reported).toBe(false);
      gate.open();
      await write;
      expect((await lives().reopenAfterCrash()).opened.restored.entries).toStrictEqual([entry(1)]);
    });

    it('trap 33: what was reported is there after the death of the process, write by write', async () => {
      let { storage } = await lives().begin();
      for (let index = 1; index <= 6; index++) {
        await storage.write(append(hardState(index, 'b', index - 1), entry(index, index)));
        const life = await lives().reopenAfterCrash();
        expect(life.opened.restored.hardState).toStrictEqual(hardState(index, 'b', index - 1));
        expect(life.opened.restored.entries).toHaveLength(index);
        storage = life.storage;
      }
    });
  });

  describe('peers', () => {
    it('trap 9: are remembered by their first incarnation over every restart', async () => {
      const { storage, opened } = await lives().begin();
      expect(opened.identity.incarnation).toBe('first-life-of-a');
      await storage.rememberPeer('b', 'first-life-of-b');
      await storage.rememberPeer('c', 'first-life-of-c');
      const known = new Map([
        ['b', 'first-life-of-b'],
        ['c', 'first-life-of-c'],
      ]);
      for (const reopen of eitherWay()) {
        const life = await reopen();
        expect(life.opened.peerIncarnations).toStrictEqual(known);
        expect(life.opened.identity.incarnation).toBe('first-life-of-a');
      }
    });

    it('trap 9: are remembered across a snapshot that replaces the whole log', async () => {
      const { storage } = await lives().begin();
      await storage.rememberPeer('b', 'first-life-of-b');
      await staged(storage, snapshotAt(50, 2), 'from the leader');
      await storage.write({ hardState: hardState(2), entries: [], snapshot: snapshotAt(50, 2) });
      expect((await lives().reopen()).opened.peerIncarnations).toStrictEqual(new Map([['b', 'first-life-of-b']]));
    });
  });
}
