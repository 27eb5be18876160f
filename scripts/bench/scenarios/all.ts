import type { Scenario } from '../scenario.ts';
import { floorsScenario } from './floors.ts';
import { getScenario, getStaleScenario } from './get.ts';
import { growthScenario } from './growth.ts';
import { heartbeatGrpcScenario, heartbeatRestScenario } from './heartbeat.ts';
import { heartbeatStreamsScenario } from './heartbeat-streams.ts';
import { leaderKilledScenario } from './leader-killed.ts';
import { listScenario } from './list.ts';
import { mixedScenario } from './mixed.ts';
import { registerGrpcScenario, registerRestScenario } from './register.ts';
import { restartScenario } from './restart.ts';
import { snapshotScenario } from './snapshot.ts';

/** In the order in which they run and are shown. */
export const allScenarios: readonly Scenario[] = [
  registerRestScenario,
  registerGrpcScenario,
  heartbeatRestScenario,
  heartbeatGrpcScenario,
  heartbeatStreamsScenario,
  getScenario,
  getStaleScenario,
  listScenario,
  mixedScenario,
  leaderKilledScenario,
  restartScenario,
  snapshotScenario,
  growthScenario,
  floorsScenario,
];

/** @throws Error that names the scenarios there are */
export function scenariosNamed(names: readonly string[]): readonly Scenario[] {
  for (const name of names) {
    if (allScenarios.some((scenario) => scenario.name === name)) continue;
    throw new Error(`There is no scenario "${name}". There are: ${allScenarios.map((one) => one.name).join(', ')}.`);
  }
  return allScenarios.filter(({ name }) => names.includes(name));
}
