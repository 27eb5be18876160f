import { latencyOf } from '../percentiles.ts';
import { connectionsFor } from './connections.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { framedTemplates } from './grpc-frame.ts';
import type { GrpcRequest, LoadPlan, LoadResult } from './load.ts';
import { fill } from './template.ts';

/** After the last request, answers are waited for this long. */
const drainMs = 10_000;

/**
 * Keeps `inFlight` requests under way for the time of the plan, then waits for the answers that are due. So what was
 * answered is all that was asked.
 */
export async function runGrpcLoad(plan: LoadPlan & { readonly request: GrpcRequest }): Promise<LoadResult> {
  const { request } = plan;
  const isStream = request.call === 'stream';
  const mostRequests = plan.requests ?? Number.POSITIVE_INFINITY;
  const nextBody = bodiesOf(plan);
  const latenciesMs: number[] = [];
  let failures = 0;
  let firstFailure: string | null = null;
  let underWay = 0;
  let asked = 0;
  let finished: () => void = () => {};
  let broken: (error: Error) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    finished = resolve;
    broken = reject;
  });
  done.catch(() => {});

  const sentAtMs = new Map<GrpcConnection, Map<number, number>>();
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const stopMs = startMs + plan.durationMs;
  const answered = (connection: GrpcConnection, streamId: number, bytes: number) => {
    const nowMs = performance.now();
    const sent = sentAtMs.get(connection);
    const sentMs = sent?.get(streamId);
    if (sentMs === undefined) return;
    sent?.delete(streamId);
    underWay--;
    if (bytes >= request.answerBytes.least && bytes <= request.answerBytes.most) latenciesMs.push(nowMs - sentMs);
    else {
      failures++;
      const { least, most } = request.answerBytes;
      firstFailure ??= bytes < 0 ? 'a call failed' : `an answer has ${bytes} bytes, and right ones ${least} to ${most}`;
    }
    // A call that failed leaves its place to the next one; a broken stream is not opened again.
    const goesOn = nowMs < stopMs && asked < mostRequests && !(isStream && bytes < 0);
    if (goesOn && isStream) {
      sent?.set(streamId, nowMs);
      underWay++;
      asked++;
      connection.send(streamId, nextBody());
    } else if (goesOn) ask(connection);
    else if (underWay === 0) finished();
  };
  const ask = (connection: GrpcConnection) => {
    underWay++;
    asked++;
    const body = nextBody();
    sentAtMs.get(connection)?.set(connection.open(body), performance.now());
  };

  const perTarget = Math.ceil(plan.inFlight / plan.targets.length);
  const connections = plan.targets.flatMap((target) =>
    Array.from(
      { length: connectionsFor(perTarget, plan.targets.length) },
      () => new GrpcConnection(target, request.path, request.call, answered, broken),
    ),
  );
  for (const connection of connections) sentAtMs.set(connection, new Map());
  const late = setTimeout(
    () => broken(new Error(`${underWay} requests were not answered within ${drainMs} ms.`)),
    plan.durationMs + drainMs,
  );
  try {
    for (let i = 0; i < Math.min(plan.inFlight, mostRequests); i++) {
      // By target first: each gets the same share.
      const target = i % plan.targets.length;
      const ownConnections = connections.length / plan.targets.length;
      const connection = connections[target * ownConnections + (Math.floor(i / plan.targets.length) % ownConnections)];
      if (connection) ask(connection);
    }
    await done;
  } finally {
    clearTimeout(late);
    for (const connection of connections) connection.close();
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  if (latenciesMs.length === 0) throw new Error(`Nothing was answered rightly: ${firstFailure ?? 'no answer'}.`);
  return {
    generator: 'own',
    operations: latenciesMs.length,
    failures,
    firstFailure,
    seconds,
    latencyMs: latencyOf(Float64Array.from(latenciesMs)),
    generatorCpuSeconds: (cpu.user + cpu.system) / 1e6,
  };
}

function bodiesOf({ request, numbers }: LoadPlan & { readonly request: GrpcRequest }): () => Buffer {
  const templates = framedTemplates(request.messages);
  let asked = 0;
  return () => {
    const template = templates[asked % templates.length];
    if (!template) throw new RangeError('A load needs at least one message.');
    const body = Buffer.allocUnsafe(template.bytes.length);
    fill(template, numbers.first + (asked % numbers.count), body);
    asked++;
    return body;
  };
}
