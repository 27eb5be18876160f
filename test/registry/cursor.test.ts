import { expect, test } from 'vitest';
import { cursorAfter, parseCursor } from '../../src/registry/cursor.ts';
import { parseListQuery } from '../../src/registry/queries.ts';
import { MachineDriver } from './machine-driver.ts';

test('a cursor comes back as the instance that it was made of', () => {
  const key = { name: 'web-api', id: 'Web-1' };
  expect(parseCursor(cursorAfter(key))).toEqual(key);
});

test.each(['abc', '!!!', Buffer.from('web').toString('base64url'), Buffer.from('WEB/1').toString('base64url')])(
  'refuses %s',
  (text) => {
    expect(parseCursor(text)).toBeNull();
    expect(() => parseListQuery({ cursor: text })).toThrow('must be the cursor of an answer');
  },
);

test('a walk by cursor shows what stays listed exactly once, whatever comes and goes', () => {
  const driver = new MachineDriver();
  const stays = Array.from({ length: 40 }, (_, i) => `stays-${String(i).padStart(2, '0')}`);
  for (const name of stays) driver.register(name, 'one');
  const seen: string[] = [];
  let after = parseListQuery({ cursor: '' }).after;
  for (let page = 0; after; page++) {
    const { instances, hasMore, total } = driver.state.query({}, 7, 0, after);
    expect(total).toBe(driver.state.counts().total);
    seen.push(...instances.map(({ registration }) => registration.name));
    after = hasMore ? instances.at(-1)?.registration : undefined;
    // One comes before the walker's place, one behind it; what came before goes again.
    if (page > 0) driver.deregister(`a-${page - 1}`, 'one');
    driver.register(`a-${page}`, 'one');
    driver.register(`z-${page}`, 'one');
  }
  expect(seen.filter((name) => name.startsWith('stays'))).toEqual(stays);
  expect(new Set(seen).size).toBe(seen.length);
});
