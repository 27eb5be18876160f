import { busyWarning } from '../machine.ts';
import type { Results, ScenarioResult } from '../results.ts';
import type { Row } from '../scenario.ts';
import { cellsOf, digits } from './table.ts';

/** A part of the document that comes from results: a line that begins it, what it holds, a line that ends it. */
const block = /<!-- bench:(\S+)(?: (\S+))? -->\n[\s\S]*?<!-- bench end -->/g;

/**
 * Fills every block of the document anew and leaves what people wrote around them as it is.
 * @param plotPath of a plot by its name, as the document links to it
 * @throws Error when a block asks for something that there is not
 */
export function fillDocument(document: string, results: Results, plotPath: (name: string) => string): string {
  return document.replace(block, (_whole, kind: string, name: string | undefined) => {
    const head = `<!-- bench:${kind}${name === undefined ? '' : ` ${name}`} -->`;
    return `${head}\n${content(kind, name ?? '', results, plotPath)}\n<!-- bench end -->`;
  });
}

function content(kind: string, name: string, results: Results, plotPath: (name: string) => string): string {
  switch (kind) {
    case 'machine':
      return machine(results);
    case 'goals':
      return goals(results);
    case 'floors':
      return distances(results);
    case 'scenario':
      return scenario(results.scenarios.find((one) => one.name === name));
    case 'plots':
      return plots(
        results.scenarios.find((one) => one.name === name),
        plotPath,
      );
    default:
      throw new Error(`The document has a block "${kind}", and no such thing comes from results.`);
  }
}

function machine(results: Results): string {
  const warning = busyWarning(results.machine);
  return `${warning === null ? '' : `**${warning}**\n\n`}${machineTable(results)}`;
}

function machineTable({ startedAt, seconds, settings, machine: where, versions }: Results): string {
  const { rounds, durationMs, warmUpMs, quick } = settings;
  return markdownTable([
    ['what', 'value'],
    [
      'run',
      `${startedAt.slice(0, 16).replace('T', ' ')} UTC, ${Math.round(seconds / 60)} minutes${quick ? ', quick mode' : ''}`,
    ],
    [
      'measurements',
      `${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${durationMs / 1_000} s, after ${warmUpMs / 1_000} s each to warm up`,
    ],
    ['processor', `${where.processor}, ${where.cores} cores`],
    ['memory', `${where.memoryGib} GiB`],
    ['system', `Linux ${where.kernel}, data on ${where.fileSystem}`],
    ['Manifest', versions.manifest],
    ['Node', versions.node],
    ['etcd', versions.etcd ?? 'not installed'],
    ['generators', `wrk ${versions.wrk ?? 'none'}, h2load ${versions.h2load ?? 'none'}, the benchmark’s own`],
  ]);
}

function goals({ scenarios }: Results): string {
  const rows = scenarios.flatMap(({ measured }) =>
    (measured?.goals ?? []).map(({ text, wanted, measured: found, met }) => [
      text,
      wanted,
      found,
      met ? 'met' : '**not met**',
    ]),
  );
  return rows.length === 0
    ? 'No goals were measured in this run.'
    : markdownTable([['goal', 'wanted', 'measured', ''], ...rows]);
}

function scenario(result: ScenarioResult | undefined): string {
  if (result === undefined) return 'Not measured in this run.';
  if (!result.measured) return `Could not be measured in this run: ${result.error}`;
  return `${result.measured.method}\n\n${markdownTable(cellsOf(result.measured))}`;
}

function plots(result: ScenarioResult | undefined, plotPath: (name: string) => string): string {
  const series = result?.measured?.series ?? [];
  if (series.length === 0) return 'Not measured in this run.';
  return series.map(({ name, title }) => `![${title}](${plotPath(name)})`).join('\n\n');
}

/** How much more CPU time an operation of ours takes, in all members, than an empty call in one. */
function distances({ scenarios }: Results): string {
  const floors = scenarios.find(({ name }) => name === 'floors')?.measured?.rows ?? [];
  const floorOf = (operation: string) =>
    floors.find((row) => row.operation === operation && row.case.startsWith('256 '))?.values.serverCpuMicros;
  const rows = scenarios
    .flatMap(({ measured }) => measured?.rows ?? [])
    .filter((row) => row.system === 'manifest' && row.case.startsWith('256 in flight'))
    .flatMap((row) => distance(row, floorOf(row.operation.endsWith('REST') ? 'empty HTTP call' : 'empty gRPC call')));
  if (rows.length === 0) return 'Not measured in this run.';
  return markdownTable([['case', 'operation', 'CPU, µs', 'an empty call, µs', 'times'], ...rows]);
}

function distance({ case: where, operation, values }: Row, floor: unknown): string[][] {
  const cpu = values.serverCpuMicros;
  if (typeof cpu !== 'number' || typeof floor !== 'number' || !/REST$|gRPC$/.test(operation)) return [];
  return [[where, operation, digits(cpu), digits(floor), digits(cpu / floor)]];
}

/** Text columns to the left, numbers to the right. */
export function markdownTable(cells: readonly (readonly string[])[]): string {
  const [head = [], ...rows] = cells;
  const isNumeric = head.map(
    (_, i) => rows.some((row) => /^[\d–]/.test(row[i] ?? '')) && rows.every((row) => /^[\d.,–]*$/.test(row[i] ?? '')),
  );
  const line = (row: readonly string[]) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(head),
    `| ${isNumeric.map((numeric) => (numeric ? '---:' : '---')).join(' | ')} |`,
    ...rows.map(line),
  ].join('\n');
}
