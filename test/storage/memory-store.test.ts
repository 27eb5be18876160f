import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryDisk, MemoryStore } from '../../src/storage/memory-store.ts';

let disk: MemoryDisk;
let store: MemoryStore;

beforeEach(async () => {
  disk = new MemoryDisk();
  store = new MemoryStore(disk);
  await store.open();
});

const put = (key: string, value: number) => store.writeSynced([{ type: 'put', key, value: Uint8Array.of(value) }]);

describe('a disk in memory', () => {
  test('takes batches in the order of the calls, however long one waits', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const waits = [held];
    disk.beforeWrite = () => waits.shift() ?? Promise.resolve();
    const first = put('key', 1);
    const second = put('key', 2);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(disk.values.size).toBe(0);
    release();
    await Promise.all([first, second]);
    expect(disk.values.get('key')).toStrictEqual(Uint8Array.of(2));
  });

  test('trap 32: takes nothing behind a batch that failed', async () => {
    disk.failNextWrite = new Error('EIO');
    const outcomes = await Promise.allSettled([put('failed', 1), put('queued', 1)]);
    expect(outcomes.map(({ status }) => status)).toStrictEqual(['rejected', 'rejected']);
    await expect(put('later', 1)).rejects.toThrow('EIO');
    expect(disk.values.size).toBe(0);
  });

  test('keeps no reference to what it was given', async () => {
    const value = Uint8Array.of(1);
    await store.writeSynced([{ type: 'put', key: 'key', value }]);
    value[0] = 9;
    expect(await store.get('key')).toStrictEqual(Uint8Array.of(1));
  });

  test('takes nothing more from a member that died, and opens for the next', async () => {
    disk.crash();
    await expect(put('key', 1)).rejects.toThrow('is not open here');
    const next = new MemoryStore(disk);
    await next.open();
    await store.close();
    await next.writeSynced([{ type: 'put', key: 'key', value: Uint8Array.of(2) }]);
    expect(disk.values.size).toBe(1);
  });

  test('clears a range, unless a crash is to undo it', async () => {
    await put('a/1', 1);
    await put('b/1', 1);
    disk.losesClears = true;
    await store.clear({ from: 'a/', before: 'a0' });
    expect([...disk.values.keys()]).toStrictEqual(['a/1', 'b/1']);
    disk.losesClears = false;
    await store.clear({ from: 'a/', before: 'a0' });
    expect([...disk.values.keys()]).toStrictEqual(['b/1']);
  });
});
