import { resolve } from 'node:path';
import { Cluster } from '../../../test/process/cluster.ts';
import { waitFor } from '../../../test/process/wait-for.ts';
import { samplesOf, sumOf } from './exposition.ts';
import type { Handled, System } from './system.ts';

const profiler = new URL('../cpu-profiler.mjs', import.meta.url).href;

export interface ManifestOptions {
  readonly members?: number;
  /** Variables beside the defaults. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where each member leaves a CPU profile of its whole life. */
  readonly cpuProfileDirectory?: string | undefined;
}

/** A cluster of this project's members, from `dist/`. */
export class ManifestSystem implements System {
  readonly name = 'manifest';
  readonly cluster: Cluster;
  readonly #isProfiled: boolean;

  private constructor(cluster: Cluster, isProfiled: boolean) {
    this.cluster = cluster;
    this.#isProfiled = isProfiled;
  }

  static async start({ members = 3, env = {}, cpuProfileDirectory }: ManifestOptions = {}): Promise<ManifestSystem> {
    const profile =
      cpuProfileDirectory === undefined
        ? {}
        : { NODE_OPTIONS: `--import ${profiler}`, BENCH_PROFILE_DIRECTORY: resolve(cpuProfileDirectory) };
    const cluster = await Cluster.start({ nodes: members, env: { ...env, ...profile } });
    const system = new ManifestSystem(cluster, cpuProfileDirectory !== undefined);
    try {
      await system.#listsItself();
      // What it takes to start is no part of the profile.
      if (system.#isProfiled) for (const pid of system.pids()) process.kill(pid, 'SIGUSR2');
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  get grpcTargets(): string[] {
    return this.cluster.grpcAddresses;
  }

  get restTargets(): string[] {
    return this.cluster.members.map(({ rest }) => `127.0.0.1:${rest}`);
  }

  pids(): number[] {
    return this.cluster.members.flatMap(({ child }) => (child?.pid === undefined ? [] : [child.pid]));
  }

  leader(): Promise<number> {
    return this.cluster.leader();
  }

  async term(): Promise<number> {
    return (await this.cluster.status(0)).term;
  }

  async revision(): Promise<number> {
    const response = await fetch(`http://${this.restTargets[0]}/v1/services?limit=1`);
    return Number(response.headers.get('x-manifest-index'));
  }

  async handled(): Promise<Handled> {
    const texts = await Promise.all(this.#running().map((i) => this.metrics(i)));
    const http = texts.flatMap((text) => samplesOf(text, 'manifest_http_requests_total'));
    const grpc = texts.flatMap((text) => samplesOf(text, 'manifest_grpc_requests_total'));
    const isOk = ({ labels }: (typeof http)[number]) => labels.code === '0' || /^[23]/.test(labels.status ?? '');
    const all = [...http, ...grpc];
    const ok = sumOf(all.filter(isOk));
    return { ok, failed: sumOf(all) - ok };
  }

  /** The Prometheus text of one member. */
  async metrics(position: number): Promise<string> {
    const response = await fetch(`http://${this.restTargets[position]}/v1/metrics`, {
      signal: AbortSignal.timeout(10_000),
    });
    return response.text();
  }

  startMember(position: number): void {
    this.cluster.startMember(position);
  }

  async killMember(position: number): Promise<void> {
    await this.cluster.kill(position, 'SIGKILL');
  }

  ready(timeoutMs?: number): Promise<void> {
    return this.cluster.ready(timeoutMs);
  }

  pause(): void {
    for (const pid of this.pids()) process.kill(pid, 'SIGSTOP');
  }

  async resume(): Promise<void> {
    for (const pid of this.pids()) process.kill(pid, 'SIGCONT');
    await this.ready();
  }

  dataDirectory(position: number): string {
    return this.cluster.members[position]?.dataDirectory ?? '';
  }

  lastWords(position: number): string {
    return this.cluster.lastWords(position);
  }

  async stop(): Promise<void> {
    for (const pid of this.pids()) process.kill(pid, 'SIGCONT');
    // Only a member that ends by itself writes its profile.
    if (this.#isProfiled) await Promise.all(this.#running().map((i) => this.cluster.kill(i, 'SIGTERM')));
    await this.cluster.stop();
  }

  /** From then on, nothing but the load grows the revision. */
  async #listsItself(): Promise<void> {
    const url = `http://${this.restTargets[0]}/v1/services/manifest/instances`;
    const look = async () => {
      const instances = (await (await fetch(url)).json()) as unknown[];
      return instances.length === this.cluster.members.length ? true : undefined;
    };
    await waitFor(look, { timeoutMs: 30_000, what: 'all members to list themselves' });
  }

  #running(): number[] {
    return this.cluster.members.flatMap(({ child }, i) => (child ? [i] : []));
  }
}
