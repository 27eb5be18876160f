import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readLog } from '../../src/storage/level-log-check.ts';

let directory: string;
let log: Uint8Array;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'manifest-level-log-'));
  const db = new Level<string, string>(directory);
  await db.open();
  // Records of many sizes, some of them over several blocks.
  for (let i = 0; i < 300; i++)
    await db.put(`key-${i}`, `${i}:`.repeat(10 + ((i * 37) % 900)), { sync: true } as object);
  await db.put('large', 'z'.repeat(100_000));
  for (let i = 0; i < 50; i++) await db.put(`tail-${i}`, 'tail'.repeat(40));
  await db.close();
  const name = readdirSync(directory).find((file) => file.endsWith('.log')) ?? '';
  log = readFileSync(join(directory, name));
});

afterAll(() => rmSync(directory, { recursive: true }));

const copyOf = (bytes: Uint8Array) => Uint8Array.from(bytes);

describe("LevelDB's log", () => {
  test('as LevelDB wrote it has no damage', () => {
    expect(log.length).toBeGreaterThan(200_000);
    expect(readLog(log).damagedAt).toBeNull();
  });

  test('with one flipped bit anywhere is damaged', () => {
    let seed = 7;
    for (let round = 0; round < 400; round++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      const offset = seed % log.length;
      const altered = copyOf(log);
      altered[offset] = (altered[offset] ?? 0) ^ (1 << (round % 8));
      // LevelDB never looks at the few bytes that are left over at the end of a block.
      const found = readLog(altered).damagedAt;
      if (found === null) expect(32_768 - (offset % 32_768)).toBeLessThan(7);
      else expect(found).toBeLessThanOrEqual(offset);
    }
  });

  test('with bytes missing from the middle is damaged', () => {
    for (const lost of [1, 50, 4_096, 32_768 + 11]) {
      const middle = Math.floor(log.length / 2);
      const shortened = Buffer.concat([log.subarray(0, middle), log.subarray(middle + lost)]);
      expect(readLog(shortened).damagedAt).not.toBeNull();
    }
  });

  test('cut off at any byte is a torn tail, which is legal', () => {
    for (let cut = 1; cut < 40_000; cut += 97) expect(readLog(log.subarray(0, log.length - cut)).damagedAt).toBeNull();
  });

  test('whose last record was cut short by a power failure, with zeros where nothing was written, is legal', () => {
    const grown = copyOf(log);
    grown.fill(0, Math.floor((log.length - 5_000) / 512) * 512);
    expect(readLog(grown).damagedAt).toBeNull();
  });

  test('whose last record reached the disk in part and out of order, is legal: it was never acknowledged', () => {
    const begin = offsetOfLargeRecord();
    const untilLarge = log.subarray(0, begin + 100_000);
    for (const [from, to] of [
      // Only its first sector, only one in the middle, all but the last, or as little as its header is missing.
      [begin, begin + 1_024],
      [begin + 50_000, begin + 52_000],
      [begin + 98_000, begin + 100_000],
      [begin, begin + 100_000],
    ] as const) {
      const cut = copyOf(untilLarge);
      cut.fill(0, from, to);
      expect(readLog(cut).damagedAt, `${from - begin} to ${to - begin}`).toBeNull();
    }
  });

  test('that had grown by a few bytes across the end of a sector, and was not written, is legal', async () => {
    const place = join(directory, 'of-one-record');
    const db = new Level<string, string>(place);
    await db.put('k', 'v'.repeat(485));
    await db.close();
    const one = readFileSync(join(place, readdirSync(place).find((file) => file.endsWith('.log')) ?? ''));
    expect(one.length % 512).toBe(509);
    for (let grown = 1; grown < 20; grown++) {
      expect(readLog(Buffer.concat([one, new Uint8Array(grown)])).damagedAt).toBeNull();
    }
  });

  test('that had grown, and was not written, is legal', () => {
    for (const grown of [1, 6, 7, 8, 600, 40_000]) {
      expect(readLog(Buffer.concat([log, new Uint8Array(grown)])).damagedAt).toBeNull();
    }
  });

  test('with zeros in the middle and good records behind them is damaged', () => {
    const holed = copyOf(log);
    holed.fill(0, 100_352, 104_448);
    expect(readLog(holed).damagedAt).not.toBeNull();
  });
});

/** Where the record of 100,000 bytes begins: its first fragment fills the rest of a block. */
function offsetOfLargeRecord(): number {
  const at = Buffer.from(log).indexOf('zzzzzzzzzz');
  // Header of a fragment, of a batch, of an operation, then the key.
  return at - 7 - 12 - 1 - 1 - 'large'.length - 3;
}
