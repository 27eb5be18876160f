import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterStatus } from '../../src/registry/service.ts';
import { waitFor } from './wait-for.ts';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface ClusterOptions {
  readonly nodes?: number;
  /** Variables for every member, such as `MANIFEST_UNHEALTHY_AFTER`. */
  readonly env?: Readonly<Record<string, string>>;
  /** REST port of the first member; the others follow in steps of ten, gRPC two and peers three above. Random by default. */
  readonly basePort?: number;
  /** Start the processes only when `start(i)` is called. */
  readonly manual?: boolean;
}

interface MemberProcess {
  readonly id: string;
  readonly rest: number;
  readonly grpc: number;
  readonly peer: number;
  readonly dataDirectory: string;
  readonly logFile: string;
  child: ChildProcess | null;
  exited: Promise<number | null>;
}

/** A real cluster: one process a member, real sockets, real disk. */
export class Cluster {
  readonly directory: string;
  readonly members: readonly MemberProcess[];
  readonly #env: Record<string, string>;

  private constructor(directory: string, members: readonly MemberProcess[], env: Readonly<Record<string, string>>) {
    this.directory = directory;
    this.members = members;
    this.#env = { ...env };
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    if (!existsSync(program)) throw new Error('Build the project first: npm run build');
    const directory = mkdtempSync(join(tmpdir(), 'manifest-cluster-'));
    const count = options.nodes ?? 3;
    const ports =
      options.basePort === undefined
        ? await freePorts(3 * count)
        : Array.from({ length: count }, (_, i) => (options.basePort ?? 0) + 10 * i).flatMap((p) => [p, p + 2, p + 3]);
    const members = Array.from({ length: count }, (_, i): MemberProcess => {
      const id = `node-${i + 1}`;
      return {
        id,
        rest: ports[3 * i] ?? 0,
        grpc: ports[3 * i + 1] ?? 0,
        peer: ports[3 * i + 2] ?? 0,
        dataDirectory: join(directory, id),
        logFile: join(directory, `${id}.log`),
        child: null,
        exited: Promise.resolve(null),
      };
    });
    const cluster = new Cluster(directory, members, options.env ?? {});
    if (options.manual) return cluster;
    for (let i = 0; i < count; i++) cluster.startMember(i);
    try {
      await cluster.ready();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** REST base URLs, in the order of the members. */
  get urls(): string[] {
    return this.members.map((member) => `http://127.0.0.1:${member.rest}`);
  }

  get grpcAddresses(): string[] {
    return this.members.map((member) => `127.0.0.1:${member.grpc}`);
  }

  url(i: number): string {
    return `http://127.0.0.1:${this.#member(i).rest}`;
  }

  #member(i: number): MemberProcess {
    const member = this.members[i];
    if (!member) throw new RangeError(`There is no member ${i}.`);
    return member;
  }

  startMember(i: number, env: Readonly<Record<string, string>> = {}): ChildProcess {
    const member = this.#member(i);
    if (member.child) throw new Error(`${member.id} is already running.`);
    const child = spawn(process.execPath, [program, 'serve'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH ?? '',
        MANIFEST_NODE_ID: member.id,
        MANIFEST_CLUSTER_ID: 'test',
        MANIFEST_DATA_DIR: member.dataDirectory,
        MANIFEST_REST_PORT: String(member.rest),
        MANIFEST_GRPC_PORT: String(member.grpc),
        MANIFEST_PEER_PORT: String(member.peer),
        MANIFEST_PEERS: this.members.map(({ id, peer }) => `${id}=127.0.0.1:${peer}`).join(','),
        ...this.#env,
        ...env,
      },
    });
    const log = createWriteStream(member.logFile, { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    member.child = child;
    member.exited = new Promise((resolve) => {
      child.once('exit', (code) => {
        member.child = null;
        log.end();
        resolve(code);
      });
    });
    return child;
  }

  /** Sends a signal; for SIGKILL and SIGTERM, resolves when the process is gone, with its exit code. */
  async kill(i: number, signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): Promise<number | null> {
    const member = this.#member(i);
    member.child?.kill(signal);
    return signal === 'SIGKILL' || signal === 'SIGTERM' ? member.exited : null;
  }

  /** The exit code, once the process has ended by itself. */
  exited(i: number): Promise<number | null> {
    return this.#member(i).exited;
  }

  /** The end of a member's log. */
  lastWords(i: number): string {
    return readFileSync(this.#member(i).logFile, 'utf8').split('\n').slice(-15).join('\n');
  }

  isRunning(i: number): boolean {
    return this.#member(i).child !== null;
  }

  async status(i: number, hash = false): Promise<ClusterStatus> {
    const response = await fetch(`${this.url(i)}/v1/cluster${hash ? '?hash=true' : ''}`, {
      signal: AbortSignal.timeout(10_000),
    });
    return (await response.json()) as ClusterStatus;
  }

  /** Position of the member that itself says it leads, and that a majority confirms by reading through it. */
  async leader(timeoutMs = 20_000): Promise<number> {
    return waitFor(
      async () => {
        for (const [i, member] of this.members.entries()) {
          if (!member.child) continue;
          const status = await this.status(i).catch(() => null);
          const own = status?.members.find(({ id }) => id === member.id);
          if (own?.role !== 'leader') continue;
          const read = await fetch(`${this.url(i)}/v1/services`, { signal: AbortSignal.timeout(2_000) });
          if (read.ok) return i;
        }
        return undefined;
      },
      { timeoutMs, what: 'a leader that serves' },
    );
  }

  /** Every running member answers a linearizable read. */
  async ready(timeoutMs = 30_000): Promise<void> {
    for (const [i, member] of this.members.entries()) {
      await waitFor(
        async () => {
          if (!member.child) throw new AssertionFailure(`${member.id} ended by itself:\n${this.lastWords(i)}`);
          const response = await fetch(`${this.url(i)}/v1/services`, { signal: AbortSignal.timeout(2_000) });
          return response.ok ? true : undefined;
        },
        { timeoutMs, what: `${member.id} to answer a read` },
      );
    }
  }

  /** Waits until all running members have applied the same index and hash to the same state, and returns the hash. */
  async sameState(timeoutMs = 30_000): Promise<string> {
    return waitFor(
      async () => {
        const running = this.members.flatMap((member, i) => (member.child ? [i] : []));
        const states = await Promise.all(running.map(async (i) => (await this.status(i, true)).state));
        const [first] = states;
        if (!first?.hash) return undefined;
        if (states.some(({ applied_index }) => applied_index !== first.applied_index)) return undefined;
        if (states.some(({ hash }) => hash !== first.hash)) {
          throw new AssertionFailure(`members disagree at the same index: ${JSON.stringify(states)}`);
        }
        return first.hash;
      },
      { timeoutMs, what: 'all members at one index' },
    );
  }

  /** Ends every process and removes the data. */
  async stop(): Promise<void> {
    for (const [i, member] of this.members.entries()) {
      if (!member.child) continue;
      member.child.kill('SIGCONT');
      await this.kill(i, 'SIGKILL');
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Ends a wait at once: no later look can make it right. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

export function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  return Cluster.start(options);
}

/**
 * Ports that were free a moment ago, all different. Below the range that systems hand out for outgoing connections, so
 * that no client's connection takes the port of a member that is down for a moment.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
