import { type ActiveFault, type Fault, fault, nameOf, namesOf, type Scene } from '../fault.ts';
import type { Link, LinkCondition } from '../link.ts';

const flapMs = { least: 100, most: 500 };

/** Sets the links, and open again when it is over. A fault that no connection met has not happened. */
function disturb({ traffic }: Scene, links: readonly Link[], condition: LinkCondition, what: string): ActiveFault {
  const before = met(links);
  for (const link of links) link.set(condition);
  return {
    what: `${what} (${condition.kind})`,
    heal: async () => {
      if (met(links) === before) traffic.violation(`nothing passed the links that were to be disturbed: ${what}`);
      for (const link of links) link.set({ kind: 'open' });
    },
  };
}

function met(links: readonly Link[]): number {
  return links.reduce((sum, { disturbed }) => sum + disturbed, 0);
}

/** A network either swallows what is sent or says that there is no way. */
function cut({ random }: Scene): LinkCondition {
  return random.chance(0.6) ? { kind: 'silent' } : { kind: 'refusing' };
}

async function partition(scene: Scene): Promise<ActiveFault> {
  const { cluster, random } = scene;
  const [first = 0, ...others] = random.shuffled(cluster.all);
  const minority = [first, ...others].slice(0, 1 + random.integer(cluster.size - cluster.majority));
  const majority = others.filter((member) => !minority.includes(member));
  const links = cluster.network.linksBetween(minority, majority);
  return disturb(scene, links, cut(scene), `${namesOf(minority)} apart from the others`);
}

async function partitionLeader(scene: Scene): Promise<ActiveFault> {
  const { cluster } = scene;
  const leader = await cluster.processes.leader();
  const others = cluster.all.filter((member) => member !== leader);
  const links = cluster.network.linksBetween([leader], others);
  return disturb(scene, links, cut(scene), `${nameOf(leader)}, which led, apart from the others`);
}

/** One member is not heard any more, or hears nobody: the leader, or any. */
async function partitionOneWay(scene: Scene): Promise<ActiveFault> {
  const { cluster, random } = scene;
  const member = random.chance(0.5) ? await cluster.processes.leader() : random.pick(cluster.all);
  const isMute = random.chance(0.5);
  const others = cluster.all.filter((other) => other !== member);
  const links = others.map((other) =>
    isMute ? cluster.network.link(member, other) : cluster.network.link(other, member),
  );
  return disturb(scene, links, cut(scene), `${nameOf(member)} ${isMute ? 'is not heard' : 'hears nobody'}`);
}

/** One link is down, and everybody reaches everybody by way of a third (trap 7). */
async function partitionPartly(scene: Scene): Promise<ActiveFault> {
  const { cluster, random } = scene;
  const one = await cluster.processes.leader();
  const other = random.pick(cluster.all.filter((member) => member !== one));
  const links = cluster.network.linksBetween([one], [other]);
  return disturb(scene, links, cut(scene), `${nameOf(one)}, which led, and ${nameOf(other)} apart from each other`);
}

async function slowNetwork(scene: Scene): Promise<ActiveFault> {
  const { cluster, random } = scene;
  const delayMs = Math.round(random.between(2, 40));
  const condition: LinkCondition = {
    kind: 'slow',
    delayMs,
    jitterMs: Math.round(random.between(0, 2 * delayMs)),
    bytesPerSecond: random.chance(0.3) ? 200_000 : null,
  };
  const { jitterMs, bytesPerSecond } = condition;
  const width = bytesPerSecond === null ? '' : `, ${bytesPerSecond / 1_000} kB/s`;
  const what = `${delayMs} ms and up to ${jitterMs} ms more between all${width}`;
  return disturb(scene, cluster.network.allPeerLinks(), condition, what);
}

/** A link between the leader and another that comes and goes. */
async function flappingLink(scene: Scene): Promise<ActiveFault> {
  const { cluster, random, traffic } = scene;
  const one = await cluster.processes.leader();
  const other = random.pick(cluster.all.filter((member) => member !== one));
  const links = cluster.network.linksBetween([one], [other]);
  const before = met(links);
  let isDown = false;
  let timer: NodeJS.Timeout;
  const flap = () => {
    isDown = !isDown;
    for (const link of links) link.set(isDown ? cut(scene) : { kind: 'open' });
    timer = setTimeout(flap, random.between(flapMs.least, flapMs.most));
  };
  flap();
  return {
    what: `${nameOf(one)}, which led, and ${nameOf(other)}`,
    heal: async () => {
      clearTimeout(timer);
      if (met(links) === before) traffic.violation('nothing passed the link that flapped');
      for (const link of links) link.set({ kind: 'open' });
    },
  };
}

export const networkFaults: readonly Fault[] = [
  fault('partition', 'network', partition),
  fault('partition-leader', 'network', partitionLeader),
  fault('partition-one-way', 'network', partitionOneWay),
  fault('partition-partial', 'network', partitionPartly),
  fault('slow-network', 'network', slowNetwork),
  fault('flapping-link', 'network', flappingLink),
];
