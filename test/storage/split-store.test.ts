import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryDisk, MemoryStore } from '../../src/storage/memory-store.ts';
import { SplitStore } from '../../src/storage/split-store.ts';
import { StorageDamagedError, StorageLockedError } from '../../src/storage/storage.ts';

const range = { from: 'm/', before: 'm0' };
const everything = { from: '', before: '~' };
const put = (key: string) => ({ type: 'put', key, value: Uint8Array.of(1) }) as const;

let main: MemoryDisk;
let aside: MemoryDisk;
let store: SplitStore;

beforeEach(async () => {
  main = new MemoryDisk();
  aside = new MemoryDisk();
  store = new SplitStore(new MemoryStore(main), new MemoryStore(aside), range);
  await store.open();
});

async function keysIn(from: string, before: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of store.entries({ from, before })) keys.push(key);
  return keys;
}

describe('two engines that look like one', () => {
  beforeEach(async () => {
    for (const key of ['a', 'm', 'm/1', 'm/2', 'm0', 'z']) await store.writeSynced([put(key)]);
  });

  test('hold the keys of the range apart from all others', async () => {
    expect([...main.values.keys()]).toStrictEqual(['a', 'm', 'm0', 'z']);
    expect([...aside.values.keys()]).toStrictEqual(['m/1', 'm/2']);
    expect(await store.get('m/2')).toStrictEqual(Uint8Array.of(1));
    expect(await store.get('m0')).toStrictEqual(Uint8Array.of(1));
    expect(await store.get('m/3')).toBeUndefined();
  });

  test.each([
    ['', '~', ['a', 'm', 'm/1', 'm/2', 'm0', 'z']],
    ['b', 'm/2', ['m', 'm/1']],
    ['m/2', 'n', ['m/2', 'm0']],
    ['m/1', 'm/2', ['m/1']],
    ['m0', '~', ['m0', 'z']],
    ['', 'm', ['a']],
    ['n', 'b', []],
  ])('give the keys from %j to %j in order', async (from, before, keys) => {
    expect(await keysIn(from, before)).toStrictEqual(keys);
  });

  test('clear a range in both', async () => {
    await store.clear({ from: 'm', before: 'm/2' });
    expect(await keysIn('', '~')).toStrictEqual(['a', 'm/2', 'm0', 'z']);
    await store.clear(everything);
    expect([main.values.size, aside.values.size]).toStrictEqual([0, 0]);
  });

  test('refuse a batch for both, which could not be all or nothing', async () => {
    await expect(store.writeSynced([put('b'), put('m/3')])).rejects.toThrow(RangeError);
    expect(await keysIn('', '~')).toHaveLength(6);
    await store.writeSynced([put('m/3'), { type: 'del', key: 'm/1' }]);
    await store.writeSynced([]);
    expect(await keysIn('m/', 'm0')).toStrictEqual(['m/2', 'm/3']);
  });
});

test('a batch for one does not wait for a batch for the other', async () => {
  let release = () => {};
  aside.beforeWrite = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  const slow = store.writeSynced([put('m/1')]);
  await store.writeSynced([put('a')]);
  expect([...aside.values.keys()]).toStrictEqual([]);
  release();
  await slow;
  expect([...aside.values.keys()]).toStrictEqual(['m/1']);
});

test('both are closed, and a lock of either is told', async () => {
  const next = new SplitStore(new MemoryStore(main), new MemoryStore(aside), range);
  await expect(next.open()).rejects.toThrow(StorageLockedError);
  await store.close();
  expect([main.owner, aside.owner]).toStrictEqual([null, null]);
  const other = new MemoryStore(aside);
  await other.open();
  await expect(next.open()).rejects.toThrow(StorageLockedError);
});

test('damage of the second says where it is', async () => {
  const damaged = new MemoryStore();
  damaged.open = () => Promise.reject(new StorageDamagedError('the file 000007.ldb is missing'));
  const split = new SplitStore(new MemoryStore(), damaged, range);
  await expect(split.open()).rejects.toMatchObject({
    name: 'StorageDamagedError',
    message: 'the file 000007.ldb is missing, in memory',
  });
});
