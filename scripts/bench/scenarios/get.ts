import { type Case, type Contender, compare, throughputColumns, type Via } from '../compare.ts';
import { probed } from '../probe.ts';
import type { Measured, Scenario, Stage } from '../scenario.ts';
import { getGrpc, getRest, rangeEtcd } from '../workloads.ts';
import { startFleets } from './fleet.ts';

const instances = 1_000;
const numbers = () => ({ first: 0, count: instances });

function gets(consistency: 'linearizable' | 'stale', restRatio: number, grpcRatio: number): Scenario {
  const isStale = consistency === 'stale';
  return {
    name: isStale ? 'get-stale' : 'get',
    title: isStale ? 'Stale gets of one service' : 'Linearizable gets of one service',
    quick: true,
    async run(stage): Promise<Measured> {
      const contenders = await contendersOf(stage, consistency);
      const goals: Case['goals'] = [
        { text: `REST, ${consistency}, against range`, of: 0, to: 2, measure: 'throughput', ratio: restRatio },
        { text: `gRPC, ${consistency}, against range`, of: 1, to: 2, measure: 'throughput', ratio: grpcRatio },
      ];
      const caseOf = (inFlight: number, via: Via): Case => ({
        inFlight,
        via,
        contenders,
        goals: inFlight > 1 ? goals : [],
      });
      const vias: Via[] = isStale ? ['follower'] : ['leader', 'follower'];
      return {
        method: `${instances} services with one instance each. etcd is asked for the key of one of them, ${isStale ? 'serializable' : 'linearizable'}. REST asks for all services in turn; the two gRPC loads for one and the same.`,
        columns: throughputColumns,
        ...(await compare(stage, [
          ...(stage.settings.quick ? [] : vias.map((via) => caseOf(1, via))),
          ...vias.map((via) => caseOf(256, via)),
        ])),
      };
    },
  };
}

async function contendersOf(stage: Stage, consistency: 'linearizable' | 'stale'): Promise<Contender[]> {
  const { manifest, etcd } = await startFleets(stage, instances);
  await stage.onlyRuns(manifest);
  const grpc = await probed(manifest.grpcTargets[0] ?? '', getGrpc(consistency), { less: 24, more: 24 });
  const common = { numbers, growsRevision: false };
  const own: Contender[] = [
    { ...common, system: manifest, operation: 'get, REST', request: getRest(consistency) },
    { ...common, system: manifest, operation: 'get, gRPC', request: grpc },
  ];
  if (!etcd) return own;
  await stage.onlyRuns(etcd);
  const range = await probed(etcd.grpcTargets[0] ?? '', rangeEtcd(consistency === 'stale'), { less: 8, more: 8 });
  return [...own, { ...common, system: etcd, operation: 'range', request: range }];
}

export const getScenario = gets('linearizable', 1.5, 1);
export const getStaleScenario = gets('stale', 1.5, 1.5);
