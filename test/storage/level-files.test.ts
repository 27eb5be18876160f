import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { checkFiles } from '../../src/storage/level-files.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { StorageDamagedError } from '../../src/storage/storage.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'manifest-level-files-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** A database whose tables hold blocks that compress well, badly and not at all. */
async function fill(compression: boolean): Promise<void> {
  for (let life = 0; life < 3; life++) {
    const database = new Level<string, string>(directory, { compression });
    let seed = 11 + life;
    const noise = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return String.fromCharCode(32 + (seed % 90));
    };
    for (let i = 0; i < 400; i++) {
      const text = i % 3 === 0 ? Array.from({ length: 300 }, noise).join('') : `${life} and ${i} and `.repeat(i % 60);
      await database.put(`a key with a long beginning/${String(i).padStart(6, '0')}`, text);
    }
    // Of all the engines that `level` can stand for, this is the one on disk.
    await (database as unknown as { compactRange(from: string, to: string): Promise<void> }).compactRange('', '~');
    await database.close();
  }
}

const namesLike = (pattern: RegExp) => readdirSync(directory).filter((name) => pattern.test(name));
const textIn = (name: string) => readFileSync(join(directory, name)).toString('latin1');

describe.each([
  ['plain', false],
  ['compressed with snappy', true],
])('a directory with tables that are %s', (_, compression) => {
  test('is healthy, and a flipped bit anywhere in a table is found', async () => {
    await fill(compression);
    await checkFiles(directory);
    const [table = ''] = namesLike(/\.ldb$/);
    expect(textIn(table).includes('2 and 40 and 2 and 40 and 2 and 40 and ')).toBe(!compression);
    const file = readFileSync(join(directory, table));
    for (let offset = 0; offset < file.length - 48; offset += 401) {
      const altered = Uint8Array.from(file);
      altered[offset] = (altered[offset] ?? 0) ^ 4;
      writeFileSync(join(directory, table), altered);
      await expect(checkFiles(directory), `byte ${offset}`).rejects.toThrow(`the file ${table} is damaged`);
    }
  });
});

describe('what a crash leaves', () => {
  test.each<[string, () => void]>([
    ['a half-written table that no MANIFEST names', () => writeFileSync(join(directory, '000999.ldb'), 'half a ta')],
    [
      'a half-written MANIFEST that CURRENT does not name',
      () => writeFileSync(join(directory, 'MANIFEST-000998'), 'h'),
    ],
    ['the next CURRENT, not yet in place', () => writeFileSync(join(directory, '000997.dbtmp'), 'MANIFEST-0009')],
    ['a log in which nothing was written yet', () => writeFileSync(join(directory, '000996.log'), '')],
    ['an old log that is wholly in tables, not yet deleted', () => writeFileSync(join(directory, '000001.log'), 'old')],
  ])('is no damage: %s', async (_, leave) => {
    await fill(false);
    leave();
    await checkFiles(directory);
    const database = new Level<string, string>(directory, { compression: false });
    expect(await database.get('a key with a long beginning/000040')).toContain('2 and 40 and');
    await database.close();
  });

  test('is no damage: a new database of which CURRENT was not yet written', async () => {
    for (const name of ['LOCK', 'LOG', '000001.dbtmp']) writeFileSync(join(directory, name), '');
    writeFileSync(join(directory, 'MANIFEST-000001'), 'half a MANI');
    await checkFiles(directory);
  });

  test('is no damage: an empty directory, or none', async () => {
    await checkFiles(directory);
    const store = new LevelStore(join(directory, 'of', 'its', 'own'));
    await store.open();
    await store.close();
  });
});

describe('damage', () => {
  test('that leaves data without a CURRENT is refused, where LevelDB would begin anew', async () => {
    await fill(false);
    rmSync(join(directory, 'CURRENT'));
    await expect(checkFiles(directory)).rejects.toThrow(new StorageDamagedError('the file CURRENT is missing'));
  });

  test('that takes operations from between two logs is refused', async () => {
    const database = new Level<string, string>(directory, { compression: false });
    await database.put('a', '1');
    await database.put('b', '2');
    await database.close();
    const [log = ''] = namesLike(/\.log$/);
    const whole = readFileSync(join(directory, log));
    // The first of two equal halves stays; the next log goes on behind the second.
    writeFileSync(join(directory, log), whole.subarray(0, whole.length / 2));
    await checkFiles(directory);
    const next = Uint8Array.from(whole);
    writeFileSync(join(directory, '000900.log'), next);
    await expect(checkFiles(directory)).rejects.toThrow(/operations are missing before operation 1 in the file 000900/);
  });
});

describe('LevelStore', () => {
  test('trap 33: asks for a sync with every batch, and hands over one at a time, in order', async () => {
    const store = new LevelStore(directory);
    await store.open();
    const under: string[] = [];
    const order: string[] = [];
    const batch = vi.spyOn(Level.prototype, 'batch').mockImplementation((async (operations: { key: string }[]) => {
      const [{ key } = { key: '' }] = operations;
      under.push(key);
      expect(under).toHaveLength(1);
      // The first takes longest.
      for (let turn = 0; turn < (key === 'first' ? 20 : 1); turn++) await new Promise(setImmediate);
      under.pop();
      order.push(key);
    }) as never);
    try {
      const write = (key: string) => store.writeSynced([{ type: 'put', key, value: Uint8Array.of(1) }]);
      await Promise.all([write('first'), write('second'), write('third')]);
      expect(order).toStrictEqual(['first', 'second', 'third']);
      for (const [, options] of batch.mock.calls as unknown[][]) expect(options).toStrictEqual({ sync: true });
    } finally {
      batch.mockRestore();
      await store.close();
    }
  });

  test('trap 32: hands nothing over behind a batch that failed, as LevelDB would go on', async () => {
    const store = new LevelStore(directory);
    await store.open();
    await store.writeSynced([{ type: 'put', key: 'kept', value: Uint8Array.of(1) }]);
    const batch = vi.spyOn(Level.prototype, 'batch').mockRejectedValueOnce(new Error('EIO') as never);
    const write = (key: string) => store.writeSynced([{ type: 'put', key, value: Uint8Array.of(2) }]);
    const outcomes = await Promise.allSettled([
      write('failed'),
      write('queued'),
      store.clear({ from: '', before: '~' }),
    ]);
    expect(outcomes.map(({ status }) => status)).toStrictEqual(['rejected', 'rejected', 'rejected']);
    await expect(write('later')).rejects.toThrow('EIO');
    expect(batch).toHaveBeenCalledTimes(1);
    batch.mockRestore();
    await store.close();

    const next = new LevelStore(directory);
    await next.open();
    expect(await next.get('kept')).toHaveLength(1);
    expect(await next.get('queued')).toBeUndefined();
    await next.close();
  });

  test('clears a range of many keys in pieces, and no other key', async () => {
    const store = new LevelStore(directory);
    await store.open();
    const keys = Array.from({ length: 2_500 }, (_, i) => `b/${String(i).padStart(6, '0')}`);
    await store.writeSynced(['a', ...keys, 'c'].map((key) => ({ type: 'put', key, value: Uint8Array.of(1) })));
    await store.clear({ from: 'b/', before: 'b0' });
    const left: string[] = [];
    for await (const [key] of store.entries({ from: '', before: '~' })) left.push(key);
    expect(left).toStrictEqual(['a', 'c']);
    await store.close();
  });

  test('opens where a directory on the way has to be made, and says where it cannot', async () => {
    const inTheWay = join(directory, 'file');
    writeFileSync(inTheWay, '');
    await expect(new LevelStore(join(inTheWay, 'data')).open()).rejects.toThrow(/ENOTDIR|EEXIST/);
    mkdirSync(join(directory, 'made'));
  });
});
