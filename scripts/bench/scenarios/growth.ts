import { type Contender, compare, throughputColumns, type Via } from '../compare.ts';
import { probed } from '../probe.ts';
import type { Measured, Row, Scenario, Series, Stage } from '../scenario.ts';
import { seed } from '../seed.ts';
import type { System } from '../systems/system.ts';
import { getInstanceGrpc, heartbeatGrpc, putEtcd, rangeInstanceEtcd, registerGrpc } from '../workloads.ts';
import { longLeases } from './fleet.ts';

const sizes = { quick: [100, 1_000], full: [1_000, 10_000, 100_000, 1_000_000] };
const memberCounts = { quick: [3], full: [3, 5, 7] };
const loads = { quick: [1, 16], full: [1, 4, 16, 64, 256, 1_024] };
const usualInFlight = 256;
const usualInstances = 1_000;
/**
 * For the greatest fleets, as docs/performance.md advises: members that share two cores and collect the garbage of a
 * million instances are silent for longer than the usual election timeout.
 */
const large = { from: 1_000_000, rounds: 3, electionTimeoutMs: 3_000, leaderWaitMs: 5_000, heapMib: 6_144 };
const rounds = 2;

const largeFleet = {
  MANIFEST_ELECTION_TIMEOUT_MS: String(large.electionTimeoutMs),
  MANIFEST_LEADER_WAIT_MS: String(large.leaderWaitMs),
  NODE_OPTIONS: `--max-old-space-size=${large.heapMib}`,
};

export const growthScenario: Scenario = {
  name: 'growth',
  title: 'How cost grows with instances, members and requests in flight',
  quick: false,
  async run(stage): Promise<Measured> {
    const mode = stage.settings.quick ? 'quick' : 'full';
    const tooMany: string[] = [];
    const byInstances = await overInstances(stage, sizes[mode], tooMany);
    const byMembers = await overMembers(stage, memberCounts[mode]);
    const byLoad = await overLoads(stage, loads[mode]);
    return {
      method: `gRPC with the same generator for both systems, through all members; gets are linearizable. Where nothing else is said: ${usualInstances} instances, 3 members, ${usualInFlight} in flight. ${rounds} rounds. From ${large.from.toLocaleString('en-US')} instances on, members have an election timeout of ${large.electionTimeoutMs} ms, wait ${large.leaderWaitMs} ms for a leader, and may use ${large.heapMib} MiB; ${large.rounds} rounds.${tooMany.join('')}`,
      columns: throughputColumns,
      rows: [...byInstances, ...byMembers, ...byLoad].map(({ row }) => row),
      goals: [],
      series: [
        ...seriesOf('instances', 'instances', byInstances),
        ...seriesOf('members', 'members', byMembers),
        ...seriesOf('in-flight', 'requests in flight', byLoad),
      ],
    };
  },
};

interface Point {
  readonly x: number;
  readonly row: Row;
}

/** @param tooMany told about what could not be measured: a machine may be too small for the greatest fleets */
async function overInstances(stage: Stage, counts: readonly number[], tooMany: string[]): Promise<Point[]> {
  const points: Point[] = [];
  for (const count of counts) {
    stage.say(`  ${count} instances`);
    try {
      const how = { count, members: 3, inFlights: [usualInFlight], x: count, unit: 'instances' };
      points.push(...(await measure(stage, how)));
    } catch (error) {
      if (stage.signal.aborted || points.length === 0) throw error;
      stage.say(`  ${count} instances could not be measured: ${(error as Error).message}`);
      tooMany.push(` ${count} instances could not be measured: ${(error as Error).message}`);
    }
  }
  return points;
}

async function overMembers(stage: Stage, counts: readonly number[]): Promise<Point[]> {
  const points: Point[] = [];
  for (const members of counts) {
    stage.say(`  ${members} members`);
    const how = { count: usualInstances, members, inFlights: [usualInFlight], x: members, unit: 'members' };
    points.push(...(await measure(stage, how)));
  }
  return points;
}

function overLoads(stage: Stage, inFlights: readonly number[]): Promise<Point[]> {
  return measure(stage, { count: usualInstances, members: 3, inFlights, x: null, unit: 'in flight' });
}

interface How {
  readonly count: number;
  readonly members: number;
  readonly inFlights: readonly number[];
  /** `null`: the number in flight. */
  readonly x: number | null;
  readonly unit: string;
}

async function measure(stage: Stage, { count, members, inFlights, x, unit }: How): Promise<Point[]> {
  const env = { ...longLeases, ...(count < large.from ? {} : largeFleet) };
  const manifest = await stage.startManifest({ members, env });
  const etcd = await stage.startEtcd({ members });
  try {
    const contenders = await contendersOf(stage, manifest, count, [
      ['heartbeat', heartbeatGrpc, false],
      ['register', registerGrpc, true],
      ['get', getInstanceGrpc, false],
    ]);
    if (etcd) {
      contenders.push(
        ...(await contendersOf(stage, etcd, count, [
          ['put', putEtcd, true],
          ['range', rangeInstanceEtcd, false],
        ])),
      );
    }
    const points: Point[] = [];
    for (const inFlight of inFlights) {
      const via: Via = inFlight === 1 ? 'leader' : 'all';
      const { rows } = await compare(
        stage,
        [{ inFlight, via, contenders, goals: [] }],
        count < large.from ? rounds : large.rounds,
      );
      points.push(
        ...rows.map((row) => ({
          x: x ?? inFlight,
          // There is more than one operation of etcd here, so no one of them is what the others are compared with.
          row: {
            ...row,
            case: `${(x ?? inFlight).toLocaleString('en-US')} ${unit}`,
            values: { ...row.values, ratio: null },
          },
        })),
      );
    }
    return points;
  } finally {
    await stage.end(manifest, etcd);
  }
}

async function contendersOf(
  stage: Stage,
  system: System,
  count: number,
  operations: readonly (readonly [string, Parameters<typeof probed>[1], boolean])[],
): Promise<Contender[]> {
  await seed(stage, system, count);
  const contenders: Contender[] = [];
  for (const [operation, unprobed, growsRevision] of operations) {
    const request = await probed(system.grpcTargets[0] ?? '', unprobed, { less: 24, more: 24 });
    contenders.push({ system, operation, request, numbers: () => ({ first: 0, count }), growsRevision });
  }
  return contenders;
}

function seriesOf(name: string, xTitle: string, points: readonly Point[]): Series[] {
  const lines = (key: string) =>
    [...new Set(points.map(({ row }) => `${row.system} ${row.operation}`))].map((line) => ({
      name: line,
      points: points
        .filter(({ row }) => `${row.system} ${row.operation}` === line)
        .map(({ x, row }): [number, number] => [x, Number(row.values[key])]),
    }));
  const xScale = name === 'members' ? 'linear' : 'logarithmic';
  return [
    {
      name: `${name}-throughput`,
      title: `Operations a second by ${xTitle}`,
      xTitle,
      yTitle: 'operations/s',
      xScale,
      lines: lines('operationsPerSecond'),
    },
    {
      name: `${name}-cpu`,
      title: `Servers’ CPU time an operation by ${xTitle}`,
      xTitle,
      yTitle: 'µs, all members',
      xScale,
      lines: lines('serverCpuMicros'),
    },
  ];
}
