import { Link, type LinkCondition } from './link.ts';

interface Ports {
  readonly rest: number;
  readonly grpc: number;
  readonly peer: number;
}

const open: LinkCondition = { kind: 'open' };

/** Every way between members, one link for each direction, and a way of its own from clients to each face of a member. */
export class Network {
  readonly #between: readonly (readonly (Link | null)[])[];
  readonly #faces: readonly { readonly rest: Link; readonly grpc: Link }[];

  private constructor(
    between: readonly (readonly (Link | null)[])[],
    faces: readonly { readonly rest: Link; readonly grpc: Link }[],
  ) {
    this.#between = between;
    this.#faces = faces;
  }

  static async open(members: readonly Ports[], fraction: () => number): Promise<Network> {
    const between = await Promise.all(
      members.map((_, from) =>
        Promise.all(members.map(({ peer }, to) => (from === to ? null : Link.open(peer, fraction)))),
      ),
    );
    const faces = await Promise.all(
      members.map(async ({ rest, grpc }) => ({
        rest: await Link.open(rest, fraction),
        grpc: await Link.open(grpc, fraction),
      })),
    );
    return new Network(between, faces);
  }

  get size(): number {
    return this.#between.length;
  }

  /** Carries what `from` says to `to`. */
  link(from: number, to: number): Link {
    const link = this.#between[from]?.[to];
    if (!link) throw new RangeError(`There is no link from ${from} to ${to}.`);
    return link;
  }

  /** Both directions between each of `some` and each of `others`. */
  linksBetween(some: readonly number[], others: readonly number[]): Link[] {
    return some.flatMap((from) => others.flatMap((to) => [this.link(from, to), this.link(to, from)]));
  }

  allPeerLinks(): Link[] {
    return this.#between.flatMap((links) => links.filter((link) => link !== null));
  }

  clientLinks(): Link[] {
    return this.#faces.flatMap(({ rest, grpc }) => [rest, grpc]);
  }

  /** Of one member's REST face, through its link. */
  restUrl(member: number): string {
    return `http://127.0.0.1:${this.#face(member).rest.port}`;
  }

  grpcAddress(member: number): string {
    return `127.0.0.1:${this.#face(member).grpc.port}`;
  }

  heal(): void {
    for (const link of [...this.allPeerLinks(), ...this.clientLinks()]) link.set(open);
  }

  async close(): Promise<void> {
    await Promise.all([...this.allPeerLinks(), ...this.clientLinks()].map((link) => link.close()));
  }

  #face(member: number) {
    const face = this.#faces[member];
    if (!face) throw new RangeError(`There is no member ${member}.`);
    return face;
  }
}
