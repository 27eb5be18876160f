import { type Case, type Contender, compare, throughputColumns, type Via } from '../compare.ts';
import { expectHeardOf } from '../heard-of.ts';
import type { Request } from '../load/load.ts';
import { probed } from '../probe.ts';
import type { Measured, Scenario, Stage } from '../scenario.ts';
import { grantLeases } from '../seed.ts';
import { heartbeatGrpc, heartbeatRest, keepAliveEtcd, putEtcd } from '../workloads.ts';
import { startFleets } from './fleet.ts';

const instances = 1_000;

function heartbeats(face: 'REST' | 'gRPC', ratio: number): Scenario {
  return {
    name: `heartbeat-${face.toLowerCase()}`,
    title: `Heartbeats, one a request, ${face}`,
    quick: true,
    async run(stage): Promise<Measured> {
      const contenders = await contendersOf(stage, face);
      const cases = [
        ...(stage.settings.quick ? [] : [caseOf(1, 'leader'), caseOf(64, 'all')]),
        caseOf(256, 'all', [{ text: `${face} heartbeats against puts`, of: 0, to: 1, measure: 'throughput', ratio }]),
      ];
      function caseOf(inFlight: number, via: Via, goals: Case['goals'] = []): Case {
        return { inFlight, via, contenders, goals };
      }
      return {
        method: `Heartbeats for ${instances} instances in turn, each acknowledged when a majority has it on disk. etcd puts the records of the same instances in turn, likewise synced; its LeaseKeepAlive, one a stream, is neither replicated nor synced.`,
        columns: throughputColumns,
        ...(await compare(stage, cases)),
      };
    },
  };
}

async function contendersOf(stage: Stage, face: 'REST' | 'gRPC'): Promise<Contender[]> {
  const { manifest, etcd } = await startFleets(stage, instances);
  const numbers = () => ({ first: 0, count: instances });
  await stage.onlyRuns(manifest);
  const request: Request =
    face === 'REST' ? heartbeatRest : await probed(manifest.grpcTargets[0] ?? '', heartbeatGrpc, { less: 8, more: 8 });
  const own: Contender = {
    system: manifest,
    operation: `heartbeat, ${face}`,
    request,
    numbers,
    growsRevision: false,
    check: (startedAt, operations) => expectHeardOf(manifest, instances, startedAt, operations),
  };
  if (!etcd) return [own];
  await stage.onlyRuns(etcd);
  const target = etcd.grpcTargets[0] ?? '';
  const leases = await grantLeases(target, instances);
  return [
    own,
    {
      system: etcd,
      operation: 'put',
      request: await probed(target, putEtcd, { less: 2, more: 8 }),
      numbers,
      growsRevision: true,
    },
    {
      system: etcd,
      operation: 'LeaseKeepAlive, one a stream',
      // For a lease that it does not know, etcd's answer is three bytes shorter.
      request: await probed(target, keepAliveEtcd(leases, 'unary'), { less: 1, more: 8 }),
      numbers,
      growsRevision: false,
    },
  ];
}

export const heartbeatRestScenario = heartbeats('REST', 3);
export const heartbeatGrpcScenario = heartbeats('gRPC', 2);
