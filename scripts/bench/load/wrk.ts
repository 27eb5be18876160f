import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadPlan, LoadResult, RestRequest } from './load.ts';
import { runPrograms } from './run-program.ts';

const script = fileURLToPath(new URL('wrk-requests.lua', import.meta.url));

/** An answer later than this counts as failed. */
const answerTimeoutSeconds = 10;

/** HTTP/1.1 with one connection for each request in flight, and a thread for each target. */
export async function runWrk(
  plan: LoadPlan & { readonly request: RestRequest },
  directory: string,
): Promise<LoadResult> {
  const planFile = join(directory, 'wrk-plan.lua');
  const threads = plan.targets.length;
  if (plan.inFlight < threads) throw new RangeError('wrk needs a request in flight for each target.');
  writeFileSync(planFile, luaPlan(plan, threads));
  try {
    const { ended, cpuSeconds } = await runPrograms(
      'wrk',
      [
        [
          ...['-t', String(threads), '-c', String(plan.inFlight), '-d', `${Math.ceil(plan.durationMs / 1_000)}s`],
          ...['--timeout', `${answerTimeoutSeconds}s`, '-s', script, `http://${plan.targets[0]}`],
        ],
      ],
      { timeoutMs: plan.durationMs + 30_000, env: { BENCH_PLAN: planFile } },
    );
    return parseWrk(ended[0]?.output ?? '', cpuSeconds);
  } finally {
    rmSync(planFile, { force: true });
  }
}

/** @param output with the line that `wrk-requests.lua` prints at the end. @throws Error when there is none */
export function parseWrk(output: string, generatorCpuSeconds: number): LoadResult {
  const line = /^RESULT (\{.*\})$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk gave no result:\n${output}`);
  const result = JSON.parse(line) as Record<string, number>;
  const value = (key: string) => {
    const found = result[key];
    if (found === undefined) throw new Error(`wrk's result has no ${key}: ${line}`);
    return found;
  };
  const failed = ['connect', 'read', 'write', 'status', 'timeout'].filter((key) => value(key) > 0);
  const failures = failed.reduce((sum, key) => sum + value(key), 0);
  return {
    generator: 'wrk',
    operations: value('requests') - value('status'),
    failures,
    firstFailure: failures === 0 ? null : failed.map((key) => `${key} errors: ${value(key)}`).join(', '),
    seconds: value('microseconds') / 1e6,
    latencyMs: {
      p50: value('p50') / 1_000,
      p99: value('p99') / 1_000,
      p999: value('p999') / 1_000,
      worst: value('worst') / 1_000,
    },
    generatorCpuSeconds,
  };
}

/** The plan as a Lua file: the request in pieces, each with the digits that follow it. */
export function luaPlan(plan: LoadPlan & { readonly request: RestRequest }, threads: number): string {
  const { method, path, body } = plan.request;
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: %HOST%'];
  if (body !== null) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  const text = `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
  const pieces = [...text.matchAll(/([^#]*)(#*)/g)]
    .map(([, before = '', run = '']) => ({ text: before, digits: run.length }))
    .filter((piece) => piece.text !== '' || piece.digits > 0);
  const targets = plan.targets.map((target) => {
    const [host = '', port = ''] = target.split(':');
    return `{ host = ${luaString(host)}, port = ${luaString(port)} }`;
  });
  return `return {
  targets = { ${targets.join(', ')} },
  pieces = { ${pieces.map((piece) => `{ text = ${luaString(piece.text)}, digits = ${piece.digits} }`).join(', ')} },
  powers = { ${pieces.map(({ digits }) => `1e${digits}`).join(', ')} },
  first = ${plan.numbers.first}, count = ${plan.numbers.count}, threads = ${threads},
}
`;
}

/** Decimal escapes, which Lua reads for every byte. */
function luaString(text: string): string {
  const bytes = [...Buffer.from(text)];
  return `"${bytes.map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
}
