import { firstAnswer } from '../load/first-answer.ts';
import type { GrpcRequest } from '../load/load.ts';
import { median } from '../percentiles.ts';
import { probed } from '../probe.ts';
import type { Measured, Row, Scenario, Stage } from '../scenario.ts';
import { seed } from '../seed.ts';
import type { System } from '../systems/system.ts';
import { getGrpc, rangeEtcd } from '../workloads.ts';
import { longLeases } from './fleet.ts';

const counts = { full: 100_000, quick: 10_000 };
const timeoutMs = 120_000;
/** The service that is asked for has a hundred instances, whose status and times may change. */
const tolerance = { less: 4_096, more: 4_096 };

export const restartScenario: Scenario = {
  name: 'restart',
  title: `Restart of all members with ${counts.full.toLocaleString('en-US')} instances`,
  quick: false,
  async run(stage): Promise<Measured> {
    const instances = stage.settings.quick ? counts.quick : counts.full;
    const rows: Row[] = [];
    const manifest = await stage.startManifest({ env: longLeases });
    const etcd = await stage.startEtcd();
    for (const system of etcd ? [manifest, etcd] : [manifest]) {
      await stage.onlyRuns(system);
      await seed(stage, system, instances);
      rows.push(await restarts(stage, system));
    }
    const seconds = Number(rows[0]?.values.firstAnswerMs) / 1_000;
    return {
      method: `${instances} instances. All three members are killed (SIGKILL) and started together, ${stage.settings.rounds} times. Times run from the start of the processes; every member is asked every 10 ms for a linearizable read of a record.`,
      columns: [
        { key: 'firstAnswerMs', title: 'first answer, median', unit: 'ms' },
        { key: 'worstFirstAnswerMs', title: 'worst', unit: 'ms' },
        { key: 'allAnswerMs', title: 'all members, median', unit: 'ms' },
      ],
      rows,
      goals: [
        {
          text: `First linearizable answer after a restart with ${instances} instances`,
          wanted: 'under 2 s',
          measured: `${seconds.toFixed(2)} s`,
          met: seconds < 2,
        },
      ],
    };
  },
};

async function restarts(stage: Stage, system: System): Promise<Row> {
  const unprobed = system.name === 'manifest' ? getGrpc('linearizable') : rangeEtcd(false);
  const request = await probed(system.grpcTargets[0] ?? '', unprobed, tolerance);
  const rounds: { readonly firstAnswerMs: number; readonly allAnswerMs: number }[] = [];
  for (let round = 0; round < stage.settings.rounds; round++) {
    stage.signal.throwIfAborted();
    const found = await restart(system, request);
    stage.say(
      `  ${system.name}: first answer ${found.firstAnswerMs.toFixed(0)} ms, all ${found.allAnswerMs.toFixed(0)} ms`,
    );
    rounds.push(found);
  }
  return {
    case: 'all members killed',
    system: system.name,
    operation: system.name === 'manifest' ? 'get, gRPC' : 'range',
    values: {
      firstAnswerMs: median(rounds.map(({ firstAnswerMs }) => firstAnswerMs)),
      worstFirstAnswerMs: Math.max(...rounds.map(({ firstAnswerMs }) => firstAnswerMs)),
      allAnswerMs: median(rounds.map(({ allAnswerMs }) => allAnswerMs)),
    },
    rounds,
  };
}

async function restart(system: System, request: GrpcRequest) {
  const members = system.grpcTargets.map((_, i) => i);
  await Promise.all(members.map((i) => system.killMember(i)));
  const startedMs = performance.now();
  for (const i of members) system.startMember(i);
  const answers = system.grpcTargets.map((target) => firstAnswer(target, request, timeoutMs));
  const first = await Promise.any(answers);
  const all = await Promise.all(answers);
  return { firstAnswerMs: first - startedMs, allAnswerMs: Math.max(...all) - startedMs };
}
