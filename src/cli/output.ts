import { Option } from 'commander';
import { stringify } from 'yaml';

export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml' | 'name' | 'tree' | 'dot' | 'mermaid' | 'lines';

export type Colour = 'green' | 'yellow' | 'red' | 'bold' | 'dim';

/** Select Graphic Rendition, on and off again (ECMA-48, section 8.3.117). */
const renditions: Readonly<Record<Colour, readonly [number, number]>> = {
  green: [32, 39],
  yellow: [33, 39],
  red: [31, 39],
  bold: [1, 22],
  dim: [2, 22],
};

/** @param formats the first is the standard one */
export function outputOption(formats: readonly OutputFormat[]): Option {
  return new Option('-o, --output <FORMAT>', 'how to print').choices(formats).default(formats[0]);
}

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
  readonly colour?: (row: T) => Colour | null;
}

/** Lines with columns as wide as their widest value, headed by their titles. */
export function renderTable<T>(columns: readonly Column<T>[], rows: readonly T[], colour = false): string {
  const table = columns.map((column, position) => {
    const values = rows.map((row) => printable(column.value(row)));
    const isLast = position === columns.length - 1;
    const width = isLast ? 0 : Math.max(...[column.title, ...values].map((value) => [...value].length));
    return { ...column, values, width };
  });
  const heading = table.map(({ title, width }) => paint(pad(title, width), 'bold', colour));
  const body = rows.map((row, i) =>
    table.map(({ values, width, colour: colourOf }) =>
      paint(pad(values[i] ?? '', width), colourOf?.(row) ?? null, colour),
    ),
  );
  return [heading, ...body].map((line) => line.join('  ').trimEnd()).join('\n');
}

export function paint(text: string, colour: Colour | null, enabled: boolean): string {
  if (colour === null || !enabled) return text;
  const [on, off] = renditions[colour];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** A registry's content comes from strangers: none of it may move the cursor or colour the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\u{FFFD}');
}

/** `null` where the format is one for people. */
export function renderData(value: unknown, format: OutputFormat): string | null {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  // A shared object is written out each time: not everything that reads YAML knows anchors.
  return format === 'yaml' ? stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 }) : null;
}

/** `2h03m`, `4m10s`, `7s`. */
export function renderDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours > 0) return `${hours}h${String(minutes).padStart(2, '0')}m`;
  return minutes > 0 ? `${minutes}m${String(rest).padStart(2, '0')}s` : `${rest}s`;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - [...text].length));
}
