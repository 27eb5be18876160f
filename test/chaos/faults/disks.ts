import type { ChaosCluster } from '../chaos-cluster.ts';
import { type ActiveFault, type Fault, fault, nameOf, type Scene } from '../fault.ts';
import type { SmallDisk } from '../small-disk.ts';
import { DataCopy, flipByte } from './data-copy.ts';
import { endsByItself, refusesToStart } from './refusals.ts';

function smallDiskOf({ smallDisk }: ChaosCluster): SmallDisk {
  if (typeof smallDisk === 'string') throw new Error(smallDisk);
  return smallDisk;
}

const needsSmallDisk = ({ smallDisk }: ChaosCluster) => (typeof smallDisk === 'string' ? smallDisk : null);

async function fullDisk(scene: Scene): Promise<ActiveFault> {
  const { cluster } = scene;
  const member = cluster.smallDiskMember;
  const disk = smallDiskOf(cluster);
  disk.fill();
  await endsByItself(scene, member, /disk .*full/i);
  return {
    what: `${nameOf(member)}, until its last byte`,
    heal: async () => {
      disk.clear();
      cluster.startMember(member);
    },
  };
}

/** The kernel makes no file system read-only while a file on it is open for writing, so the member meets it when it starts. */
async function readOnlyDisk(scene: Scene): Promise<ActiveFault> {
  const { cluster } = scene;
  const member = cluster.smallDiskMember;
  const disk = smallDiskOf(cluster);
  await cluster.processes.kill(member, 'SIGKILL');
  disk.setReadOnly(true);
  await refusesToStart(scene, member, /read-only|EROFS/i);
  return {
    what: `${nameOf(member)}, when it started`,
    heal: async () => {
      disk.setReadOnly(false);
      cluster.startMember(member);
    },
  };
}

/** As when the kernel turns a file system read-only under a running member: every write fails from now on. */
async function failingDisk(scene: Scene): Promise<ActiveFault> {
  const { cluster, random } = scene;
  const member = random.chance(0.5) ? await cluster.processes.leader() : random.pick(cluster.all);
  cluster.controls(member).set({ writeError: 'EROFS: read-only file system, write' });
  await endsByItself(scene, member, /EROFS/);
  return {
    what: `${nameOf(member)}, whose writes fail`,
    heal: async () => {
      cluster.controls(member).set({ writeError: null });
      cluster.startMember(member);
    },
  };
}

/** Trap 31: heartbeats of a leader whose disk hangs go on. */
async function slowDisk({ cluster, random }: Scene): Promise<ActiveFault> {
  const isLeader = random.chance(0.6);
  const member = isLeader ? await cluster.processes.leader() : random.pick(cluster.all);
  const writeDelayMs = Math.round(random.pick([100, 400, 1_500]) * random.between(1, 2));
  cluster.controls(member).set({ writeDelayMs });
  await cluster.controls(member).inForce();
  return {
    what: `${nameOf(member)}${isLeader ? ', which led' : ''}, ${writeDelayMs} ms a write`,
    heal: async () => cluster.controls(member).set({ writeDelayMs: 0 }),
  };
}

async function flippedByte(scene: Scene): Promise<ActiveFault> {
  const { cluster, random } = scene;
  const member = random.pick(cluster.all);
  await cluster.processes.kill(member, 'SIGKILL');
  const copy = DataCopy.of(cluster.dataDirectory(member));
  const where = flipByte(cluster.dataDirectory(member), random);
  await refusesToStart(scene, member, /damaged/i);
  return {
    what: `${nameOf(member)}, ${where}`,
    heal: async () => {
      copy.restore();
      cluster.startMember(member);
    },
  };
}

async function wipedDirectory(scene: Scene): Promise<ActiveFault> {
  const { cluster, random } = scene;
  const member = random.pick(cluster.all);
  await cluster.processes.kill(member, 'SIGKILL');
  const copy = DataCopy.of(cluster.dataDirectory(member));
  copy.wipe();
  await refusesToStart(scene, member, /another data directory/);
  return {
    what: nameOf(member),
    heal: async () => {
      copy.restore();
      cluster.startMember(member);
    },
  };
}

export const diskFaults: readonly Fault[] = [
  fault('full-disk', 'disk', fullDisk, { impossible: needsSmallDisk }),
  fault('read-only-disk', 'disk', readOnlyDisk, { impossible: needsSmallDisk }),
  fault('failing-disk', 'disk', failingDisk),
  fault('slow-disk', 'disk', slowDisk),
  fault('flipped-byte', 'disk', flippedByte),
  fault('wiped-directory', 'disk', wipedDirectory),
];
