import { decodeBatch, encodeBatch } from '../codec/peer-codec.ts';
import type { NodeId } from '../raft/types.ts';
import { checkEnvelope } from './envelope.ts';
import { defaultLimits, laneOf, type TransportLimits } from './limits.ts';
import {
  type PeerIdentity,
  type PeerMessage,
  PROTOCOL_VERSION,
  type Transport,
  type TransportHandler,
} from './transport.ts';

/** What becomes of one message: the delays after which it arrives, in milliseconds; none when it is lost. */
export type Fate = (from: NodeId, to: NodeId, message: PeerMessage) => readonly number[];

export interface MemoryTransportOptions {
  /** What to speak instead of `PROTOCOL_VERSION`: lets a test be a member of another release. */
  readonly protocolVersion?: number;
  readonly limits?: Pick<TransportLimits, 'queue'>;
}

interface Station {
  /** Where the network finds it: usually, not always, its name. */
  readonly address: NodeId;
  readonly identity: PeerIdentity;
  readonly handler: TransportHandler;
  readonly protocolVersion: number;
  readonly queue: TransportLimits['queue'];
  /** Peers whose loss is about to be reported. */
  readonly lostPeers: Set<NodeId>;
}

/** What is under way from one member to another on one lane. */
interface Traffic {
  messages: number;
  bytes: number;
}

const direction = (from: NodeId, to: NodeId) => `${from}>${to}`;

/**
 * A network in memory, for tests and simulations. Time and fate are handed in; messages really are encoded, so that
 * nobody shares an object with a peer.
 */
export class MemoryNetwork {
  readonly #after: (delayMs: number, deliver: () => void) => void;
  readonly #stations = new Map<NodeId, Station>();
  readonly #cuts = new Set<string>();
  readonly #traffic = new Map<string, Traffic>();
  /** Decides on each message that is not stopped by a cut: once and at once, unless this is replaced. */
  fate: Fate = () => [0];

  /** @param after runs `deliver` once, `delayMs` from now and never within the call; equal delays keep their order */
  constructor(after: (delayMs: number, deliver: () => void) => void) {
    this.#after = after;
  }

  transport(nodeId: NodeId, options: MemoryTransportOptions = {}): Transport {
    return new MemoryTransport(this, nodeId, options);
  }

  /** Loses everything from one member to another, what is under way too; the other direction still works. */
  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(direction(from, to));
  }

  /** Ends one cut; every cut, when called with nothing. */
  heal(...link: [] | [from: NodeId, to: NodeId]): void {
    if (link.length === 0) this.#cuts.clear();
    else this.#cuts.delete(direction(...link));
  }

  /** @throws Error when a member of this name runs */
  attach(station: Station): void {
    const { address } = station;
    if (this.#stations.has(address)) throw new Error(`Cannot listen for peers on '${address}': the address is in use.`);
    this.#stations.set(address, station);
  }

  detach(station: Station): void {
    const { address } = station;
    if (!this.#isAttached(station)) return;
    this.#stations.delete(address);
    for (const other of this.#stations.values()) {
      // Where the link is cut, nobody hears of the end of a connection.
      if (this.#cuts.has(direction(address, other.address))) continue;
      this.#report(other, () => other.handler.disconnected(address));
    }
  }

  deliver(sender: Station, to: NodeId, message: PeerMessage): void {
    const { address: from, identity, protocolVersion } = sender;
    const receiver = this.#stations.get(to);
    if (!receiver || this.#cuts.has(direction(from, to))) {
      this.#reportLoss(sender, to);
      return;
    }

    const bytes = encodeBatch({ sender: identity, to, protocolVersion, messages: [message] });
    const lane = laneOf(message);
    const traffic = this.#trafficOf(from, to, lane);
    const { maxMessages, maxBytes } = sender.queue[lane];
    const isFull = traffic.messages >= maxMessages || traffic.bytes + bytes.length > maxBytes;
    if (isFull && traffic.messages > 0) {
      this.#reportLoss(sender, to);
      return;
    }

    for (const delayMs of this.fate(from, to, message)) {
      traffic.messages++;
      traffic.bytes += bytes.length;
      this.#after(delayMs, () => {
        traffic.messages--;
        traffic.bytes -= bytes.length;
        this.#arrive(sender, receiver, bytes);
      });
    }
  }

  bytesUnderWay(from: NodeId, to: NodeId): number {
    return this.#trafficOf(from, to, 'exchange').bytes + this.#trafficOf(from, to, 'snapshots').bytes;
  }

  #trafficOf(from: NodeId, to: NodeId, lane: string): Traffic {
    const key = `${direction(from, to)}/${lane}`;
    const traffic = this.#traffic.get(key) ?? { messages: 0, bytes: 0 };
    this.#traffic.set(key, traffic);
    return traffic;
  }

  #arrive(sender: Station, receiver: Station, bytes: Uint8Array): void {
    const from = sender.address;
    const to = receiver.address;
    // A message is for the process that its connection led to: one that took its place never sees it.
    if (!this.#isAttached(receiver) || this.#cuts.has(direction(from, to))) {
      this.#reportLoss(sender, to);
      return;
    }
    const batch = decodeBatch(bytes);
    const problem = checkEnvelope(batch, receiver.identity, receiver.protocolVersion, null);
    if (problem !== null) {
      receiver.handler.refused(sender.identity.nodeId, problem);
      this.#report(sender, () => sender.handler.refused(to, problem));
      this.#reportLoss(sender, to);
      return;
    }
    const { nodeId, incarnation } = batch.sender;
    for (const message of batch.messages) receiver.handler.receive(nodeId, incarnation, message);
  }

  #reportLoss(sender: Station, to: NodeId): void {
    if (sender.lostPeers.has(to)) return;
    sender.lostPeers.add(to);
    this.#report(sender, () => {
      sender.lostPeers.delete(to);
      sender.handler.unreachable(to);
    });
  }

  /** Later: whoever is sending must not be called back in the middle of it. */
  #report(station: Station, report: () => void): void {
    this.#after(0, () => {
      if (this.#isAttached(station)) report();
    });
  }

  #isAttached(station: Station): boolean {
    return this.#stations.get(station.address) === station;
  }
}

class MemoryTransport implements Transport {
  readonly #network: MemoryNetwork;
  readonly #address: NodeId;
  readonly #options: MemoryTransportOptions;
  #station: Station | null = null;
  #isClosed = false;

  constructor(network: MemoryNetwork, address: NodeId, options: MemoryTransportOptions) {
    this.#network = network;
    this.#address = address;
    this.#options = options;
  }

  async start(identity: PeerIdentity, handler: TransportHandler): Promise<void> {
    if (this.#station || this.#isClosed) throw new Error('A transport starts once.');
    const { protocolVersion = PROTOCOL_VERSION, limits = defaultLimits } = this.#options;
    const station = {
      address: this.#address,
      identity,
      handler,
      protocolVersion,
      queue: limits.queue,
      lostPeers: new Set<NodeId>(),
    };
    this.#network.attach(station);
    this.#station = station;
  }

  send(to: NodeId, message: PeerMessage): void {
    if (this.#station) this.#network.deliver(this.#station, to, message);
  }

  queuedBytes(to: NodeId): number {
    return this.#network.bytesUnderWay(this.#address, to);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#station) this.#network.detach(this.#station);
    this.#station = null;
  }
}
