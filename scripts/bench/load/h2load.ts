import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { latencyOf } from '../percentiles.ts';
import { connectionsFor } from './connections.ts';
import { framed } from './grpc-frame.ts';
import type { GrpcRequest, LoadPlan, LoadResult } from './load.ts';
import { runPrograms } from './run-program.ts';

/**
 * One fixed unary call over and over: h2load sends the same body each time. One process for each target. It looks at the
 * HTTP status only, so right answers are told by their size: a call that fails has no message.
 */
export async function runH2load(
  plan: LoadPlan & { readonly request: GrpcRequest },
  directory: string,
): Promise<LoadResult> {
  const [message] = plan.request.messages;
  if (message === undefined || plan.request.messages.length > 1 || plan.request.call !== 'unary') {
    throw new RangeError('h2load can send one message only, in unary calls.');
  }
  const bodyFile = join(directory, 'h2load-body');
  const logFiles = plan.targets.map((_, i) => join(directory, `h2load-${i}.log`));
  writeFileSync(bodyFile, framed(Buffer.from(message, 'base64')));
  const inFlight = Math.floor(plan.inFlight / plan.targets.length);
  const connections = connectionsFor(inFlight, plan.targets.length);
  try {
    const { ended, cpuSeconds } = await runPrograms(
      'h2load',
      plan.targets.map((target, i) => [
        ...['-D', `${plan.durationMs}ms`, '-c', String(connections), '-m', String(Math.floor(inFlight / connections))],
        ...['-d', bodyFile, '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
        ...[`--log-file=${logFiles[i]}`, `http://${target}${plan.request.path}`],
      ]),
      { timeoutMs: plan.durationMs + 30_000 },
    );
    const parts = ended.map(({ output }, i) => parseH2load(output, readFileSync(logFiles[i] ?? '', 'utf8')));
    return together(parts, plan, cpuSeconds);
  } finally {
    for (const file of [bodyFile, ...logFiles]) rmSync(file, { force: true });
  }
}

export interface H2loadPart {
  readonly answered: number;
  readonly failed: number;
  /** In the bodies of all answers. */
  readonly dataBytes: number;
  readonly seconds: number;
  readonly latenciesMs: Float64Array;
}

/**
 * @param output what h2load printed
 * @param log its `--log-file`: start, status and duration in microseconds of each request
 * @throws Error when either is not as expected
 */
export function parseH2load(output: string, log: string): H2loadPart {
  const requests =
    /^requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/m.exec(
      output,
    );
  const seconds = /^finished in ([\d.]+)(us|ms|s|m),/m.exec(output);
  const traffic = /^traffic: .* headers \(.*\), \S+ \((\d+)\) data$/m.exec(output);
  if (!requests || !seconds || !traffic) throw new Error(`h2load's answer is not as expected:\n${output}`);
  const [succeeded = 0, failed = 0, errored = 0, timeouts = 0] = requests.slice(3).map(Number);
  const unit = { us: 1e-6, ms: 1e-3, s: 1, m: 60 }[seconds[2] ?? ''] ?? Number.NaN;
  const rows = log.split('\n').filter((row) => row !== '');
  const latenciesMs = Float64Array.from(rows, (row) => Number(row.split('\t')[2]) / 1_000);
  return {
    answered: succeeded,
    failed: failed + errored + timeouts,
    dataBytes: Number(traffic[1]),
    seconds: Number(seconds[1]) * unit,
    latenciesMs,
  };
}

function together(
  parts: readonly H2loadPart[],
  plan: LoadPlan & { readonly request: GrpcRequest },
  generatorCpuSeconds: number,
): LoadResult {
  const answered = parts.reduce((sum, part) => sum + part.answered, 0);
  const failed = parts.reduce((sum, part) => sum + part.failed, 0);
  const dataBytes = parts.reduce((sum, part) => sum + part.dataBytes, 0);
  const latencies = new Float64Array(parts.reduce((sum, { latenciesMs }) => sum + latenciesMs.length, 0));
  let at = 0;
  for (const { latenciesMs } of parts) {
    latencies.set(latenciesMs, at);
    at += latenciesMs.length;
  }
  if (latencies.length === 0) throw new Error('h2load got no answer.');
  const prefix = framed(new Uint8Array()).length;
  const least = answered * (plan.request.answerBytes.least + prefix);
  // Answers that arrived behind the end are in these bytes and not among those that count.
  const most = (answered + plan.inFlight) * (plan.request.answerBytes.most + prefix);
  const rightSize = dataBytes >= least && dataBytes <= most;
  const firstFailure = rightSize
    ? `${failed} requests failed`
    : `${answered} answers have ${dataBytes} bytes, and right ones at least ${least} and at most ${most}`;
  return {
    generator: 'h2load',
    operations: rightSize ? answered : 0,
    failures: rightSize ? failed : answered + failed,
    firstFailure: rightSize && failed === 0 ? null : firstFailure,
    seconds: Math.max(...parts.map(({ seconds }) => seconds)),
    latencyMs: latencyOf(latencies),
    generatorCpuSeconds,
  };
}
