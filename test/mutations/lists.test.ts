import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readArguments } from './command.ts';
import { allMutations } from './lists/all.ts';
import { type Mutation, mutated } from './mutation.ts';

const project = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(project, file), 'utf8');

describe('the bugs that the tests are tried with', () => {
  test.each(allMutations)('trap $trap: $title', (mutation) => {
    expect(mutated(read(mutation.file), mutation)).not.toBe(read(mutation.file));
  });

  test('are each caught by something, and every test that is named exists', () => {
    for (const { title, caughtBy } of allMutations) {
      expect(caughtBy, title).not.toEqual([]);
      for (const catcher of caughtBy) {
        if (!('test' in catcher)) continue;
        expect(existsSync(join(project, catcher.test)), catcher.test).toBe(true);
        if (catcher.named) expect(read(catcher.test), `${catcher.test}: ${title}`).toContain(catcher.named);
      }
    }
  });

  test('have titles that tell them apart, and differ', () => {
    const titles = allMutations.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    const changes = allMutations.map(({ file, search, replacement }) => JSON.stringify([file, search, replacement]));
    expect(new Set(changes).size).toBe(changes.length);
  });

  test('cover every trap there is, but the one of a change of members, which nobody can ask for yet', () => {
    const traps = new Set(allMutations.map(({ trap }) => trap));
    const missing = Array.from({ length: 38 }, (_, index) => index + 1).filter((trap) => !traps.has(trap));
    expect(missing).toEqual([21]);
  });
});

describe('a bug', () => {
  const bug: Mutation = { title: 'none', trap: 1, file: 'a.ts', search: 'x', replacement: '$&', caughtBy: [] };

  test('is put where its text is, as it stands', () => {
    expect(mutated('a x b', bug)).toBe('a $& b');
  });

  test('whose text is gone, or not the only one, is refused with its file', () => {
    expect(() => mutated('a b', bug)).toThrow('is not there in a.ts');
    expect(() => mutated('x x x', bug)).toThrow('is there 3 times in a.ts');
  });
});

describe('the command', () => {
  test('picks bugs by trap and by title', () => {
    const given = readArguments(['--only', '14', '--only', 'COMMITS MORE']);
    const traps = given?.mutations.map(({ trap }) => trap);
    expect(new Set(traps)).toEqual(new Set([13, 14]));
  });

  test.each([
    [['--only', '99'], '"99" is neither a trap nor a part of a title'],
    [['--jobs', '9'], '--jobs must be 1 or 2'],
    [['-o', 'yaml'], '--output must be one of text, markdown, json'],
  ])('says what is wrong with %j', (parameters, message) => {
    expect(() => readArguments(parameters)).toThrow(message);
  });
});
