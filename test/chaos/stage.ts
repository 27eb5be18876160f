import { SimulatedRandom } from '../simulation/random.ts';
import { ChaosCluster } from './chaos-cluster.ts';
import type { Face } from './face.ts';
import { GrpcFace } from './grpc-face.ts';
import { LeaseWatch } from './leases.ts';
import { RestFace } from './rest-face.ts';
import { Strand } from './strand.ts';
import { Traffic } from './traffic.ts';

/** Of each kind of client, directly and through links of their own. */
const clientsOfAKind = 2;

const readyWithinMs = 90_000;

/** A cluster with its clients. */
export class Stage {
  readonly cluster: ChaosCluster;
  readonly traffic = new Traffic('shared');
  readonly leases: LeaseWatch;
  readonly #strands: readonly Strand[];

  private constructor(cluster: ChaosCluster, seed: string) {
    this.cluster = cluster;
    const { urls, grpcAddresses } = cluster.processes;
    this.leases = new LeaseWatch(urls, grpcAddresses, new SimulatedRandom(`${seed}/leases`), (text) =>
      this.traffic.violation(text),
    );
    this.#strands = this.#faces().flatMap(({ name, make }) =>
      Array.from({ length: clientsOfAKind }, (_, i) => {
        const random = new SimulatedRandom(`${seed}/${name}-${i}`);
        return new Strand(`${name}-${i}`, make(), cluster.size, this.traffic, random);
      }),
    );
  }

  static async set(seed: string, members: number): Promise<Stage> {
    const random = new SimulatedRandom(`${seed}/links`);
    return new Stage(await ChaosCluster.start({ members, fraction: () => random.fraction() }), seed);
  }

  start(): void {
    for (const strand of this.#strands) strand.start();
    this.leases.start();
  }

  /** Takes every disturbance back and starts whoever is down. Resolves when all members serve. */
  async heal(): Promise<void> {
    const { processes, network, smallDisk, all } = this.cluster;
    network.heal();
    if (typeof smallDisk !== 'string') smallDisk.clear();
    for (const member of all) {
      this.cluster.controls(member).reset();
      await processes.kill(member, 'SIGCONT');
      if (!processes.isRunning(member)) this.cluster.startMember(member);
    }
    await processes.ready(readyWithinMs);
  }

  async stopClients(): Promise<void> {
    await Promise.all(this.#strands.map((strand) => strand.stop()));
  }

  #faces(): { readonly name: string; readonly make: () => Face }[] {
    const { cluster } = this;
    const { urls, grpcAddresses } = cluster.processes;
    return [
      { name: 'rest', make: () => new RestFace(urls) },
      { name: 'grpc', make: () => new GrpcFace(grpcAddresses) },
      { name: 'far-rest', make: () => new RestFace(cluster.all.map((member) => cluster.network.restUrl(member))) },
      { name: 'far-grpc', make: () => new GrpcFace(cluster.all.map((member) => cluster.network.grpcAddress(member))) },
    ];
  }
}
