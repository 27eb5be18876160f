import { describe, expect, test } from 'vitest';
import { resolveFromLog } from './history.ts';
import { judge } from './judge.ts';
import { type AppendMapInput, type AppendMapOutput, appendMapModel } from './models/append-map.ts';
import { type RegisterInput, type RegisterOutput, registerModel } from './models/register.ts';
import { historyFrom, type ScriptLine } from './script.ts';

type RegisterLine = ScriptLine<RegisterInput, RegisterOutput>;
type MapLine = ScriptLine<AppendMapInput, AppendMapOutput>;

const write = (value: number) => ({ type: 'write', value }) as const;
const read = { type: 'read' } as const;
const ok = { type: 'ok' } as const;
const value = (value: number | null) => ({ type: 'value', value }) as const;
const cas = (from: number, to: number) => ({ type: 'compare-and-set', from, to }) as const;

describe('a register', () => {
  const verdictOf = (...lines: RegisterLine[]) => judge(historyFrom(lines), registerModel).verdict;

  test('may be read before a concurrent write and after it, in this order', () => {
    expect(verdictOf(['a', write(1)], ['b', read, value(null)], ['b', read, value(1)], ['a', ok])).toBe('linearizable');
  });

  test('may not be read after a concurrent write and then before it', () => {
    expect(verdictOf(['a', write(1)], ['b', read, value(1)], ['c', read, value(null)], ['a', ok])).toBe(
      'not-linearizable',
    );
  });

  test('may not show a stale value', () => {
    expect(verdictOf(['a', write(1), ok], ['a', write(2), ok], ['b', read, value(1)])).toBe('not-linearizable');
  });

  test('may not lose an acknowledged write', () => {
    expect(verdictOf(['a', write(1), ok], ['b', read, value(null)])).toBe('not-linearizable');
  });

  test('may not show a value that nobody wrote', () => {
    expect(verdictOf(['a', write(1), ok], ['b', read, value(9)])).toBe('not-linearizable');
  });

  test('lets one of two processes win a race to set it', () => {
    const race = (of: RegisterOutput) =>
      verdictOf(['a', write(1), ok], ['a', cas(1, 2)], ['b', cas(1, 3)], ['a', ok], ['b', of]);
    expect(race({ type: 'other' })).toBe('linearizable');
    expect(race(ok)).toBe('not-linearizable');
  });

  test('may take a write without an answer at any time after its call, once, or never', () => {
    const lost: RegisterLine[] = [
      ['a', write(1)],
      ['a', 'lost'],
    ];
    expect(verdictOf(...lost, ['b', read, value(null)], ['b', read, value(1)])).toBe('linearizable');
    expect(verdictOf(...lost, ['b', read, value(null)])).toBe('linearizable');
    expect(verdictOf(...lost, ['b', write(2), ok], ['b', read, value(1)])).toBe('linearizable');
    expect(verdictOf(...lost, ['b', read, value(1)], ['b', write(2), ok], ['b', read, value(1)])).toBe(
      'not-linearizable',
    );
    expect(verdictOf(['b', read, value(1)], ...lost)).toBe('not-linearizable');
  });

  test('is judged by its log, where that says whether a write without an answer happened', () => {
    const seen = historyFrom<RegisterInput, RegisterOutput>([
      ['a', write(1)],
      ['a', 'lost'],
      ['b', read, value(1)],
    ]);
    const [lost] = seen;
    const request = new Set([lost?.request ?? '']);
    expect(judge(resolveFromLog(seen, { missing: request }), registerModel).verdict).toBe('not-linearizable');
    expect(judge(resolveFromLog(seen, { present: request }), registerModel).verdict).toBe('linearizable');
  });

  test('has to show what was in the log to whoever asks after the log was read', () => {
    const unseen = historyFrom<RegisterInput, RegisterOutput>([
      ['a', write(1)],
      ['a', 'lost'],
      ['b', read, value(null)],
      ['b', read, value(null)],
    ]);
    const [lost, first] = unseen;
    const present = new Set([lost?.request ?? '']);
    const readAtMs = first?.returnedMs ?? Number.NaN;
    expect(judge(resolveFromLog(unseen, { present }), registerModel).verdict).toBe('linearizable');
    expect(judge(resolveFromLog(unseen, { present, readAtMs }), registerModel).verdict).toBe('not-linearizable');
  });

  test('is one of many, which are judged apart', () => {
    const { verdict, keys, violations } = judge(
      historyFrom<RegisterInput, RegisterOutput>([
        ['a', { ...write(1), key: 'good' }, ok],
        ['a', { ...write(1), key: 'bad' }, ok],
        ['a', { ...read, key: 'good' }, value(1)],
        ['a', { ...read, key: 'bad' }, value(2)],
      ]),
      registerModel,
    );
    expect({ verdict, keys, wrong: violations.map(({ key }) => key) }).toEqual({
      verdict: 'not-linearizable',
      keys: 2,
      wrong: ['bad'],
    });
  });
});

describe('a map with append', () => {
  const append = (item: number) => ({ type: 'append', key: 'k', item }) as const;
  const get = { type: 'get', key: 'k' } as const;
  const list = (...value: number[]) => ({ type: 'value', value }) as const;
  const verdictOf = (...lines: MapLine[]) => judge(historyFrom(lines), appendMapModel).verdict;

  test('may take concurrent appends in either order, and keeps to it', () => {
    const both: MapLine[] = [
      ['a', append(1)],
      ['b', append(2)],
      ['a', ok],
      ['b', ok],
    ];
    expect(verdictOf(...both, ['c', get, list(2, 1)], ['c', get, list(2, 1)])).toBe('linearizable');
    expect(verdictOf(...both, ['c', get, list(2, 1)], ['c', get, list(1, 2)])).toBe('not-linearizable');
  });

  test('may not apply an append twice', () => {
    expect(verdictOf(['a', append(1), ok], ['b', get, list(1, 1)])).toBe('not-linearizable');
  });

  test('may not apply one without an answer twice either', () => {
    const lost: MapLine[] = [
      ['a', append(1)],
      ['a', 'lost'],
    ];
    expect(verdictOf(...lost, ['b', get, list(1, 1)])).toBe('not-linearizable');
    expect(verdictOf(...lost, ...lost, ['b', get, list(1, 1)])).toBe('linearizable');
  });

  test('may not lose one of two appends', () => {
    expect(verdictOf(['a', append(1), ok], ['b', append(2), ok], ['c', get, list(2)])).toBe('not-linearizable');
  });

  test('forgets its list when it is put anew', () => {
    const put: MapLine[] = [
      ['a', append(1), ok],
      ['a', { type: 'put', key: 'k', value: [7] }, ok],
      ['a', append(2), ok],
    ];
    expect(verdictOf(...put, ['b', get, list(7, 2)])).toBe('linearizable');
    expect(verdictOf(...put, ['b', get, list(1, 2)])).toBe('not-linearizable');
  });
});
