import { describe, expect, it } from 'vitest';
import { checksum } from '../../src/codec/checksum.ts';
import type { Entry, EntryKind } from '../../src/raft/types.ts';
import { format, keys, sealedJson, unsealedJson } from '../../src/storage/layout.ts';
import { LogTail } from '../../src/storage/log-tail.ts';
import { putEntries } from '../../src/storage/runs.ts';
import { StorageDamagedError } from '../../src/storage/storage.ts';
import type { Lives } from './lives.ts';
import { append, entries, entry, hardState, identity, snapshotAt, staged } from './samples.ts';

type Values = Map<string, Uint8Array>;

function flipped(value: Uint8Array, offset: number): Uint8Array {
  const at = offset < 0 ? value.length + offset : offset;
  return value.map((byte, i) => (i === at ? byte ^ 1 : byte));
}

function storedUnder(values: Values, key: string): Uint8Array {
  const value = values.get(key);
  if (!value) throw new Error(`there is no ${key}`);
  return value;
}

function flip(values: Values, key: string, offset: number): void {
  values.set(key, flipped(storedUnder(values, key), offset));
}

function swap(values: Values, one: string, other: string): void {
  const [first, second] = [storedUnder(values, one), storedUnder(values, other)];
  values.set(one, second).set(other, first);
}

const run = (firstIndex: number) => keys.run(0, firstIndex);

/** What lies where in an entry of a run, in bytes from its beginning. */
const at = { checksum: 0, format: 4, length: 5, term: 9, kind: 17, data: 18 };

/** Changes a run, given as the bytes of each of its entries. */
function changeRun(values: Values, firstIndex: number, change: (entries: Uint8Array[]) => Uint8Array[]): void {
  const value = storedUnder(values, run(firstIndex));
  const found: Uint8Array[] = [];
  for (let offset = 0; offset < value.length; offset += found.at(-1)?.length ?? 0) {
    const dataLength = new DataView(value.buffer, value.byteOffset + offset).getUint32(at.length);
    found.push(value.subarray(offset, offset + at.data + dataLength));
  }
  values.set(run(firstIndex), Uint8Array.from(Buffer.concat(change(found))));
}

/** Flips the lowest bit of one byte of the entry at `index`. */
function flipIn(values: Values, firstIndex: number, index: number, offset: number): void {
  changeRun(values, firstIndex, (found) =>
    found.map((each, i) => (firstIndex + i === index ? flipped(each, offset) : each)),
  );
}

/** Puts a whole log of one run, its checksums right, in the place of the one that is there. */
function forge(values: Values, ...written: readonly Entry[]): void {
  for (const key of [...values.keys()]) if (key.startsWith('run/')) values.delete(key);
  for (const operation of putEntries(0, new LogTail({ index: 0, term: 0 }, 0), written)) {
    if (operation.type === 'put') values.set(operation.key, operation.value);
  }
}

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
      ['an altered first entry of a run', 'entry 5 fails its checksum', (v) => flipIn(v, 5, 5, at.data)],
      ['an altered entry in the middle of a run', 'entry 6 fails its checksum', (v) => flipIn(v, 5, 6, at.data + 3)],
      ['an altered last entry of a run', 'entry 7 fails its checksum', (v) => flipIn(v, 5, 7, -1)],
      ['an altered last entry of the log', 'entry 10 fails its checksum', (v) => flip(v, run(8), -1)],
      ['an altered term of an entry', 'entry 5 fails its checksum', (v) => flipIn(v, 5, 5, at.term + 7)],
      ['an altered kind of an entry', 'entry 6 fails its checksum', (v) => flipIn(v, 5, 6, at.kind)],
      ['an altered checksum', 'entry 6 fails its checksum', (v) => flipIn(v, 5, 6, at.checksum)],
      ['an altered format of an entry', 'entry 6 fails its checksum', (v) => flipIn(v, 5, 6, at.format)],
      ['an altered length within the run', 'entry 6 fails its checksum', (v) => flipIn(v, 5, 6, at.length + 3)],
      ['an altered length past the run', 'entry 6 is cut short', (v) => flipIn(v, 5, 6, at.length)],
      ['an altered last length of a run', 'entry 7 is cut short', (v) => flipIn(v, 5, 7, at.length + 3)],
      ['an altered entry that the snapshot holds', 'entry 1 fails its checksum', (v) => flipIn(v, 1, 1, at.data)],
      ['a dropped run', 'entry 5 is missing from the log', (v) => v.delete(run(5))],
      ['a dropped first run', 'entry 1 is missing from the log', (v) => v.delete(run(1))],
      ['swapped runs', 'entry 5 fails its checksum', (v) => swap(v, run(5), run(8))],
      ['a run in the place of the next', 'entry 8 fails its checksum', (v) => v.set(run(8), storedUnder(v, run(5)))],
      ['a run found again behind the log', 'entry 11 fails', (v) => v.set(run(11), storedUnder(v, run(8)))],
      ['a run found again within another', `'${run(6)}' begins among`, (v) => v.set(run(6), storedUnder(v, run(5)))],
      ['a run under a later key', 'entry 5 is missing', (v) => v.set(run(6), storedUnder(v, run(5))).delete(run(5))],
      ['runs under the keys of another epoch', 'entry 1 fails its checksum', intoAnotherEpoch],
      ['an emptied run', 'entry 5 is cut short', (v) => v.set(run(5), new Uint8Array())],
      ['a run cut within a checksum', 'entry 7 is cut short', (v) => cutRun(v, 5, 2, 3)],
      ['a run cut within a header', 'entry 7 is cut short', (v) => cutRun(v, 5, 2, at.kind)],
      ['a run cut within data', 'entry 7 is cut short', (v) => cutRun(v, 5, 2, at.data + 1)],
      ['a run cut between entries', 'entry 7 is missing from the log', (v) => cutRun(v, 5, 2, 0)],
      ['a byte behind a run', 'entry 8 is cut short', (v) => changeRun(v, 5, (each) => [...each, Uint8Array.of(0)])],
      ['an entry dropped from a run', 'entry 6 fails', (v) => changeRun(v, 5, ([a = none, , c = none]) => [a, c])],
      [
        'swapped entries of a run',
        'entry 5 fails',
        (v) => changeRun(v, 5, ([a = none, b = none, c = none]) => [b, a, c]),
      ],
      ['a log that ends before its commit index', 'although entries up to 8 were committed', (v) => v.delete(run(8))],
      ['a log that ends before its snapshot', 'does not hold entry 4 of term 1', (v) => endIn(v, 3)],
      ['a log that ends before its start', 'entry 2 is missing from the log', (v) => endIn(v, 1)],
      ['a log that is gone', 'entry 1 is missing from the log', (v) => endIn(v, 0)],
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
      await storage.write(append(hardState(1, 'a', 0), ...entries(1, 4)));
      await storage.write(append(null, ...entries(5, 7)));
      await storage.write(append(hardState(1, 'a', 8), ...entries(8, 10)));
      await storage.commitSnapshot(await staged(storage, snapshotAt(4), 'four'), 2);
      expect(await refused(change)).toContain(named);
    });

    it.each([
      ['a term that falls', 'the term falls from 3 at entry 2', [entry(1, 3), entry(2, 2)]],
      ['an unknown kind', 'entry 2 is of an unknown kind', [entry(1), entry(2, 1, 'x', 'later' as EntryKind)]],
    ])('%s is found although every checksum is right', async (_, named, written) => {
      await lives().begin();
      expect(await refused((values) => forge(values, ...written))).toContain(named);
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
      const message = await refused((values) => flipIn(values, 1, 2, at.data));
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

    it.each([
      ['a later', format + 1, 'was written by a newer version of this program'],
      ['an earlier', format - 1, 'was written by an older version of this program'],
    ])('values of %s format are refused as such, and not as damage', async (_, other, named) => {
      await lives().begin();
      const message = await refused((values) => values.set(keys.identity, ofFormat(other)));
      expect(message).toContain(named);
      expect(message).toContain(`the identity has format ${other}`);
      expect(message).not.toContain('damaged');
    });
  });
}

const none = new Uint8Array();

function underHardState(values: Values): void {
  values.set(keys.hardState, values.get(keys.identity) ?? new Uint8Array());
}

/** The runs are moved, and the snapshot record with them. */
function intoAnotherEpoch(values: Values): void {
  for (const firstIndex of [1, 5, 8]) {
    values.set(keys.run(1, firstIndex), storedUnder(values, run(firstIndex))).delete(run(firstIndex));
  }
  const record = unsealedJson<object>('the record', keys.snapshot, storedUnder(values, keys.snapshot));
  values.set(keys.snapshot, sealedJson(keys.snapshot, { ...record, epoch: 1 }));
}

/** Keeps `count` entries of a run and some bytes of the next one. */
function cutRun(values: Values, firstIndex: number, count: number, keptBytes: number): void {
  changeRun(values, firstIndex, (found) => [...found.slice(0, count), found[count]?.subarray(0, keptBytes) ?? none]);
}

/** Drops what is behind `lastIndex`, which is in the first run. */
function endIn(values: Values, lastIndex: number): void {
  for (const firstIndex of [5, 8]) values.delete(run(firstIndex));
  if (lastIndex === 0) values.delete(run(1));
  else changeRun(values, 1, (found) => found.slice(0, lastIndex));
}

/** An identity as another version could write it: whole, and with another format byte. */
function ofFormat(other: number): Uint8Array {
  const value = sealedJson(keys.identity, identity);
  value[4] = other;
  new DataView(value.buffer).setUint32(0, checksum(value.subarray(4), checksum(Buffer.from(keys.identity))));
  return value;
}
