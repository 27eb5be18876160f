import { type ActiveFault, type Fault, fault, nameOf, type Scene } from '../fault.ts';

const day = 86_400_000;
/** A step of an administrator's, of a time server's, of a battery's that ran out. */
const offsetsMs = [-3_650 * day, -day, -3_600_000, -5_000, 5_000, 3_600_000, day, 3_650 * day];
const jumpEveryMs = { least: 200, most: 900 };

/** Wall clocks jump, each by its own steps, there and back. No lease, read or election may rest on them (trap 27). */
async function clockJumps({ cluster, random }: Scene): Promise<ActiveFault> {
  for (const member of cluster.all) cluster.controls(member).set({ clockOffsetMs: random.pick(offsetsMs) });
  await Promise.all(
    cluster.all
      .filter((member) => cluster.processes.isRunning(member))
      .map((member) => cluster.controls(member).inForce()),
  );
  let timer: NodeJS.Timeout;
  const jump = () => {
    cluster.controls(random.pick(cluster.all)).set({ clockOffsetMs: random.pick(offsetsMs) });
    timer = setTimeout(jump, random.between(jumpEveryMs.least, jumpEveryMs.most));
  };
  jump();
  return {
    what: `the wall clocks of all, up to ten years off, beginning with ${nameOf(0)}`,
    heal: async () => {
      clearTimeout(timer);
      for (const member of cluster.all) cluster.controls(member).set({ clockOffsetMs: 0 });
    },
  };
}

export const clockFaults: readonly Fault[] = [fault('clock-jumps', 'clock', clockJumps)];
