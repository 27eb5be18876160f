import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { freePorts } from '../../../test/process/cluster.ts';
import { waitFor } from '../../../test/process/wait-for.ts';
import { callEtcd, etcdClient } from './etcd-calls.ts';
import { samplesOf, sumOf } from './exposition.ts';
import type { Handled, System } from './system.ts';

interface EtcdMember {
  readonly name: string;
  readonly target: string;
  readonly peerUrl: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly client: Client;
  child: ChildProcess | null;
  exited: Promise<void>;
}

/** A cluster of etcd with its own defaults, beside the addresses and directories. */
export class EtcdSystem implements System {
  readonly name = 'etcd';
  readonly #directory: string;
  readonly #members: readonly EtcdMember[];

  private constructor(directory: string, members: readonly EtcdMember[]) {
    this.#directory = directory;
    this.#members = members;
  }

  static async start({ members = 3 }: { readonly members?: number } = {}): Promise<EtcdSystem> {
    const directory = mkdtempSync(join(tmpdir(), 'bench-etcd-'));
    const ports = await freePorts(2 * members);
    const system = new EtcdSystem(
      directory,
      Array.from({ length: members }, (_, i) => ({
        name: `etcd-${i + 1}`,
        target: `127.0.0.1:${ports[2 * i]}`,
        peerUrl: `http://127.0.0.1:${ports[2 * i + 1]}`,
        dataDirectory: join(directory, `etcd-${i + 1}`),
        logFile: join(directory, `etcd-${i + 1}.log`),
        client: etcdClient(`127.0.0.1:${ports[2 * i]}`),
        child: null,
        exited: Promise.resolve(),
      })),
    );
    try {
      for (let i = 0; i < members; i++) system.startMember(i);
      await system.ready();
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  get grpcTargets(): string[] {
    return this.#members.map(({ target }) => target);
  }

  readonly restTargets: readonly string[] = [];

  pids(): number[] {
    return this.#members.flatMap(({ child }) => (child?.pid === undefined ? [] : [child.pid]));
  }

  leader(): Promise<number> {
    return waitFor(
      async () => {
        for (const [i, member] of this.#members.entries()) {
          if (!member.child) continue;
          const status = await callEtcd(member.client, 'Maintenance/Status', {}, 2_000).catch(() => null);
          const header = status?.header as { readonly member_id?: string } | undefined;
          if (status && status.leader !== '0' && status.leader === header?.member_id) return i;
        }
        return undefined;
      },
      { timeoutMs: 20_000, what: 'a leader of etcd' },
    );
  }

  async term(): Promise<number> {
    return Number((await callEtcd(this.#member(0).client, 'Maintenance/Status', {})).raftTerm);
  }

  async revision(): Promise<number> {
    const { client } = this.#member(0);
    const answer = await callEtcd(client, 'KV/Range', { key: Buffer.from('none') });
    return Number((answer.header as { readonly revision: string }).revision);
  }

  async handled(): Promise<Handled> {
    const texts = await Promise.all(
      this.#members
        .filter(({ child }) => child !== null)
        .map(async ({ target }) => (await fetch(`http://${target}/metrics`)).text()),
    );
    const samples = texts.flatMap((text) => samplesOf(text, 'grpc_server_handled_total'));
    const ok = sumOf(samples.filter(({ labels }) => labels.grpc_code === 'OK'));
    return { ok, failed: sumOf(samples) - ok };
  }

  startMember(position: number): void {
    const member = this.#member(position);
    if (member.child) throw new Error(`${member.name} is already running.`);
    const log = openSync(member.logFile, 'a');
    const url = `http://${member.target}`;
    const child = spawn(
      'etcd',
      [
        ...['--name', member.name, '--data-dir', member.dataDirectory],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', member.peerUrl, '--initial-advertise-peer-urls', member.peerUrl],
        ...['--initial-cluster', this.#members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')],
      ],
      { stdio: ['ignore', log, log], env: { PATH: process.env.PATH ?? '' } },
    );
    closeSync(log);
    member.child = child;
    member.exited = new Promise((resolve) => {
      child.once('exit', () => {
        member.child = null;
        resolve();
      });
    });
  }

  async killMember(position: number): Promise<void> {
    const member = this.#member(position);
    member.child?.kill('SIGKILL');
    await member.exited;
  }

  async ready(timeoutMs = 30_000): Promise<void> {
    for (const [i, member] of this.#members.entries()) {
      await waitFor(
        async () => {
          if (!member.child) return undefined;
          await callEtcd(member.client, 'KV/Range', { key: Buffer.from('none') }, 2_000);
          return true;
        },
        { timeoutMs, what: `${member.name} to answer a read` },
      ).catch((error: Error) => {
        throw new Error(`${error.message}\n${this.lastWords(i)}`);
      });
    }
  }

  pause(): void {
    for (const pid of this.pids()) process.kill(pid, 'SIGSTOP');
  }

  async resume(): Promise<void> {
    for (const pid of this.pids()) process.kill(pid, 'SIGCONT');
    await this.ready();
  }

  dataDirectory(position: number): string {
    return this.#member(position).dataDirectory;
  }

  lastWords(position: number): string {
    return readFileSync(this.#member(position).logFile, 'utf8').split('\n').slice(-15).join('\n');
  }

  async stop(): Promise<void> {
    for (const member of this.#members) {
      member.client.close();
      member.child?.kill('SIGKILL');
      await member.exited;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #member(position: number): EtcdMember {
    const member = this.#members[position];
    if (!member) throw new RangeError(`There is no member ${position}.`);
    return member;
  }
}

/** Such as `3.4.23`. @throws when etcd is not installed */
export function etcdVersion(): string {
  const text = execFileSync('etcd', ['--version'], { encoding: 'utf8' });
  return /etcd Version: (\S+)/.exec(text)?.[1] ?? text.trim();
}
