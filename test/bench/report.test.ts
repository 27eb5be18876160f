import { describe, expect, test } from 'vitest';
import { fillDocument, markdownTable } from '../../scripts/bench/report/document.ts';
import { niceCeiling, plot } from '../../scripts/bench/report/svg.ts';
import { cellsOf, digits } from '../../scripts/bench/report/table.ts';
import type { Results } from '../../scripts/bench/results.ts';
import type { Measured, Series } from '../../scripts/bench/scenario.ts';

const measured: Measured = {
  method: 'Asked and answered.',
  columns: [
    { key: 'operationsPerSecond', title: 'ops/s' },
    { key: 'p50Ms', title: 'p50', unit: 'ms' },
    { key: 'nobody', title: 'nobody has this' },
  ],
  rows: [
    {
      case: '256 in flight, all members',
      system: 'manifest',
      operation: 'heartbeat, REST',
      values: { operationsPerSecond: 12_345.6, p50Ms: 1.234, serverCpuMicros: 100 },
    },
    {
      case: '256 in flight, all members',
      system: 'etcd',
      operation: 'put',
      values: { operationsPerSecond: 9_876, p50Ms: null },
    },
  ],
  goals: [{ text: 'heartbeats', wanted: 'at least 3 times', measured: '1.25 times', met: false }],
  series: [series('growth')],
};

function series(name: string): Series {
  return {
    name,
    title: 'A < B & C',
    xTitle: 'instances',
    yTitle: 'operations/s',
    xScale: 'logarithmic',
    lines: [
      {
        name: 'manifest get',
        points: [
          [1_000, 50],
          [10, 100],
        ],
      },
      {
        name: 'etcd range',
        points: [
          [10, 80],
          [1_000, 70],
        ],
      },
    ],
  };
}

const results: Results = {
  startedAt: '2026-01-02T03:04:05.678Z',
  seconds: 600,
  settings: { quick: false, rounds: 5, durationMs: 6_000, warmUpMs: 2_000 },
  machine: { processor: 'A processor', cores: 2, memoryGib: 8, kernel: '6.1', fileSystem: 'ext4', loadBefore: 0.1 },
  versions: { manifest: '1.0.0', node: '20.0.0', etcd: null, h2load: '1.52.0', wrk: '4.1.0' },
  scenarios: [
    { name: 'heartbeat-rest', title: 'Heartbeats', seconds: 60, measured },
    { name: 'broken', title: 'Broken', seconds: 1, error: 'nobody answered' },
    {
      name: 'floors',
      title: 'Floors',
      seconds: 9,
      measured: {
        ...measured,
        goals: [],
        series: [],
        rows: [
          {
            case: '256 in flight, one process',
            system: 'machine',
            operation: 'empty HTTP call',
            values: { serverCpuMicros: 25 },
          },
        ],
      },
    },
  ],
};

const fill = (document: string) => fillDocument(document, results, (name) => `plots/${name}.svg`);
const blockOf = (what: string) => `before\n<!-- bench:${what} -->\nold\n<!-- bench end -->\nafter\n`;

describe('a table', () => {
  test('shows what somebody has a value for, with units, and three digits that mean something', () => {
    expect(cellsOf(measured)).toEqual([
      ['case', 'system', 'operation', 'ops/s', 'p50, ms'],
      ['256 in flight, all members', 'manifest', 'heartbeat, REST', '12,346', '1.23'],
      ['256 in flight, all members', 'etcd', 'put', '9,876', ''],
    ]);
    expect([0.1234, 12.34, 1_234.5, Number.NaN].map(digits)).toEqual(['0.12', '12.3', '1,235', '–']);
  });

  test('of Markdown has its numbers to the right, and no cell breaks it', () => {
    expect(
      markdownTable([
        ['a|b', 'n'],
        ['x', '1,234'],
      ]),
    ).toBe('| a\\|b | n |\n| --- | ---: |\n| x | 1,234 |');
  });
});

describe('the document', () => {
  test('keeps what people wrote, and is the same when it is filled twice', () => {
    const once = fill(blockOf('goals'));
    expect(once).toMatch(/^before\n/);
    expect(once).toMatch(/\nafter\n$/);
    expect(once).toContain('| heartbeats | at least 3 times | 1.25 times | **not met** |');
    expect(once).not.toContain('old');
    expect(fill(once)).toBe(once);
  });

  test('says what was not measured, and why', () => {
    expect(fill(blockOf('scenario broken'))).toContain('Could not be measured in this run: nobody answered');
    expect(fill(blockOf('scenario mixed'))).toContain('Not measured in this run.');
  });

  test('shows a scenario with its method, its plots, and the machine', () => {
    expect(fill(blockOf('scenario heartbeat-rest'))).toContain('Asked and answered.\n\n| case |');
    expect(fill(blockOf('plots heartbeat-rest'))).toContain('![A < B & C](plots/growth.svg)');
    expect(fill(blockOf('machine'))).toContain('| etcd | not installed |');
  });

  test('says so when the machine did other work besides', () => {
    expect(fill(blockOf('machine'))).not.toContain('preliminary');
    const busy = { ...results, machine: { ...results.machine, loadBefore: 3 } };
    expect(fillDocument(blockOf('machine'), busy, (name) => name)).toContain('a load of 3.0 on 2 cores');
  });

  test('compares with the floors of the face that was asked', () => {
    expect(fill(blockOf('floors'))).toContain('| 256 in flight, all members | heartbeat, REST | 100 | 25.0 | 4.00 |');
  });

  test('is refused when it asks for what there is not', () => {
    expect(() => fill(blockOf('gaols'))).toThrow('gaols');
  });
});

describe('a plot', () => {
  const svg = plot(series('growth'));

  test('has every line by name, drawn from left to right', () => {
    for (const name of ['manifest get', 'etcd range']) expect(svg).toContain(`<title>${name}</title>`);
    const xs = [...(/points="([^"]+)"/.exec(svg)?.[1] ?? '').matchAll(/([\d.]+),/g)].map(([, x]) => Number(x));
    expect(xs).toHaveLength(2);
    expect(xs).toEqual([...xs].sort((a, b) => a - b));
  });

  test('escapes its texts and has colours for dark pages', () => {
    expect(svg).toContain('A &lt; B &amp; C');
    expect(svg).toContain('prefers-color-scheme:dark');
  });

  test('ends its axis at a round number that holds every value', () => {
    expect([0, 3, 99, 100, 101, 260].map(niceCeiling)).toEqual([1, 4, 100, 100, 200, 400]);
  });
});
