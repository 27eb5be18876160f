import type { GrpcRequest, PacedPlan, PacedResult } from '../load/load.ts';
import { probed } from '../probe.ts';
import { cpuSecondsOf, residentBytesOf } from '../process-usage.ts';
import type { Goal, Measured, Row, Scenario, Stage } from '../scenario.ts';
import { grantLeases, seed } from '../seed.ts';
import { callEtcd, etcdClient } from '../systems/etcd-calls.ts';
import { samplesOf, sumOf } from '../systems/exposition.ts';
import type { ManifestSystem } from '../systems/manifest-system.ts';
import type { System } from '../systems/system.ts';
import * as workloads from '../workloads.ts';

const instances = { full: 100_000, quick: 10_000 };
const heartbeatEverySeconds = 10;
const getsPerSecond = 500;
const registrationsPerSecond = 20;
/** Streams of heartbeats, and watches. */
const streams = 1_000;
const connections = 102;
const warmUpMs = 5_000;
const measureMs = { full: 40_000, quick: 10_000 };
/** Long enough for nobody to be removed while everything is set up. */
const removeAfterSeconds = 3_600;

interface Heartbeats {
  readonly operation: string;
  readonly request: GrpcRequest;
  readonly perMessage: number;
}

interface Rest {
  readonly get: GrpcRequest;
  readonly register: GrpcRequest;
  readonly watches: NonNullable<PacedPlan['watches']>;
}

export const mixedScenario: Scenario = {
  name: 'mixed',
  title: 'Mixed load of a fleet',
  quick: false,
  async run(stage): Promise<Measured> {
    const count = stage.settings.quick ? instances.quick : instances.full;
    const manifest = await stage.startManifest({ env: { MANIFEST_REMOVE_AFTER: String(removeAfterSeconds) } });
    const etcd = await stage.startEtcd();
    const rows: Row[] = [];
    const goals: Goal[] = [];
    for (const heartbeats of await prepareManifest(stage, manifest, count)) {
      const found = await measure(stage, manifest, heartbeats, await restOfManifest(manifest), count);
      rows.push(...found.rows);
      goals.push(...found.goals);
    }
    if (etcd) {
      await stage.onlyRuns(etcd);
      stage.say('  etcd: writing keys and granting leases');
      await seed(stage, etcd, count);
      const leases = await grantLeases(etcd.grpcTargets[0] ?? '', count);
      const request = await probed(etcd.grpcTargets[0] ?? '', workloads.keepAliveEtcd(leases, 'stream'), {
        less: 1,
        more: 8,
      });
      const keepAlives = { operation: 'LeaseKeepAlive', request, perMessage: 1 };
      rows.push(...(await measure(stage, etcd, keepAlives, await restOfEtcd(etcd), count)).rows);
      await expectKeys(etcd.grpcTargets[0] ?? '', count);
    }
    return {
      method: `${count} instances in ${workloads.servicesCount} services report every ${heartbeatEverySeconds} s over ${streams} streams; ${getsPerSecond} linearizable gets of one instance, ${registrationsPerSecond} re-registrations a second and ${streams} watches, one for each service; everything through all members over ${connections} connections of each kind, for ${measureMs.full / 1_000} s. Requests come at fixed times, and their latency counts from then on. etcd: keys without a lease and as many leases beside them. A batch has ${workloads.batchSize} heartbeats.`,
      columns: [
        { key: 'perSecond', title: 'requests/s' },
        { key: 'p50Ms', title: 'p50', unit: 'ms' },
        { key: 'p99Ms', title: 'p99', unit: 'ms' },
        { key: 'p999Ms', title: 'p99.9', unit: 'ms' },
        { key: 'failures', title: 'failures' },
        { key: 'falseUnhealthy', title: 'false unhealthy' },
        { key: 'watchesLost', title: 'watches lost' },
        { key: 'cpu', title: 'CPU of each member', unit: '% of a core' },
        { key: 'memory', title: 'memory of each member', unit: 'MiB' },
        { key: 'lateP99Ms', title: 'generator late, p99', unit: 'ms' },
      ],
      rows,
      goals,
    };
  },
};

async function prepareManifest(stage: Stage, manifest: ManifestSystem, count: number): Promise<Heartbeats[]> {
  stage.say(`  manifest: registering ${count} instances`);
  await seed(stage, manifest, count);
  const target = manifest.grpcTargets[0] ?? '';
  const exact = { less: 0, more: 0 };
  return [
    {
      operation: 'heartbeats in batches',
      request: await probed(target, workloads.heartbeatStream('batch'), exact),
      perMessage: workloads.batchSize,
    },
    {
      operation: 'heartbeats one by one',
      request: await probed(target, workloads.heartbeatStream('one'), exact),
      perMessage: 1,
    },
  ];
}

async function restOfManifest({ grpcTargets }: ManifestSystem): Promise<Rest> {
  const target = grpcTargets[0] ?? '';
  const watches = { ...workloads.watchManifest, targets: grpcTargets, connections };
  return {
    get: await probed(target, workloads.getInstanceGrpc, { less: 40, more: 40 }),
    register: await probed(target, workloads.registerGrpc, { less: 12, more: 12 }),
    watches,
  };
}

async function restOfEtcd({ grpcTargets }: System): Promise<Rest> {
  const target = grpcTargets[0] ?? '';
  return {
    get: await probed(target, workloads.rangeInstanceEtcd, { less: 8, more: 8 }),
    register: await probed(target, workloads.putEtcd, { less: 2, more: 8 }),
    watches: { ...workloads.watchEtcd, targets: grpcTargets, connections },
  };
}

async function measure(
  stage: Stage,
  system: System,
  heartbeats: Heartbeats,
  { get, register, watches }: Rest,
  count: number,
): Promise<{ readonly rows: Row[]; readonly goals: Goal[] }> {
  const { grpcTargets: targets } = system;
  const messages = count / heartbeats.perMessage;
  const common = { targets, connections, streams };
  const durationMs = stage.settings.quick ? measureMs.quick : measureMs.full;
  const plan: PacedPlan = {
    warmUpMs,
    durationMs,
    watches,
    flows: [
      {
        ...common,
        name: heartbeats.operation,
        request: heartbeats.request,
        perSecond: messages / heartbeatEverySeconds,
        numbers: { first: 0, count: messages },
      },
      { ...common, name: 'get', request: get, perSecond: getsPerSecond, numbers: { first: 0, count } },
      {
        ...common,
        name: 'register',
        request: register,
        perSecond: registrationsPerSecond,
        numbers: { first: 0, count },
      },
    ],
  };
  // The whole fleet reports once, whatever became of it while everything was set up.
  await stage.load({
    targets,
    request: heartbeats.request,
    inFlight: 64,
    durationMs: 120_000,
    requests: messages,
    numbers: { first: 0, count: messages },
  });
  const expiredBefore = await expiries(system);
  let cpuBefore: readonly number[] = [];
  let startedMs = 0;
  const result = await stage.pacedLoad(plan, () => {
    cpuBefore = system.pids().map((pid) => cpuSecondsOf([pid]));
    startedMs = performance.now();
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpu = system.pids().map((pid, i) => ((cpuSecondsOf([pid]) - (cpuBefore[i] ?? 0)) / seconds) * 100);
  const memory = system.pids().map((pid) => residentBytesOf(pid) / 2 ** 20);
  const expired = (await expiries(system)) - expiredBefore;
  return describe(system, heartbeats, result, { seconds: durationMs / 1_000, cpu, memory, expired });
}

function describe(
  system: System,
  { operation }: Heartbeats,
  result: PacedResult,
  { seconds, cpu, memory, expired }: { seconds: number; cpu: number[]; memory: number[]; expired: number },
): { readonly rows: Row[]; readonly goals: Goal[] } {
  const rows = result.flows.map(
    (flow, i): Row => ({
      case: operation,
      system: system.name,
      operation: flow.name,
      values: {
        perSecond: flow.operations / seconds,
        p50Ms: flow.latencyMs.p50,
        p99Ms: flow.latencyMs.p99,
        p999Ms: flow.latencyMs.p999,
        failures: flow.failures,
        falseUnhealthy: i === 0 && system.name === 'manifest' ? expired : null,
        watchesLost: i === 0 ? result.watchesLost : null,
        cpu: i === 0 ? each(cpu) : null,
        memory: i === 0 ? each(memory) : null,
        lateP99Ms: i === 0 ? result.lateMs.p99 : null,
      },
    }),
  );
  const worst = Math.max(...result.flows.map(({ latencyMs }) => latencyMs.p99));
  const failures = result.flows.reduce((sum, flow) => sum + flow.failures, 0);
  return {
    rows,
    goals: [
      {
        text: `Mixed load, ${operation}: p99 of every kind of request`,
        wanted: 'under 10 ms, none failed',
        measured: `${worst.toFixed(1)} ms, ${failures} failed`,
        met: worst < 10 && failures === 0,
      },
      {
        text: `Mixed load, ${operation}: instances that turned unhealthy though they reported`,
        wanted: 'none',
        measured: String(expired),
        met: expired === 0,
      },
    ],
  };
}

function each(values: readonly number[]): string {
  return values.map((value) => value.toFixed(0)).join(' / ');
}

/** Instances that turned unhealthy or were removed so far; etcd has leases only. */
async function expiries(system: System): Promise<number> {
  if (!('metrics' in system)) return 0;
  const manifest = system as ManifestSystem;
  const counts = await Promise.all(
    manifest.grpcTargets.map(async (_, i) => sumOf(samplesOf(await manifest.metrics(i), 'manifest_expiries_total'))),
  );
  return Math.max(...counts);
}

async function expectKeys(target: string, count: number): Promise<void> {
  const client = etcdClient(target);
  try {
    const range = { key: Buffer.from('/bench/'), range_end: Buffer.from('/bench0'), count_only: true };
    const answer = await callEtcd(client, 'KV/Range', range, 30_000);
    if (Number(answer.count) !== count) throw new Error(`etcd has ${answer.count} keys of ${count}.`);
  } finally {
    client.close();
  }
}
