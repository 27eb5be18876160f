import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { throughputColumns } from '../compare.ts';
import { type DiskFloor, measureFdatasync, measureLevelBatch } from '../floors/disk.ts';
import type { Request } from '../load/load.ts';
import { cpuSecondsOf } from '../process-usage.ts';
import type { Measured, Row, Scenario, Stage } from '../scenario.ts';

const servers = fileURLToPath(new URL('../floors/empty-servers.ts', import.meta.url));
const runTypescript = new URL('../../run-typescript.mjs', import.meta.url).href;

const emptyHttp: Request = { kind: 'rest', method: 'PUT', path: '/empty', body: null };
const emptyGrpc: Request = {
  kind: 'grpc',
  path: '/bench.Empty/Call',
  messages: [''],
  call: 'unary',
  answerBytes: { least: 0, most: 0 },
};

export const floorsScenario: Scenario = {
  name: 'floors',
  title: 'Floors of this machine',
  quick: true,
  async run(stage): Promise<Measured> {
    const { durationMs } = stage.settings;
    const rows: Row[] = [
      diskRow('append of 512 bytes and fdatasync', await measureFdatasync(stage.directory, durationMs)),
      diskRow('synced LevelDB batch of one record', await measureLevelBatch(stage.directory, durationMs)),
    ];
    const child = fork(servers, { execArgv: ['--import', runTypescript] });
    try {
      const [ports] = (await once(child, 'message')) as [{ readonly httpPort: number; readonly grpcPort: number }];
      for (const inFlight of [1, 256]) {
        rows.push(await callRow(stage, child, 'empty HTTP call', `127.0.0.1:${ports.httpPort}`, emptyHttp, inFlight));
        rows.push(await callRow(stage, child, 'empty gRPC call', `127.0.0.1:${ports.grpcPort}`, emptyGrpc, inFlight));
      }
    } finally {
      child.kill('SIGKILL');
    }
    return {
      method:
        'What nothing that is built on them can beat: this disk’s fdatasync and LevelDB’s synced batch, one after the other; Node’s http and grpc-js servers, one process each that answers with nothing, under the same generators.',
      columns: throughputColumns,
      rows,
      goals: [],
    };
  },
};

function diskRow(operation: string, { perSecond, latencyMs }: DiskFloor): Row {
  const { p50, p99, p999 } = latencyMs;
  return {
    case: '1 at a time',
    system: 'machine',
    operation,
    values: { operationsPerSecond: perSecond, p50Ms: p50, p99Ms: p99, p999Ms: p999 },
  };
}

async function callRow(
  stage: Stage,
  { pid = 0 }: ChildProcess,
  operation: string,
  target: string,
  request: Request,
  inFlight: number,
): Promise<Row> {
  const load = (durationMs: number) =>
    stage.load({ targets: [target], request, inFlight, durationMs, numbers: { first: 0, count: 1 } });
  await load(stage.settings.warmUpMs);
  const cpuBefore = cpuSecondsOf([pid]);
  const result = await load(stage.settings.durationMs);
  const cpuSeconds = cpuSecondsOf([pid]) - cpuBefore;
  return {
    case: `${inFlight} in flight, one process`,
    system: 'machine',
    operation,
    values: {
      operationsPerSecond: result.operations / result.seconds,
      p50Ms: result.latencyMs.p50,
      p99Ms: result.latencyMs.p99,
      p999Ms: result.latencyMs.p999,
      serverCpuMicros: (cpuSeconds * 1e6) / result.operations,
      generatorCpuMicros: (result.generatorCpuSeconds * 1e6) / result.operations,
      generator: result.generator,
    },
  };
}
