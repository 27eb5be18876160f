import { Client } from 'undici';
import { latencyOf } from '../percentiles.ts';
import type { LoadPlan, LoadResult, RestRequest } from './load.ts';
import { fillText } from './template.ts';

/** Keeps a request under way over each of `inFlight` connections: for where wrk is not installed, at a multiple of its cost. */
export async function runRestLoad(plan: LoadPlan & { readonly request: RestRequest }): Promise<LoadResult> {
  const { targets, request, inFlight, durationMs, numbers } = plan;
  const headers = request.body === null ? {} : { 'content-type': 'application/json' };
  const clients = Array.from({ length: inFlight }, (_, i) => new Client(`http://${targets[i % targets.length]}`));
  const latenciesMs: number[] = [];
  let failures = 0;
  let firstFailure: string | null = null;
  let asked = 0;
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();

  async function askAgainAndAgain(client: Client): Promise<void> {
    while (performance.now() - startMs < durationMs && asked < (plan.requests ?? Number.POSITIVE_INFINITY)) {
      const number = numbers.first + (asked++ % numbers.count);
      const sentMs = performance.now();
      const { statusCode, body } = await client.request({
        method: request.method,
        path: fillText(request.path, number),
        headers,
        body: request.body === null ? null : fillText(request.body, number),
      });
      await body.dump();
      if (statusCode < 400) latenciesMs.push(performance.now() - sentMs);
      else {
        failures++;
        firstFailure ??= `an answer has status ${statusCode}`;
      }
    }
  }

  try {
    await Promise.all(clients.map(askAgainAndAgain));
  } finally {
    await Promise.all(clients.map((client) => client.destroy()));
  }
  if (latenciesMs.length === 0) throw new Error(`Nothing was answered rightly: ${firstFailure ?? 'no answer'}.`);
  const cpu = process.cpuUsage(cpuBefore);
  return {
    generator: 'own',
    operations: latenciesMs.length,
    failures,
    firstFailure,
    seconds: (performance.now() - startMs) / 1_000,
    latencyMs: latencyOf(Float64Array.from(latenciesMs)),
    generatorCpuSeconds: (cpu.user + cpu.system) / 1e6,
  };
}
