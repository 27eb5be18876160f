import { describe, expect, test, vi } from 'vitest';
import { madeOnce } from '../../src/registry/made-once.ts';
import { RecentMap } from '../../src/registry/recent-map.ts';

describe('what is made once', () => {
  test('is made for each key when it is asked for, and the same from then on', () => {
    type Key = { readonly n: number };
    const make = vi.fn((key: Key) => ({ twice: key.n * 2 }));
    const twice = madeOnce(new WeakMap<Key, { readonly twice: number }>(), make);
    const [one, two] = [{ n: 1 }, { n: 2 }];
    expect(make).not.toHaveBeenCalled();
    const made = twice(one);
    expect(made).toEqual({ twice: 2 });
    expect(twice(two)).toEqual({ twice: 4 });
    expect(twice(one)).toBe(made);
    expect(make).toHaveBeenCalledTimes(2);
  });

  test('is remembered when it is nothing much', () => {
    const make = vi.fn(() => 0);
    const zero = madeOnce(new WeakMap<object, number>(), make);
    const key = {};
    expect([zero(key), zero(key)]).toEqual([0, 0]);
    expect(make).toHaveBeenCalledTimes(1);
  });

  test('is made again where its memory has forgotten it', () => {
    const make = vi.fn((key: number) => `${key}`);
    const text = madeOnce(new RecentMap<number, string>(2), make);
    for (const key of [1, 2, 3, 1]) text(key);
    expect(make.mock.calls.map(([key]) => key)).toEqual([1, 2, 3, 1]);
  });
});
