import type { Column, Measured, Row } from '../scenario.ts';

/** Lines of cells, the head first. */
export function cellsOf({ columns, rows }: Pick<Measured, 'columns' | 'rows'>): string[][] {
  // A column in which nobody has a value is not shown.
  const shown = columns.filter(({ key }) => rows.some(({ values }) => (values[key] ?? null) !== null));
  const head = ['case', 'system', 'operation', ...shown.map(({ title, unit }) => (unit ? `${title}, ${unit}` : title))];
  return [
    head,
    ...rows.map((row) => [row.case, row.system, row.operation, ...shown.map((column) => cell(row, column))]),
  ];
}

function cell({ values }: Row, { key }: Column): string {
  const value = values[key] ?? null;
  if (value === null) return '';
  return typeof value === 'number' ? digits(value) : value;
}

/** Three digits that mean something, and thousands apart. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  if (Math.abs(value) >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** For a terminal. */
export function plainTable(cells: readonly (readonly string[])[]): string {
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  return cells
    .map((row) =>
      row.map((text, i) => (i < 3 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join('  '),
    )
    .join('\n');
}
