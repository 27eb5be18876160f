import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from '../process/cluster.ts';
import { ControlFile } from './member-controls.ts';
import { Network } from './network.ts';
import { SmallDisk } from './small-disk.ts';

export interface ChaosClusterOptions {
  readonly members: number;
  /** A source of chance in `[0, 1)` for the links. */
  readonly fraction: () => number;
}

/**
 * Small limits, so that snapshots and compaction come often; lease times so long that what clients register lasts for the
 * longest run (the instances that are to expire ask for short ones); no long waits, so that clients soon go elsewhere.
 */
const settings = {
  MANIFEST_SNAPSHOT_EVERY_ENTRIES: '2000',
  MANIFEST_KEEP_ENTRIES: '200',
  MANIFEST_HEARTBEAT_INTERVAL: '3600',
  MANIFEST_UNHEALTHY_AFTER: '43200',
  MANIFEST_REMOVE_AFTER: '86400',
  MANIFEST_TTL_MIN: '0.2',
  MANIFEST_REQUEST_TIMEOUT_MS: '4000',
};

/** Real members whose every connection leads through a link, and whose clocks and disks can be disturbed. */
export class ChaosCluster {
  readonly processes: Cluster;
  readonly network: Network;
  /** The file system of the last member, or why it has none of its own. */
  readonly smallDisk: SmallDisk | string;
  readonly #controls: readonly ControlFile[];
  /** Where each member's log was when its process started. */
  readonly #logStartBytes: number[];

  private constructor(processes: Cluster, network: Network) {
    this.processes = processes;
    this.network = network;
    this.#controls = processes.members.map(({ id }) => new ControlFile(join(processes.directory, `${id}.controls`)));
    this.#logStartBytes = processes.members.map(() => 0);
    this.smallDisk = SmallDisk.mount(this.#diskOf(this.smallDiskMember));
  }

  static async start({ members, fraction }: ChaosClusterOptions): Promise<ChaosCluster> {
    const processes = await Cluster.start({ nodes: members, manual: true, env: settings });
    const cluster = new ChaosCluster(processes, await Network.open(processes.members, fraction));
    try {
      for (const member of cluster.all) cluster.startMember(member);
      await processes.ready(60_000);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get size(): number {
    return this.processes.members.length;
  }

  /** Positions of all members. */
  get all(): number[] {
    return this.processes.members.map((_, member) => member);
  }

  get majority(): number {
    return Math.floor(this.size / 2) + 1;
  }

  get smallDiskMember(): number {
    return this.size - 1;
  }

  dataDirectory(member: number): string {
    return join(this.#diskOf(member), 'data');
  }

  controls(member: number): ControlFile {
    const controls = this.#controls[member];
    if (!controls) throw new RangeError(`There is no member ${member}.`);
    return controls;
  }

  startMember(member: number): void {
    const { members } = this.processes;
    const peers = members.map(({ id, peer }, to) => {
      const port = to === member ? peer : this.network.link(member, to).port;
      return `${id}=127.0.0.1:${port}`;
    });
    this.#logStartBytes[member] = sizeOf(this.#logFile(member));
    this.processes.startMember(member, {
      ...this.controls(member).environment,
      MANIFEST_PEERS: peers.join(','),
      MANIFEST_DATA_DIR: this.dataDirectory(member),
    });
  }

  /** What the member has logged since it was started last. */
  logSinceStart(member: number): string {
    return readFileSync(this.#logFile(member))
      .subarray(this.#logStartBytes[member] ?? 0)
      .toString();
  }

  /** Ends every process and removes everything. */
  async stop(): Promise<void> {
    for (const { child } of this.processes.members) {
      child?.kill('SIGCONT');
      child?.kill('SIGKILL');
    }
    await Promise.all(this.all.map((member) => this.processes.exited(member)));
    await this.network.close();
    if (typeof this.smallDisk !== 'string') this.smallDisk.unmount();
    await this.processes.stop();
  }

  #diskOf(member: number): string {
    return join(this.processes.directory, `disk-${member + 1}`);
  }

  #logFile(member: number): string {
    const file = this.processes.members[member]?.logFile;
    if (file === undefined) throw new RangeError(`There is no member ${member}.`);
    return file;
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
