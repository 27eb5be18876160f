import type { LoadPlan } from './load/load.ts';
import { probed } from './probe.ts';
import type { Stage } from './scenario.ts';
import { callEtcd, etcdClient } from './systems/etcd-calls.ts';
import type { System } from './systems/system.ts';
import { putEtcd, registerGrpc } from './workloads.ts';

const inFlight = 256;
const longestMs = 1_800_000;

/** Lists instances 0 to `count` - 1, or puts their keys, and looks that they are all there. */
export async function seed(stage: Stage, system: System, count: number): Promise<void> {
  await stage.onlyRuns(system);
  const before = await system.revision();
  const unprobed = system.name === 'manifest' ? registerGrpc : putEtcd;
  const request = await probed(system.grpcTargets[0] ?? '', unprobed, { less: 12, more: 12 });
  const plan: LoadPlan = {
    targets: system.grpcTargets,
    request,
    inFlight: Math.min(inFlight, count),
    durationMs: longestMs,
    requests: count,
    numbers: { first: 0, count },
  };
  await stage.load(plan);
  const grown = (await system.revision()) - before;
  // The probe wrote number 0 as well.
  if (grown !== count + 1)
    throw new Error(`${count + 1} records were to be written, and there are ${grown} new revisions.`);
}

/** Lease ids that etcd has granted, each for an hour. */
export async function grantLeases(target: string, count: number): Promise<string[]> {
  const client = etcdClient(target);
  try {
    const ids: string[] = [];
    while (ids.length < count) {
      const batch = Array.from({ length: Math.min(100, count - ids.length) }, () =>
        callEtcd(client, 'Lease/LeaseGrant', { TTL: 3_600 }, 30_000),
      );
      ids.push(...(await Promise.all(batch)).map(({ ID }) => String(ID)));
    }
    return ids;
  } finally {
    client.close();
  }
}
