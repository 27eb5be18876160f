import type { Series } from '../scenario.ts';
import { digits } from './table.ts';

const width = 720;
const height = 400;
const area = { left: 72, top: 48, right: 520, bottom: 344 } as const;
const yTicks = 5;

/** Okabe and Ito's colours, which people with any kind of colour vision can tell apart; dashes and marks differ as well. */
const looks = [
  { colour: '#0072b2', dark: '#56b4e9', dash: '', mark: 'circle' },
  { colour: '#d55e00', dark: '#e69f00', dash: '7 4', mark: 'square' },
  { colour: '#009e73', dark: '#2bd4a4', dash: '2 4', mark: 'diamond' },
  { colour: '#b8568f', dark: '#cc79a7', dash: '10 4 2 4', mark: 'triangle' },
  { colour: '#5c5c5c', dark: '#b8b8b8', dash: '4 2', mark: 'cross' },
] as const;

/** A plot as an SVG file, readable on light and on dark pages. */
export function plot(series: Series): string {
  const lines = series.lines.map((line) => ({ ...line, points: [...line.points].sort(([a], [b]) => a - b) }));
  const xs = [...new Set(lines.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const yMost = niceCeiling(Math.max(0, ...lines.flatMap(({ points }) => points.map(([, y]) => y))));
  const xAt = scaleOf(xs, series.xScale);
  const yAt = (y: number) => area.bottom - (y / yMost) * (area.bottom - area.top);
  const gridLines = Array.from({ length: yTicks + 1 }, (_, i) => (yMost * i) / yTicks).map(
    (y) =>
      `<line class="grid" x1="${area.left}" x2="${area.right}" y1="${round(yAt(y))}" y2="${round(yAt(y))}"/>` +
      `<text x="${area.left - 8}" y="${round(yAt(y) + 4)}" text-anchor="end">${tickText(y)}</text>`,
  );
  const xTicks = xs.map(
    (x) =>
      `<line class="axis" x1="${round(xAt(x))}" x2="${round(xAt(x))}" y1="${area.bottom}" y2="${area.bottom + 5}"/>` +
      `<text x="${round(xAt(x))}" y="${area.bottom + 20}" text-anchor="middle">${tickText(x)}</text>`,
  );
  const drawn = lines.map(({ name, points }, i) => {
    const places = points.map(([x, y]) => [round(xAt(x)), round(yAt(y))] as const);
    const y = area.top + 8 + i * 24;
    return [
      `<g class="line-${i % looks.length}">`,
      `<title>${escaped(name)}</title>`,
      `<polyline points="${places.map((place) => place.join(',')).join(' ')}"/>`,
      ...places.map(([px, py]) => mark(i, px, py)),
      `<polyline points="${area.right + 20},${y} ${area.right + 52},${y}"/>`,
      mark(i, area.right + 36, y),
      '</g>',
      `<text x="${area.right + 60}" y="${y + 4}">${escaped(name)}</text>`,
    ].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(series.title)}">
<style>${style()}</style>
<rect class="page" width="${width}" height="${height}"/>
<text class="title" x="${area.left}" y="26">${escaped(series.title)}</text>
${gridLines.join('\n')}
<line class="axis" x1="${area.left}" x2="${area.right}" y1="${area.bottom}" y2="${area.bottom}"/>
${xTicks.join('\n')}
<text x="${(area.left + area.right) / 2}" y="${area.bottom + 42}" text-anchor="middle">${escaped(series.xTitle)}</text>
<text transform="translate(16 ${(area.top + area.bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(series.yTitle)}</text>
${drawn.join('\n')}
</svg>
`;
}

function style(): string {
  const rules = (shade: 'colour' | 'dark') =>
    looks.map((look, i) => `.line-${i}{stroke:${look[shade]};fill:${look[shade]}}`).join('');
  const dashes = looks.map(({ dash }, i) => `.line-${i} polyline{stroke-dasharray:${dash || 'none'}}`).join('');
  return [
    'text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-size:16px;font-weight:600}',
    '.page{fill:#ffffff}.grid{stroke:#d8dee4}.axis{stroke:#57606a}polyline{fill:none;stroke-width:2}',
    rules('colour'),
    dashes,
    '@media (prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}.grid{stroke:#30363d}.axis{stroke:#8b949e}',
    rules('dark'),
    '}',
  ].join('');
}

function mark(line: number, x: number, y: number): string {
  switch (looks[line % looks.length]?.mark) {
    case 'square':
      return `<rect x="${x - 4}" y="${y - 4}" width="8" height="8"/>`;
    case 'diamond':
      return `<path d="M${x} ${y - 6}l6 6l-6 6l-6 -6z"/>`;
    case 'triangle':
      return `<path d="M${x} ${y - 6}l6 10h-12z"/>`;
    case 'cross':
      return `<path d="M${x - 4} ${y - 4}l8 8m0 -8l-8 8"/>`;
    default:
      return `<circle cx="${x}" cy="${y}" r="4.5"/>`;
  }
}

function scaleOf(xs: readonly number[], scale: Series['xScale']): (x: number) => number {
  const of = (x: number) => (scale === 'logarithmic' ? Math.log10(x) : x);
  const [least = 0, most = 1] = [of(xs[0] ?? 1), of(xs.at(-1) ?? 1)];
  const inset = 24;
  const span = most === least ? 1 : most - least;
  return (x) => area.left + inset + ((of(x) - least) / span) * (area.right - area.left - 2 * inset);
}

/** A small factor times a power of ten: five ticks below it are round numbers. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 4, 5, 6, 8, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

/** Thousands and millions in short. */
function tickText(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return Number.isInteger(value) ? String(value) : digits(value);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
