import { type ActiveFault, type Fault, fault, nameOf, namesOf, type Scene } from '../fault.ts';
import { sleepersAfterColdStart, startSleepers } from './sleepers.ts';

async function kill({ cluster }: Scene, members: readonly number[], what: string): Promise<ActiveFault> {
  await Promise.all(members.map((member) => cluster.processes.kill(member, 'SIGKILL')));
  return {
    what,
    heal: async () => {
      for (const member of members) cluster.startMember(member);
    },
  };
}

async function pause({ cluster }: Scene, member: number, what: string): Promise<ActiveFault> {
  await cluster.processes.kill(member, 'SIGSTOP');
  return {
    what,
    heal: async () => {
      await cluster.processes.kill(member, 'SIGCONT');
    },
  };
}

/** With a majority gone nothing may be acknowledged any more. */
async function killMajority(scene: Scene): Promise<ActiveFault> {
  const { cluster, random, traffic } = scene;
  const members = random.shuffled(cluster.all).slice(0, cluster.majority);
  const killed = await kill(scene, members, namesOf(members));
  const killedMs = performance.now();
  return {
    ...killed,
    heal: async () => {
      const impossible = traffic.acknowledged.filter(({ beganMs }) => beganMs > killedMs).length;
      if (impossible > 0) traffic.violation(`${impossible} writes were acknowledged without a majority`);
      await killed.heal();
    },
  };
}

async function killAll(scene: Scene): Promise<ActiveFault> {
  const { cluster } = scene;
  const sleepers = await startSleepers(scene);
  const killed = await kill(scene, cluster.all, 'all members at once');
  return {
    ...killed,
    heal: async () => {
      await killed.heal();
      await sleepersAfterColdStart(scene, sleepers);
    },
  };
}

export const processFaults: readonly Fault[] = [
  fault('kill-leader', 'process', async (scene) => {
    const leader = await scene.cluster.processes.leader();
    return kill(scene, [leader], `${nameOf(leader)}, which led`);
  }),
  fault('kill-member', 'process', async (scene) => {
    const member = scene.random.pick(scene.cluster.all);
    return kill(scene, [member], nameOf(member));
  }),
  fault('kill-majority', 'process', killMajority, { keepsMajority: false, mayColdStart: true }),
  fault('kill-all', 'process', killAll, { keepsMajority: false, mayColdStart: true }),
  fault('pause-leader', 'process', async (scene) => {
    const leader = await scene.cluster.processes.leader();
    return pause(scene, leader, `${nameOf(leader)}, which led`);
  }),
  fault('pause-member', 'process', async (scene) => {
    const member = scene.random.pick(scene.cluster.all);
    return pause(scene, member, nameOf(member));
  }),
];
