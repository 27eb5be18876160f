import { type Contender, compare, throughputColumns } from '../compare.ts';
import { probed } from '../probe.ts';
import type { Measured, Scenario, Stage } from '../scenario.ts';
import { listGrpc, listRest, rangeOfEtcd, recordBytes } from '../workloads.ts';
import { startFleets } from './fleet.ts';

const instances = 2_000;
const inFlight = 16;
const numbers = () => ({ first: 0, count: 1 });

export const listScenario: Scenario = {
  name: 'list-stale',
  title: 'Stale lists of 10, 100 and 1,000 instances',
  quick: false,
  async run(stage): Promise<Measured> {
    const fleets = await startFleets(stage, instances);
    const rows: Measured['rows'][number][] = [];
    const goals: Measured['goals'][number][] = [];
    for (const limit of [10, 100, 1_000]) {
      const contenders = await contendersOf(stage, fleets, limit);
      const measured = await compare(stage, [
        {
          inFlight,
          via: 'follower',
          contenders,
          goals: [
            { text: `REST, list of ${limit}, against range`, of: 0, to: 2, measure: 'throughput', ratio: 1.5 },
            { text: `gRPC, list of ${limit}, against range`, of: 1, to: 2, measure: 'throughput', ratio: 1.5 },
          ],
        },
      ]);
      rows.push(...measured.rows);
      goals.push(...measured.goals);
    }
    return {
      method: `The first 10, 100 and 1,000 of ${instances} instances with records of ${recordBytes} bytes, from a follower's own state; etcd: a serializable range with that limit over as many keys and values.`,
      columns: throughputColumns,
      rows,
      goals,
    };
  },
};

async function contendersOf(
  stage: Stage,
  { manifest, etcd }: Awaited<ReturnType<typeof startFleets>>,
  limit: number,
): Promise<Contender[]> {
  await stage.onlyRuns(manifest);
  const page = (await (await fetch(`http://${manifest.restTargets[0]}${listRest(limit).path}`)).json()) as unknown[];
  if (page.length !== limit) throw new Error(`A list of ${limit} was asked for, and one of ${page.length} came.`);
  // Times and revisions of a record may differ in their lengths.
  const grpc = await probed(manifest.grpcTargets[0] ?? '', listGrpc(limit), { less: 24 * limit, more: 24 * limit });
  const common = { numbers, growsRevision: false };
  const own: Contender[] = [
    { ...common, system: manifest, operation: `list of ${limit}, REST`, request: listRest(limit) },
    { ...common, system: manifest, operation: `list of ${limit}, gRPC`, request: grpc },
  ];
  if (!etcd) return own;
  await stage.onlyRuns(etcd);
  const range = await probed(etcd.grpcTargets[0] ?? '', rangeOfEtcd(limit), { less: 8 * limit, more: 8 * limit });
  return [...own, { ...common, system: etcd, operation: `range of ${limit}`, request: range }];
}
