import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Looked, LoopMonitor } from '../loop-monitor.ts';
import { median } from '../percentiles.ts';
import { probed } from '../probe.ts';
import type { Goal, Measured, Row, Scenario, Stage } from '../scenario.ts';
import { seed } from '../seed.ts';
import { samplesOf, sumOf } from '../systems/exposition.ts';
import type { ManifestSystem } from '../systems/manifest-system.ts';
import { registerGrpc } from '../workloads.ts';
import { longLeases } from './fleet.ts';

const registrationsPerSecond = 300;
const calmMs = 5_000;
const stepMs = 5_000;
const mostSteps = 36;
const heapMib = 6_144;

export const snapshotScenario: Scenario = {
  name: 'snapshot',
  title: 'Snapshot and compaction, and what an instance costs',
  quick: false,
  async run(stage): Promise<Measured> {
    const rows: Row[] = [];
    for (const instances of stage.settings.quick ? [10_000] : [100_000, 1_000_000]) {
      rows.push(...(await measure(stage, instances)));
    }
    return {
      method: `All instances are registered, then ${registrationsPerSecond} re-registrations a second go on while every member takes a snapshot and deletes the log before it. The event loop is looked at from within the members, the worst of the three is shown. Memory: what is in use after a collection of garbage, less what it was with no instance; members may use ${heapMib} MiB. Disk: the data directory after the snapshot.`,
      columns: [
        { key: 'delayP50Ms', title: 'loop delay p50', unit: 'ms' },
        { key: 'delayP99Ms', title: 'p99', unit: 'ms' },
        { key: 'delayP999Ms', title: 'p99.9', unit: 'ms' },
        { key: 'delayWorstMs', title: 'worst', unit: 'ms' },
        { key: 'requestP99Ms', title: 'register p99', unit: 'ms' },
        { key: 'snapshotMs', title: 'a snapshot takes', unit: 'ms' },
        { key: 'heapBytes', title: 'memory', unit: 'bytes an instance' },
        { key: 'residentMib', title: 'resident', unit: 'MiB' },
        { key: 'diskBytes', title: 'disk', unit: 'bytes an instance' },
      ],
      rows,
      goals: rows.filter(({ operation }) => operation === 'while snapshots are taken').map(goalOf),
    };
  },
};

async function measure(stage: Stage, instances: number): Promise<Row[]> {
  const monitor = new LoopMonitor(stage.directory);
  const manifest = await stage.startManifest({
    env: {
      ...longLeases,
      ...monitor.environment(heapMib),
      // Due a little after the last instance is registered.
      MANIFEST_SNAPSHOT_EVERY_ENTRIES: String(Math.ceil(instances * 1.01) + 5 * registrationsPerSecond),
      MANIFEST_SNAPSHOT_EVERY_BYTES: String(1_000_000_000_000),
    },
  });
  try {
    const look = () => Promise.all(manifest.pids().map((pid) => monitor.look(pid)));
    const empty = await look();
    stage.say(`  registering ${instances} instances`);
    await seed(stage, manifest, instances);
    const full = await look();
    const calmed = await load(stage, manifest, instances, calmMs);
    const calm = await look();
    const request = await loadUntilSnapshots(stage, manifest, instances);
    const busy = await look();
    const heapBytes = median(full.map((member, i) => (member.heapBytes - (empty[i]?.heapBytes ?? 0)) / instances));
    const common = { case: `${instances.toLocaleString('en-US')} instances`, system: 'manifest' };
    return [
      {
        ...common,
        operation: 'before',
        values: { ...worstOf(calm), requestP99Ms: calmed.p99, heapBytes, residentMib: residentMib(full) },
      },
      {
        ...common,
        operation: 'while snapshots are taken',
        values: {
          ...worstOf(busy),
          requestP99Ms: request.p99,
          snapshotMs: await snapshotMs(manifest),
          residentMib: residentMib(busy),
          diskBytes: median(manifest.grpcTargets.map((_, i) => sizeOf(manifest.dataDirectory(i)) / instances)),
        },
      },
    ];
  } finally {
    // The next one needs its memory.
    await stage.end(manifest);
  }
}

async function load(stage: Stage, manifest: ManifestSystem, count: number, durationMs: number) {
  const result = await stage.pacedLoad(
    {
      warmUpMs: 0,
      durationMs,
      watches: null,
      flows: [
        {
          name: 'register',
          targets: manifest.grpcTargets,
          request: await probed(manifest.grpcTargets[0] ?? '', registerGrpc, { less: 12, more: 12 }),
          perSecond: registrationsPerSecond,
          connections: 3,
          streams: 0,
          numbers: { first: 0, count },
        },
      ],
    },
    () => {},
  );
  const [flow] = result.flows;
  if (!flow || flow.failures > 0) throw new Error(`${flow?.failures} registrations failed.`);
  return { p99: flow.latencyMs.p99 };
}

/** The p99 of the step in which it was worst. */
async function loadUntilSnapshots(stage: Stage, manifest: ManifestSystem, count: number) {
  let p99 = 0;
  for (let step = 0; step < mostSteps; step++) {
    p99 = Math.max(p99, (await load(stage, manifest, count, stepMs)).p99);
    const taken = await Promise.all(manifest.grpcTargets.map((_, i) => snapshots(manifest, i)));
    if (taken.every((number) => number > 0)) return { p99 };
  }
  throw new Error('No snapshot was taken within the time for it.');
}

async function snapshots(manifest: ManifestSystem, member: number): Promise<number> {
  return sumOf(samplesOf(await manifest.metrics(member), 'manifest_snapshot_duration_seconds_count'));
}

async function snapshotMs(manifest: ManifestSystem): Promise<number> {
  const text = await manifest.metrics(0);
  const seconds = sumOf(samplesOf(text, 'manifest_snapshot_duration_seconds_sum'));
  return (seconds / sumOf(samplesOf(text, 'manifest_snapshot_duration_seconds_count'))) * 1_000;
}

function worstOf(members: readonly Looked[]) {
  const worst = (key: keyof Looked['delayMs']) => Math.max(...members.map(({ delayMs }) => delayMs[key]));
  return {
    delayP50Ms: worst('p50'),
    delayP99Ms: worst('p99'),
    delayP999Ms: worst('p999'),
    delayWorstMs: worst('worst'),
  };
}

function residentMib(members: readonly Looked[]): number {
  return median(members.map(({ residentBytes }) => residentBytes / 2 ** 20));
}

function sizeOf(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function goalOf(row: Row): Goal {
  const delayMs = Number(row.values.delayP999Ms);
  return {
    text: `Event-loop delay, p99.9, while snapshots of ${row.case} are taken`,
    wanted: 'under 20 ms',
    measured: `${delayMs.toFixed(1)} ms`,
    met: delayMs < 20,
  };
}
