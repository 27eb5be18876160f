import type { Outcome } from './catching.ts';
import type { Mutation } from './mutation.ts';

export interface Tried {
  readonly mutation: Mutation;
  /** One for each of `mutation.caughtBy`. */
  readonly outcomes: readonly Outcome[];
}

export const outputs = ['text', 'markdown', 'json'] as const;
export type Output = (typeof outputs)[number];

export const isCaught = ({ outcomes }: Tried) => outcomes.every(({ result }) => result === 'caught');

export function describe(tried: readonly Tried[], output: Output): string {
  if (output === 'json') return JSON.stringify(tried, null, 2);
  return `${output === 'markdown' ? markdownTable(tried) : textTable(tried)}\n\n${summary(tried)}`;
}

/** How one catcher went, in a line. */
export function describeOutcome({ result, by, effort, tookMs }: Outcome): string {
  const seconds = `${(tookMs / 1_000).toFixed(1)} s`;
  if (result === 'caught') return `caught by ${by} (${effort}, ${seconds})`;
  if (result === 'survived') return `SURVIVED ${effort} (${seconds})`;
  return `BROKEN: ${by}`;
}

export const trapName = ({ trap }: Mutation) => (trap === null ? '' : String(trap));

function summary(tried: readonly Tried[]): string {
  const caught = tried.filter(isCaught);
  const traps = new Set(caught.map(({ mutation }) => mutation.trap).filter((trap) => trap !== null));
  const ways = tried.flatMap(({ outcomes }) => outcomes);
  const simulated = ways.filter(({ result, by }) => result === 'caught' && by.startsWith('simulator'));
  const bugs = tried.length === 1 ? '1 bug' : `${tried.length} bugs`;
  return `${caught.length} of ${bugs} caught, of ${traps.size} traps; ${ways.length} ways to catch them tried, ${simulated.length} caught by the simulator.`;
}

function textTable(tried: readonly Tried[]): string {
  return tried
    .flatMap(({ mutation, outcomes }) => [
      `${trapName(mutation).padStart(4)}  ${mutation.title}`,
      ...outcomes.map((outcome) => `        ${describeOutcome(outcome)}`),
    ])
    .join('\n');
}

function markdownTable(tried: readonly Tried[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const how = ({ result, by, effort }: Outcome) =>
    result === 'caught' ? `${by} (${effort})` : `**${result}** ${by} (${effort})`;
  const rows = tried.map(
    ({ mutation, outcomes }) =>
      `| ${trapName(mutation)} | ${cell(mutation.title)} | \`${mutation.file.replace(/^.*src\//, '')}\` | ${outcomes.map(how).map(cell).join('; ')} |`,
  );
  return ['| trap | the bug that was put back | in | caught by |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
