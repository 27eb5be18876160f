import { type Case, type Contender, compare, throughputColumns } from '../compare.ts';
import { expectHeardOf } from '../heard-of.ts';
import { probed } from '../probe.ts';
import type { Measured, Scenario, Stage } from '../scenario.ts';
import { grantLeases } from '../seed.ts';
import { batchSize, heartbeatStream, heartbeatsRest, keepAliveEtcd } from '../workloads.ts';
import { startFleets } from './fleet.ts';

/** More than are under way at once: no two heartbeats of one instance meet in a log entry and count as one. */
const instances = 10_000;
const streams = 64;

export const heartbeatStreamsScenario: Scenario = {
  name: 'heartbeat-streams',
  title: 'Heartbeats over streams and in batches',
  quick: true,
  async run(stage): Promise<Measured> {
    const contenders = await contendersOf(stage);
    const etcd = contenders.length - 1;
    const goals: Case['goals'] =
      contenders[etcd]?.system.name === 'etcd'
        ? [
            {
              text: `Batches of ${batchSize} over streams against LeaseKeepAlive`,
              of: 0,
              to: etcd,
              measure: 'throughput',
              ratio: 4,
            },
            {
              text: `Batches of ${batchSize} by REST against LeaseKeepAlive`,
              of: 1,
              to: etcd,
              measure: 'throughput',
              ratio: 4,
            },
            {
              text: 'One in a message over streams against LeaseKeepAlive',
              of: 2,
              to: etcd,
              measure: 'throughput',
              ratio: 4,
            },
          ]
        : [];
    return {
      method: `${instances} instances; ${streams} streams, or connections by REST, each with one message under way. Every heartbeat is replicated and synced before it is acknowledged. etcd’s LeaseKeepAlive takes one lease a message and is neither. Times are those of a message.`,
      columns: throughputColumns,
      ...(await compare(stage, [{ inFlight: streams, via: 'all', contenders, goals }])),
    };
  },
};

async function contendersOf(stage: Stage): Promise<Contender[]> {
  const { manifest, etcd } = await startFleets(stage, instances);
  await stage.onlyRuns(manifest);
  const target = manifest.grpcTargets[0] ?? '';
  const common = {
    system: manifest,
    growsRevision: false,
    check: (startedAt: Date, operations: number) => expectHeardOf(manifest, instances, startedAt, operations),
  };
  const inBatches = {
    ...common,
    operationsPerRequest: batchSize,
    numbers: () => ({ first: 0, count: instances / batchSize }),
  };
  const own: Contender[] = [
    // An answer that names instances that are not listed has more bytes.
    {
      ...inBatches,
      operation: `stream, ${batchSize} a message`,
      request: await probed(target, heartbeatStream('batch'), { less: 0, more: 0 }),
    },
    { ...inBatches, operation: `REST, ${batchSize} a request`, request: heartbeatsRest },
    {
      ...common,
      operation: 'stream, one a message',
      request: await probed(target, heartbeatStream('one'), { less: 0, more: 0 }),
      numbers: () => ({ first: 0, count: instances }),
    },
  ];
  if (!etcd) return own;
  await stage.onlyRuns(etcd);
  const leases = await grantLeases(etcd.grpcTargets[0] ?? '', instances);
  return [
    ...own,
    {
      system: etcd,
      operation: 'LeaseKeepAlive stream, one a message',
      request: await probed(etcd.grpcTargets[0] ?? '', keepAliveEtcd(leases, 'stream'), { less: 1, more: 8 }),
      numbers: () => ({ first: 0, count: instances }),
      growsRevision: false,
    },
  ];
}
