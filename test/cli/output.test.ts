import { describe, expect, it } from 'vitest';
import { wantsColour } from '../../src/cli/command-io.ts';
import { renderDuration, renderTable } from '../../src/cli/output.ts';

const columns = [
  { title: 'ID', value: (row: string) => row },
  { title: 'LENGTH', value: (row: string) => String(row.length) },
];

describe('a table', () => {
  it('has columns as wide as their widest value, counted in characters', () => {
    expect(renderTable(columns, ['a', 'größer', '𝄞'])).toBe('ID      LENGTH\na       1\ngrößer  6\n𝄞       2');
  });

  it('has a heading when it has no rows', () => {
    expect(renderTable(columns, [])).toBe('ID  LENGTH');
  });

  it('is as wide in colour as it is without', () => {
    const coloured = [{ title: 'ID', value: (row: string) => row, colour: () => 'red' as const }, ...columns];
    const plain = renderTable(coloured, ['a', 'bcd']);
    const painted = renderTable(coloured, ['a', 'bcd'], true);
    expect(painted).not.toBe(plain);
    expect(painted.replaceAll(/\p{Cc}\[\d+m/gu, '')).toBe(plain);
  });

  it('shows a line break, a tab or an escape as one visible character', () => {
    expect(renderTable([{ title: 'X', value: (row: string) => row }], ['a\nb\tc\u001b[2J\u009b1m'])).toBe(
      'X\na�b�c�[2J�1m',
    );
  });
});

describe('colour', () => {
  const terminal = { isTTY: true };

  it('is for terminals', () => {
    expect(wantsColour(terminal, {})).toBe(true);
    expect(wantsColour({}, {})).toBe(false);
  });

  it('is declined by NO_COLOR when it is not empty, and by a dumb terminal', () => {
    expect(wantsColour(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColour(terminal, { NO_COLOR: '' })).toBe(true);
    expect(wantsColour(terminal, { TERM: 'dumb' })).toBe(false);
  });
});

describe('a duration', () => {
  it.each([
    [0.9, '0s'],
    [59.9, '59s'],
    [60, '1m00s'],
    [3_599, '59m59s'],
    [3_725, '1h02m'],
    [90_000, '25h00m'],
  ])('of %d seconds reads %s', (seconds, text) => {
    expect(renderDuration(seconds)).toBe(text);
  });
});
