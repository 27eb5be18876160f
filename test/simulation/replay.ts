import { type RunResult, simulate } from './run.ts';
import type { Overrides } from './scenario.ts';

/** The command that shows a run again. */
export function replayCommand(seed: number, { without, clients, durationMs }: Overrides = {}): string {
  const options = [
    ...(without && without.length > 0 ? [`--without ${without.join(',')}`] : []),
    ...(clients === undefined ? [] : [`--clients ${clients}`]),
    ...(durationMs === undefined ? [] : [`--duration ${durationMs}`]),
  ];
  return ['npm run simulate -- --seed', seed, ...options].join(' ');
}

export function describeViolation({ seed, violation }: RunResult): string {
  if (!violation) return `seed ${seed}: every promise held`;
  return `seed ${seed}: ${violation.check} at ${violation.atMs.toFixed(2)} ms: ${violation.message}`;
}

/** Adds what was counted in one run to what was counted before. */
export function addCounts(totals: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) totals.set(name, (totals.get(name) ?? 0) + count);
}

export function describeCounts(totals: ReadonlyMap<string, number>): string {
  const parts = [...totals].map(([name, count]) => `${name} ${count}`);
  const faults = parts.filter((part) => part.startsWith('fault '));
  const traffic = parts.filter((part) => !part.startsWith('fault '));
  return `counted: ${traffic.join(', ')}\nfaults: ${faults.map((part) => part.slice('fault '.length)).join(', ')}`;
}

/** Runs one seed, line by line. @param historyPath where what clients did is written, for the judge; `null`: nowhere */
export async function replay(
  seed: number,
  overrides: Overrides,
  traced: boolean,
  historyPath: string | null,
): Promise<number> {
  const sink = {
    line: (atMs: number, text: string) => void process.stdout.write(`${atMs.toFixed(2).padStart(10)}  ${text}\n`),
  };
  const began = performance.now();
  const result = await simulate(seed, overrides, { sink: traced ? sink : null, records: historyPath !== null });
  const seconds = (performance.now() - began) / 1_000;
  const totals = new Map<string, number>();
  addCounts(totals, result.counts);
  console.log(describeCounts(totals));
  console.log(
    `${(result.virtualMs / 1_000).toFixed(1)} virtual seconds in ${seconds.toFixed(2)} s, trace ${result.traceHash}`,
  );
  if (historyPath !== null && result.history) {
    // Less is excused where it cannot have happened.
    result.history.writeTo(historyPath, 'registry', { coldStart: (result.counts.coldStarts ?? 0) > 0 });
    console.log(`what clients did is in ${historyPath}: npm run judge -- ${historyPath}`);
  }
  console.log(describeViolation(result));
  return result.violation ? 1 : 0;
}
