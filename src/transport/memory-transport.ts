import { decodeBatch, encodeBatch } from '../codec/peer-codec.ts';
import type { NodeId } from '../raft/types.ts';
import { checkEnvelope } from './envelope.ts';
import {
  type PeerIdentity,
  type PeerMessage,
  PROTOCOL_VERSION,
  type Transport,
  type TransportHandler,
} from './transport.ts';

/** What becomes of one message: the delays after which it arrives, in milliseconds; none when it is lost. */
export type Fate = (from: NodeId, to: NodeId, message: PeerMessage) => readonly number[];

interface Station {
  readonly identity: PeerIdentity;
  readonly handler: TransportHandler;
}

/** A network in memory, for tests and simulations: time and fate are handed in, and messages really are encoded. */
export class MemoryNetwork {
  readonly #after: (delayMs: number, deliver: () => void) => void;
  readonly #stations = new Map<NodeId, Station>();
  readonly #cuts = new Set<string>();
  fate: Fate = () => [0];

  constructor(after: (delayMs: number, deliver: () => void) => void) {
    this.#after = after;
  }

  transport(nodeId: NodeId): Transport {
    return new MemoryTransport(this, nodeId);
  }

  /** Loses everything from one member to another; the other direction still works. */
  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  attach(station: Station): void {
    const { nodeId } = station.identity;
    if (this.#stations.has(nodeId)) throw new Error(`The address of ${nodeId} is in use.`);
    this.#stations.set(nodeId, station);
  }

  detach(nodeId: NodeId, handler: TransportHandler): void {
    if (this.#stations.get(nodeId)?.handler === handler) this.#stations.delete(nodeId);
  }

  deliver(sender: Station, to: NodeId, message: PeerMessage): void {
    const from = sender.identity.nodeId;
    const bytes = encodeBatch({ sender: sender.identity, to, protocolVersion: PROTOCOL_VERSION, messages: [message] });
    if (this.#cuts.has(`${from}>${to}`) || !this.#stations.has(to)) {
      this.#after(0, () => this.#isAttached(sender) && sender.handler.unreachable(to));
      return;
    }
    for (const delayMs of this.fate(from, to, message)) this.#after(delayMs, () => this.#arrive(sender, to, bytes));
  }

  #arrive(sender: Station, to: NodeId, bytes: Uint8Array): void {
    const receiver = this.#stations.get(to);
    if (!receiver) return;
    const batch = decodeBatch(bytes);
    const problem = checkEnvelope(batch, receiver.identity, null);
    if (problem !== null) {
      receiver.handler.refused(sender.identity.nodeId, problem);
      if (this.#isAttached(sender)) sender.handler.refused(to, problem);
      return;
    }
    for (const message of batch.messages) {
      receiver.handler.receive(sender.identity.nodeId, sender.identity.incarnation, message);
    }
  }

  #isAttached(station: Station): boolean {
    return this.#stations.get(station.identity.nodeId) === station;
  }
}

class MemoryTransport implements Transport {
  readonly #network: MemoryNetwork;
  readonly #nodeId: NodeId;
  #station: Station | null = null;

  constructor(network: MemoryNetwork, nodeId: NodeId) {
    this.#network = network;
    this.#nodeId = nodeId;
  }

  async start(identity: PeerIdentity, handler: TransportHandler): Promise<void> {
    this.#station = { identity, handler };
    this.#network.attach(this.#station);
  }

  send(to: NodeId, message: PeerMessage): void {
    if (this.#station && to !== this.#nodeId) this.#network.deliver(this.#station, to, message);
  }

  queuedBytes(): number {
    return 0;
  }

  async close(): Promise<void> {
    if (this.#station) this.#network.detach(this.#nodeId, this.#station.handler);
    this.#station = null;
  }
}
