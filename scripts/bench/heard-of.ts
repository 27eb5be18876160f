import type { InstanceRecord } from '../../src/registry/records.ts';
import { fillText } from './load/template.ts';
import type { ManifestSystem } from './systems/manifest-system.ts';
import { instancePath } from './workloads.ts';

/** Of how many instances it is looked up whether they were heard of. */
const samples = 20;

/**
 * Looks up some of the instances 0 to `count` - 1, to which `operations` heartbeats went in turn: whoever was
 * acknowledged shows it. A generator's threads do not advance equally, so the first half of what they did is looked at.
 * @throws Error that names one whose last heartbeat is older than `since`
 */
export async function expectHeardOf(
  manifest: ManifestSystem,
  count: number,
  since: Date,
  operations: number,
): Promise<void> {
  const reached = Math.min(count, Math.floor(operations / 2));
  for (let i = 0; i < samples; i++) {
    const path = fillText(instancePath, Math.floor((i * reached) / samples));
    const response = await fetch(`http://${manifest.restTargets[i % manifest.restTargets.length]}${path}`);
    const record = (await response.json()) as InstanceRecord;
    if (!response.ok || new Date(record.last_heartbeat) < since) {
      throw new Error(`${path} shows no heartbeat since ${since.toISOString()}: ${JSON.stringify(record)}`);
    }
  }
}
