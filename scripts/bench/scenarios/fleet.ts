import type { Stage } from '../scenario.ts';
import { seed } from '../seed.ts';
import type { EtcdSystem } from '../systems/etcd-system.ts';
import type { ManifestSystem } from '../systems/manifest-system.ts';

/** Lease times for loads in which instances are not to expire, however seldom the load comes to one. */
export const longLeases = {
  MANIFEST_HEARTBEAT_INTERVAL: '3600',
  MANIFEST_UNHEALTHY_AFTER: '43200',
  MANIFEST_REMOVE_AFTER: '86400',
};

/** Both systems with the same records in them. */
export async function startFleets(
  stage: Stage,
  instances: number,
): Promise<{ readonly manifest: ManifestSystem; readonly etcd: EtcdSystem | null }> {
  const manifest = await stage.startManifest({ env: longLeases });
  const etcd = await stage.startEtcd();
  if (instances > 0) {
    await seed(stage, manifest, instances);
    if (etcd) await seed(stage, etcd, instances);
  }
  return { manifest, etcd };
}
