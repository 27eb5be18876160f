import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AcknowledgedWrites } from '../../src/storage/acknowledged-writes.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'manifest-acknowledged-'));
  file = join(directory, 'ACKNOWLEDGED');
});

afterEach(() => rmSync(directory, { recursive: true }));

async function numberFound(): Promise<number> {
  const note = new AcknowledgedWrites(directory);
  const found = await note.open();
  await note.close();
  return found;
}

describe('the note of acknowledged writes', () => {
  test('knows nothing in a new directory', async () => {
    expect(await numberFound()).toBe(0);
  });

  test('holds the newest number once it is closed, however fast they came', async () => {
    const note = new AcknowledgedWrites(directory);
    await note.open();
    for (let number = 1; number <= 1_000; number++) {
      note.note(number);
      if (number % 100 === 0) await new Promise(setImmediate);
    }
    await note.close();
    expect(await numberFound()).toBe(1_000);
  });

  test('holds the newest number while it is open as well', async () => {
    const note = new AcknowledgedWrites(directory);
    await note.open();
    note.note(1);
    note.note(70_000_000_000);
    await vi.waitFor(async () => expect(await numberFound()).toBe(70_000_000_000));
    await note.close();
  });

  test('says nothing when it is damaged or cut short, and is written anew', async () => {
    const note = new AcknowledgedWrites(directory);
    await note.open();
    note.note(300);
    await note.close();
    const whole = readFileSync(file);
    for (let offset = 0; offset < whole.length; offset++) {
      writeFileSync(file, whole.subarray(0, offset));
      expect(await numberFound()).toBe(0);
      const altered = Uint8Array.from(whole);
      altered[offset] = (altered[offset] ?? 0) ^ 1;
      writeFileSync(file, altered);
      expect(await numberFound()).toBe(0);
    }
    const next = new AcknowledgedWrites(directory);
    await next.open();
    next.note(301);
    await next.close();
    expect(await numberFound()).toBe(301);
  });

  test.runIf(process.platform === 'linux')('that cannot be written fails the writes that follow', async () => {
    symlinkSync('/dev/full', file);
    const note = new AcknowledgedWrites(directory);
    await note.open();
    note.note(1);
    await vi.waitFor(() => expect(() => note.note(2)).toThrow('ENOSPC'));
    await note.close();
  });
});
