import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DirectoryError, makeDirectory } from '../../src/storage/make-directory.ts';

let base = '';
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'manifest-directory-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

test('a directory is made with those above it, and stays where it is there already', () => {
  const path = join(base, 'a', 'b', 'c');
  makeDirectory(path);
  writeFileSync(join(path, 'kept'), '');
  makeDirectory(path);
  expect(statSync(join(path, 'kept')).isFile()).toBe(true);
});

test('what stands in the way is told with the directory that was wanted', () => {
  writeFileSync(join(base, 'file'), '');
  for (const path of [join(base, 'file'), join(base, 'file', 'below')]) {
    expect(() => makeDirectory(path)).toThrow(DirectoryError);
    expect(() => makeDirectory(path)).toThrow(`the directory ${path} cannot be made: E`);
  }
});
