import type { History, Operation } from './history.ts';
import type { Judgement, Violation } from './judge.ts';
import type { Model } from './model.ts';

const chartColumns = 32;
const violationsShown = 5;
const statesShown = 4;
/** A long list says no more than its beginning; the file has it whole. */
const charactersShown = 160;

/** A judgement in words, with a timeline for each violation. Ends with a line break. */
export function describeJudgement<State, Input, Output>(
  judgement: Judgement<Input, Output>,
  model: Model<State, Input, Output>,
): string {
  const { verdict, violations, undecidedKeys, keys, operations, unknownOutcomes, steps } = judgement;
  const lines = [
    `${verdict}: ${operations} operations on ${keys} keys, ${unknownOutcomes} with an unknown outcome, ${steps} steps tried`,
  ];
  for (const key of undecidedKeys) lines.push('', `key ${key || "''"}: not decided, the search came to its limits`);
  for (const violation of violations.slice(0, violationsShown)) lines.push('', ...describeViolation(violation, model));
  const others = violations.length - violationsShown;
  if (others > 0) lines.push('', `and ${others} more`);
  return `${lines.join('\n')}\n`;
}

export function describeViolation<State, Input, Output>(
  { key, reason, culprit, involved, states }: Violation<Input, Output>,
  model: Model<State, Input, Output>,
): string[] {
  const lines = [`key ${key || "''"}: ${reason}`];
  for (const state of states.slice(0, statesShown)) lines.push(`  it could have been: ${state}`);
  if (states.length > statesShown) lines.push(`  or one of ${states.length - statesShown} other states`);
  lines.push(...describeTimeline(involved, culprit, model).map((line) => `  ${line}`));
  return lines;
}

/** One line an operation: who, when it ran (left to right, drawn by the order of events), what, and what it got. */
export function describeTimeline<State, Input, Output>(
  operations: History<Input, Output>,
  culprit: Operation<Input, Output> | null,
  model: Model<State, Input, Output>,
): string[] {
  const events = operations.flatMap(({ calledAt, returnedAt }) => [calledAt, returnedAt]).filter(Number.isFinite);
  const places = new Map([...new Set(events)].toSorted((a, b) => a - b).map((event, place) => [event, place]));
  const column = (event: number) =>
    Math.round(((places.get(event) ?? 0) / Math.max(1, places.size - 1)) * (chartColumns - 1));
  const whoWidth = Math.max(0, ...operations.map(({ process }) => String(process).length));
  return operations.map((operation) => {
    const { process, input, output, calledAt, returnedAt, calledMs, returnedMs } = operation;
    const from = column(calledAt);
    const to = Number.isFinite(returnedAt) ? column(returnedAt) : chartColumns;
    const bar = `${' '.repeat(from)}|${'-'.repeat(Math.max(0, to - from - 1))}${Number.isFinite(returnedAt) ? '|' : '…'}`;
    const answer = output === null ? '?' : shortened(model.describeOutput(output));
    const mark = operation === culprit ? '>' : ' ';
    const when = `${calledMs.toFixed(1)}–${returnedMs === null ? '?' : returnedMs.toFixed(1)} ms`;
    return `${mark} ${String(process).padEnd(whoWidth)} ${bar.padEnd(chartColumns + 2)} ${model.describeInput(input)} → ${answer}  (${when})`;
  });
}

function shortened(text: string): string {
  return text.length <= charactersShown ? text : `${text.slice(0, charactersShown)}…`;
}
