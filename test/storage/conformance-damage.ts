import { describe, expect, it } from 'vitest';
import { checksum } from '../../src/codec/checksum.ts';
import { format, keys, sealedJson } from '../../src/storage/layout.ts';
import { StorageDamagedError } from '../../src/storage/storage.ts';
import type { Lives } from './lives.ts';
import { append, entries, entry, hardState, identity, snapshotAt, staged } from './samples.ts';

type Values = Map<string, Uint8Array>;

const flipped = (value: Uint8Array, offset: number) => value.map((byte, i) => (i === offset ? byte ^ 1 : byte));

function flip(values: Values, key: string, offset: number): void {
  const value = values.get(key);
  if (!value) throw new Error(`there is no ${key}`);
  values.set(key, flipped(value, offset < 0 ? value.length + offset : offset));
}

function swap(values: Values, one: string, other: string): void {
  const [first, second] = [values.get(one), values.get(other)];
  if (!first || !second) throw new Error(`there is no ${one} or no ${other}`);
  values.set(one, second).set(other, first);
}

const at = (index: number) => keys.entry(0, index);

export function describeDamage(lives: () => Lives): void {
  async function refused(change: (values: Values) => void): Promise<string> {
    const outcome = await lives()
      .reopenAltered(change)
      .catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(StorageDamagedError);
    return (outcome as Error).message;
  }

  describe('damage in what is stored', () => {
    it.each<[what: string, named: string, change: (values: Values) => void]>([
      ['an altered entry', 'entry 5 fails its checksum', (v) => flip(v, at(5), 25)],
      ['an altered last entry', 'entry 10 fails its checksum', (v) => flip(v, at(10), -1)],
      ['an altered term of an entry', 'entry 5 fails its checksum', (v) => flip(v, at(5), 20)],
      ['an altered checksum', 'entry 5 fails its checksum', (v) => flip(v, at(5), 0)],
      ['a dropped entry', 'entry 5 is missing from the log', (v) => v.delete(at(5))],
      ['a dropped first entry', 'entry 3 is missing from the log', (v) => v.delete(at(3))],
      ['swapped entries', 'entry 5 fails its checksum', (v) => swap(v, at(5), at(6))],
      ['an entry under the next key', 'entry 6 fails its checksum', (v) => v.set(at(6), v.get(at(5)) ?? at6())],
      ['an emptied entry', 'entry 5 is cut short', (v) => v.set(at(5), new Uint8Array())],
      ['a log that ends before its commit index', 'although entries up to 8 were committed', cutAt(8)],
      ['a log that ends before its snapshot', 'does not hold entry 4 of term 1', cutAt(4)],
      ['a gap between snapshot and log', 'entry 3 is missing from the log', (v) => [3, 4].map((i) => v.delete(at(i)))],
      ['an altered hard state', 'the hard state fails its checksum', (v) => flip(v, keys.hardState, -2)],
      ['a missing hard state', 'the hard state is missing', (v) => v.delete(keys.hardState)],
      ['a hard state cut short', 'the hard state is cut short', (v) => v.set(keys.hardState, new Uint8Array(3))],
      ['an identity in place of the hard state', 'the hard state fails', underHardState],
      ['a missing identity', "the identity is missing, although there is 'chunk/", (v) => v.delete(keys.identity)],
      ['an altered identity', 'the identity fails its checksum', (v) => flip(v, keys.identity, 9)],
      ['a missing snapshot record', 'the snapshot record is missing', (v) => v.delete(keys.snapshot)],
      ['an altered snapshot record', 'the snapshot record fails its checksum', (v) => flip(v, keys.snapshot, 30)],
      ['a missing chunk', 'chunk 1 of the snapshot at 4 is missing', (v) => v.delete(keys.chunk(1, 1))],
      ['an altered chunk', 'chunk 2 of the snapshot at 4 fails', (v) => flip(v, keys.chunk(1, 2), 100)],
      ['swapped chunks', 'chunk 0 of the snapshot at 4 fails', (v) => swap(v, keys.chunk(1, 0), keys.chunk(1, 1))],
      ['an altered peer', 'what is known of the peer/b fails its checksum', (v) => flip(v, keys.peer('b'), -3)],
    ])('%s is found and named', async (_, named, change) => {
      const { storage } = await lives().begin();
      await storage.rememberPeer('b', 'first-life-of-b');
      await storage.write(append(hardState(1, 'a', 8), ...entries(1, 10)));
      await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four'), 2);
      expect(await refused(change)).toContain(named);
    });

    it('an older hard state below the terms in the log is found', async () => {
      const { storage } = await lives().begin();
      await storage.write(append(hardState(5), entry(1, 5)));
      const message = await refused((values) =>
        values.set(keys.hardState, sealedJson(keys.hardState, hardState(4, 'b'))),
      );
      expect(message).toContain('the hard state is of term 4, and the log of term 5');
    });

    it('the refusal says where, and what to do, and comes again at the next start', async () => {
      const { storage, store } = await lives().begin();
      await storage.write(append(hardState(1), ...entries(1, 3)));
      const message = await refused((values) => flip(values, at(2), 30));
      expect(message).toContain(`The data in ${store.place} is damaged: entry 2 fails its checksum.`);
      expect(message).toContain('This member must not vote with it');
      expect(message).toContain('Move the directory away and keep it for inspection');
      expect(await refused(() => {})).toBe(message);
    });

    it('a chunk that rots while the member runs is refused when it is read', async () => {
      const { storage, store } = await lives().begin();
      await storage.write(append(hardState(1, 'a', 8), ...entries(1, 10)));
      const stored = await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four'), 2);
      const key = keys.chunk(1, 1);
      const value = (await store.get(key)) ?? new Uint8Array();
      await store.writeSynced([{ type: 'put', key, value: flipped(value, 50) }]);
      await expect(storage.readSnapshotChunk(stored, 1)).rejects.toThrow(StorageDamagedError);
      expect(Buffer.from(await storage.readSnapshotChunk(stored, 0)).toString()).toContain('four 0;');
    });

    it('values of a later format are refused as such, and not as damage', async () => {
      await lives().begin();
      const message = await refused((values) => values.set(keys.identity, ofFormat(format + 1)));
      expect(message).toContain('was written by a newer version of this program');
      expect(message).toContain(`the identity has format ${format + 1}`);
      expect(message).not.toContain('damaged');
    });
  });
}

function at6(): never {
  throw new Error('there is no entry 5');
}

function underHardState(values: Values): void {
  values.set(keys.hardState, values.get(keys.identity) ?? new Uint8Array());
}

/** Drops the entries from `index` on. */
function cutAt(index: number) {
  return (values: Values) => {
    for (const key of [...values.keys()]) if (key.startsWith('entry/') && key >= at(index)) values.delete(key);
  };
}

/** An identity as a later version could write it: whole, and with another format byte. */
function ofFormat(later: number): Uint8Array {
  const value = sealedJson(keys.identity, identity);
  value[4] = later;
  new DataView(value.buffer).setUint32(0, checksum(value.subarray(4), checksum(Buffer.from(keys.identity))));
  return value;
}
