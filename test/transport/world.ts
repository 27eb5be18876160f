import type { TransportLimits } from '../../src/transport/limits.ts';
import type { PeerIdentity, PeerMessage, Transport } from '../../src/transport/transport.ts';
import { waitFor } from '../process/wait-for.ts';
import { numbered, Recorder } from './recorder.ts';

export interface TransportVariant {
  readonly protocolVersion?: number;
  readonly queue?: TransportLimits['queue'];
}

/** A network of the addresses `a`, `b` and `c`, on which transports of one implementation are made. */
export interface World {
  /** A transport that listens where the peers look for `address`; not started. */
  transport(address: string, variant?: TransportVariant): Transport;
}

/** One member: what it says through its transport and what it hears. */
export interface Member {
  readonly transport: Transport;
  readonly heard: Recorder;
}

const limitMs = 10_000;

export function identityOf(nodeId: string, changes: Partial<PeerIdentity> = {}): PeerIdentity {
  return { clusterId: 'cluster-1', nodeId, incarnation: `first-of-${nodeId}`, ...changes };
}

/** Starts members in a world, and closes them all in the end. */
export class Members {
  readonly #world: World;
  readonly #started: Transport[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  async start(
    address: string,
    options: { readonly identity?: Partial<PeerIdentity>; readonly variant?: TransportVariant } = {},
  ): Promise<Member> {
    const transport = this.#world.transport(address, options.variant);
    const heard = new Recorder();
    this.#started.push(transport);
    await transport.start(identityOf(address, options.identity), heard);
    return { transport, heard };
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#started.map((transport) => transport.close()));
  }
}

/** Waits until messages of both lanes get from one member to another; what was heard on the way is forgotten. */
export async function connected(sender: Member, to: string, receiver: Member): Promise<void> {
  const probes: readonly PeerMessage[] = [
    { type: 'timeout-now', from: 'a', to, term: 1 },
    {
      type: 'snapshot-ack',
      term: 1,
      snapshotIndex: 1,
      snapshotTerm: 1,
      checksum: 1,
      nextChunkIndex: 1,
      rejected: false,
    },
  ];
  for (const probe of probes) {
    await waitFor(
      () => {
        sender.transport.send(to, probe);
        return receiver.heard.messages.find(({ type }) => type === probe.type);
      },
      { timeoutMs: limitMs, what: `${probe.type} to reach ${to}`, everyMs: 10 },
    );
  }
  // Probes are small and order is kept: when this one is there, every one before it is.
  const last = 2 ** 40;
  sender.transport.send(to, numbered(last));
  await eventually(`the last probe to reach ${to}`, () => receiver.heard.numbers().includes(last));
  await eventually(`the probes to leave the queue for ${to}`, () => sender.transport.queuedBytes(to) === 0);
  sender.heard.forget();
  receiver.heard.forget();
}

export async function eventually(what: string, condition: () => boolean, timeoutMs = limitMs): Promise<void> {
  await waitFor(() => (condition() ? true : undefined), { timeoutMs, what, everyMs: 5 });
}
