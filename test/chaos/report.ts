import type { RunReport } from './run.ts';
import type { StepReport } from './step.ts';

/** One fault in the product is often seen by every read that follows. */
const violationsShown = 20;

interface Row {
  readonly fault: string;
  readonly times: number;
  readonly worstGapMs: number;
  readonly worstRecoveryMs: number;
}

/**
 * One row for each fault, in the order in which they came first. A step counts for its own fault and for the one beside it,
 * but how long it took is its own fault's: what only accompanied it is not to blame.
 */
export function rowsOf(steps: readonly StepReport[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { faults, longestGapMs, recoveryMs } of steps) {
    for (const fault of faults) {
      const row = rows.get(fault);
      const isItsOwn = fault === faults.at(-1);
      rows.set(fault, {
        fault,
        times: (row?.times ?? 0) + 1,
        worstGapMs: Math.max(row?.worstGapMs ?? 0, isItsOwn ? longestGapMs : 0),
        worstRecoveryMs: Math.max(row?.worstRecoveryMs ?? 0, isItsOwn ? recoveryMs : 0),
      });
    }
  }
  return [...rows.values()];
}

/** The report for people. Ends with a line break. */
export function describeRun(report: RunReport): string {
  const { traffic, leases, history } = report;
  const rows = rowsOf(report.steps).map((row) => [
    row.fault,
    String(row.times),
    milliseconds(row.worstGapMs),
    milliseconds(row.worstRecoveryMs),
  ]);
  const others = report.violations.length - violationsShown;
  const lines = [
    ...table([['fault', 'times', 'longest without a write', 'longest until all served'], ...rows]),
    ...report.skipped.map(({ fault, reason }) => `skipped ${fault}: ${reason}`),
    '',
    `clients     ${traffic.acknowledgedWrites} acknowledged writes, ${traffic.reads} reads, ` +
      `${traffic.unknown} without an answer, ${traffic.refused} refused`,
    `leases      ${leases.renewals} short leases renewed, ${leases.looks} looks, ${leases.expiredFairly} seen to run out in due time`,
    `history     ${history.operations} operations on ${history.keys} instances, ${history.unknownOutcomes} of unknown outcome: ` +
      `${history.verdict}${history.undecidedKeys > 0 ? ` (${history.undecidedKeys} instances not decided)` : ''}`,
    `at the end  ${report.certainKeys} instances held against their last acknowledged write; ` +
      `states ${report.stateHash === null ? 'differ' : `equal, ${report.stateHash.slice(0, 12)}`}`,
    `verdict     ${report.verdict}: seed ${report.seed}, ${report.members} members, ${report.steps.length} steps in ` +
      `${Math.round(report.durationMs / 1_000)} s`,
    ...report.violations.slice(0, violationsShown).map((violation) => `  ! ${violation}`),
    ...(others > 0 ? [`  and ${others} more`] : []),
    ...(report.keptIn === null ? [] : [`history and logs are in ${report.keptIn}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}

/** Columns as wide as they must be: the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
}
