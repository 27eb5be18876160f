import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../../test/process/wait-for.ts';
import { SteadyWrites } from '../load/steady-writes.ts';
import { median } from '../percentiles.ts';
import type { Goal, Measured, Row, Scenario, Stage } from '../scenario.ts';
import type { System } from '../systems/system.ts';
import { putEtcd, registerGrpc } from '../workloads.ts';
import { longLeases } from './fleet.ts';

const writeEveryMs = 10;
const calmMs = 1_500;
const longestGapMs = 30_000;

export const leaderKilledScenario: Scenario = {
  name: 'leader-killed',
  title: 'Leader killed under load: gap to the next acknowledged write',
  quick: true,
  async run(stage): Promise<Measured> {
    const kills = stage.settings.quick ? 3 : 20;
    const manifest = await stage.startManifest({ env: longLeases });
    const etcd = await stage.startEtcd();
    const rows: Row[] = [];
    for (const system of etcd ? [manifest, etcd] : [manifest]) {
      await stage.onlyRuns(system);
      rows.push(await killLeaders(stage, system, kills));
    }
    return {
      method: `A write goes to each of three members every ${writeEveryMs} ms, answered or not. The leader's process gets SIGKILL; the gap lasts from there to the first acknowledgement of a write that was sent later. The member is started again, and after ${calmMs} ms of calm the next leader is killed.`,
      columns: [
        { key: 'medianMs', title: 'gap, median', unit: 'ms' },
        { key: 'worstMs', title: 'gap, worst', unit: 'ms' },
        { key: 'slowestAnswerMs', title: 'slowest answer', unit: 'ms' },
        { key: 'failedWrites', title: 'failed writes a kill' },
        { key: 'kills', title: 'kills' },
      ],
      rows,
      goals: goalsOf(rows[0]),
    };
  },
};

async function killLeaders(stage: Stage, system: System, kills: number): Promise<Row> {
  const writes = new SteadyWrites(
    system.grpcTargets,
    system.name === 'manifest' ? registerGrpc : putEtcd,
    writeEveryMs,
  );
  const gaps: number[] = [];
  const revisionBefore = await system.revision();
  try {
    for (let kill = 0; kill < kills; kill++) {
      stage.signal.throwIfAborted();
      await sleep(calmMs);
      const leader = await system.leader();
      const killedMs = performance.now();
      await system.killMember(leader);
      const what = `${system.name} to acknowledge a write after its leader was killed`;
      const look = () => writes.firstAcknowledged(killedMs) ?? undefined;
      const acknowledgedMs = await waitFor(look, { timeoutMs: longestGapMs, what, everyMs: 5 });
      gaps.push(acknowledgedMs - killedMs);
      stage.say(`  ${system.name}, kill ${kill + 1}: ${(acknowledgedMs - killedMs).toFixed(0)} ms`);
      system.startMember(leader);
      await system.ready();
    }
  } finally {
    await writes.stop();
  }
  const grown = (await system.revision()) - revisionBefore;
  if (grown < writes.acknowledged) {
    throw new Error(`${system.name} acknowledged ${writes.acknowledged} writes and shows ${grown}.`);
  }
  const answerTimes = writes.writes.filter(({ ok }) => ok).map(({ sentMs, answeredMs }) => answeredMs - sentMs);
  return {
    case: 'leader killed',
    system: system.name,
    operation: system.name === 'manifest' ? 'register, gRPC' : 'put',
    values: {
      medianMs: median(gaps),
      worstMs: gaps.reduce((worst, gap) => Math.max(worst, gap), 0),
      slowestAnswerMs: answerTimes.reduce((worst, time) => Math.max(worst, time), 0),
      failedWrites: (writes.writes.length - writes.acknowledged) / kills,
      kills,
    },
    rounds: gaps.map((gapMs) => ({ gapMs })),
  };
}

function goalsOf(row: Row | undefined): Goal[] {
  const value = (key: string) => Number(row?.values[key]);
  return [
    {
      text: 'Gap after the leader was killed, median',
      wanted: 'under 500 ms',
      measured: `${value('medianMs').toFixed(0)} ms`,
      met: value('medianMs') < 500,
    },
    {
      text: 'Gap after the leader was killed, worst',
      wanted: 'under 1 s',
      measured: `${value('worstMs').toFixed(0)} ms`,
      met: value('worstMs') < 1_000,
    },
  ];
}
