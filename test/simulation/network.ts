import type { NodeId } from '../../src/raft/types.ts';
import { MemoryNetwork } from '../../src/transport/memory-transport.ts';
import type { PeerIdentity, PeerMessage, Transport, TransportHandler } from '../../src/transport/transport.ts';
import type { SimulatedProcess } from './process.ts';
import type { SimulatedRandom } from './random.ts';
import type { SimulatedWorld } from './world.ts';

/** What happens to messages from one member to another. */
export interface LinkCondition {
  minDelayMs: number;
  maxDelayMs: number;
  /** Of messages that silently disappear. */
  loss: number;
  /** Of messages that take ten times as long. */
  late: number;
  /** Of messages that arrive twice; never those whose sender counts on a connection that does not repeat. */
  duplicates: number;
}

export interface NetworkSettings {
  /** Messages may overtake each other, as over several connections. */
  readonly reorders: boolean;
  readonly duplicatesEverything: boolean;
}

export const calmLink: Readonly<LinkCondition> = { minDelayMs: 0.2, maxDelayMs: 1.5, loss: 0, late: 0, duplicates: 0 };

const linkName = (from: NodeId, to: NodeId) => `${from}>${to}`;

/** Messages that are no part of the consensus: their sender relies on the transport's at-most-once. */
const atMostOnce: ReadonlySet<PeerMessage['type']> = new Set(['forward-commands', 'forward-rejected']);

/** The production's network in memory, under conditions that are set for each link and each direction. */
export class SimulatedNetwork {
  readonly #world: SimulatedWorld;
  readonly #random: SimulatedRandom;
  readonly #settings: NetworkSettings;
  readonly #network: MemoryNetwork;
  readonly #links = new Map<string, LinkCondition>();
  readonly #lastArrivalMs = new Map<string, number>();
  /** What members hear of connections that break. */
  readonly #listeners = new Map<NodeId, (peer: NodeId) => void>();
  /** Transports of the processes that run. */
  readonly #open = new Map<NodeId, Transport>();
  readonly counts = { sent: 0, lost: 0, repeated: 0, late: 0 };

  constructor(world: SimulatedWorld, random: SimulatedRandom, settings: NetworkSettings) {
    this.#world = world;
    this.#random = random;
    this.#settings = settings;
    this.#network = new MemoryNetwork((delayMs, deliver) => void world.after(delayMs, deliver));
    this.#network.fate = (from, to, message) => this.#fateOf(from, to, message);
  }

  link(from: NodeId, to: NodeId): LinkCondition {
    const name = linkName(from, to);
    const link = this.#links.get(name) ?? { ...calmLink };
    this.#links.set(name, link);
    return link;
  }

  calm(from: NodeId, to: NodeId): void {
    Object.assign(this.link(from, to), calmLink);
    this.#network.heal(from, to);
  }

  /** The connection breaks, and its sender is told; both ends may notice. */
  cut(from: NodeId, to: NodeId): void {
    this.#network.cut(from, to);
    this.breakConnection(from, to);
  }

  /** Both ends may hear that the connection is broken, although messages get through, and at any time after. */
  breakConnection(one: NodeId, other: NodeId): void {
    for (const [end, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      if (this.#random.chance(0.5)) continue;
      this.#world.after(this.#random.around(2), () => this.#listeners.get(end)?.(peer));
    }
  }

  heal(from: NodeId, to: NodeId): void {
    this.#network.heal(from, to);
  }

  #fateOf(from: NodeId, to: NodeId, message: PeerMessage): readonly number[] {
    const link = this.link(from, to);
    this.counts.sent++;
    if (link.loss > 0 && this.#random.chance(link.loss)) {
      this.counts.lost++;
      return [];
    }
    const first = this.#arrivalDelayMs(from, to, link);
    const repeats = link.duplicates > 0 && this.#random.chance(link.duplicates);
    if (!repeats || (atMostOnce.has(message.type) && !this.#settings.duplicatesEverything)) return [first];
    this.counts.repeated++;
    return [first, this.#arrivalDelayMs(from, to, link) + this.#random.around(100)];
  }

  #arrivalDelayMs(from: NodeId, to: NodeId, link: LinkCondition): number {
    let delayMs = this.#random.between(link.minDelayMs, link.maxDelayMs);
    if (link.late > 0 && this.#random.chance(link.late)) {
      delayMs *= 10;
      this.counts.late++;
    }
    if (this.#settings.reorders) return delayMs;
    const name = linkName(from, to);
    const arrivalMs = Math.max(this.#world.nowMs + delayMs, this.#lastArrivalMs.get(name) ?? 0);
    this.#lastArrivalMs.set(name, arrivalMs);
    return arrivalMs - this.#world.nowMs;
  }

  /** @param sent sees each message before it leaves */
  transport(nodeId: NodeId, process: SimulatedProcess, sent: (to: NodeId, message: PeerMessage) => void): Transport {
    const transport = this.#network.transport(nodeId);
    this.#open.set(nodeId, transport);
    return new ProcessTransport(this.#world, transport, nodeId, process, sent, (disconnected) => {
      this.#listeners.set(nodeId, disconnected);
    });
  }

  /** The process of this member is gone, and its connections with it. */
  leave(nodeId: NodeId): void {
    void this.#open.get(nodeId)?.close();
    this.#open.delete(nodeId);
    this.#listeners.delete(nodeId);
  }
}

/** A transport that belongs to a process: it falls silent with it, and what arrives waits while it is paused. */
class ProcessTransport implements Transport {
  readonly #world: SimulatedWorld;
  readonly #inner: Transport;
  readonly #nodeId: NodeId;
  readonly #process: SimulatedProcess;
  readonly #sent: (to: NodeId, message: PeerMessage) => void;
  readonly #listen: (disconnected: (peer: NodeId) => void) => void;

  constructor(
    world: SimulatedWorld,
    inner: Transport,
    nodeId: NodeId,
    process: SimulatedProcess,
    sent: (to: NodeId, message: PeerMessage) => void,
    listen: (disconnected: (peer: NodeId) => void) => void,
  ) {
    this.#world = world;
    this.#inner = inner;
    this.#nodeId = nodeId;
    this.#process = process;
    this.#sent = sent;
    this.#listen = listen;
  }

  start(identity: PeerIdentity, handler: TransportHandler): Promise<void> {
    const process = this.#process;
    const disconnected = (peer: NodeId) => process.run(() => handler.disconnected(peer));
    this.#listen(disconnected);
    return this.#inner.start(identity, {
      receive: (from, incarnation, message) =>
        process.run(() => {
          this.#world.traceOften(digestOf(message), () => `${this.#nodeId} <- ${from} ${describe(message)}`);
          handler.receive(from, incarnation, message);
        }),
      unreachable: (peer) => process.run(() => handler.unreachable(peer)),
      disconnected,
      refused: (peer, reason) => process.run(() => handler.refused(peer, reason)),
    });
  }

  send(to: NodeId, message: PeerMessage): void {
    if (!this.#process.act()) return;
    this.#sent(to, message);
    this.#inner.send(to, message);
  }

  queuedBytes(to: NodeId): number {
    return this.#inner.queuedBytes(to);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** A number that tells most messages apart. */
export function digestOf(message: PeerMessage): number {
  const term = 'term' in message ? message.term : 0;
  const index = 'index' in message ? (message.index ?? 0) : 'commitIndex' in message ? message.commitIndex : 0;
  return (term << 20) ^ (index << 8) ^ message.type.length;
}

/** One message in a line of the trace. */
export function describe(message: PeerMessage): string {
  switch (message.type) {
    case 'append-request': {
      const { prevLogIndex, prevLogTerm, commitIndex, entries, term } = message;
      const last = entries.at(-1);
      return `append term ${term} after ${prevLogIndex}/${prevLogTerm} ${last ? `to ${last.index}/${last.term}` : 'empty'}, committed ${commitIndex}`;
    }
    case 'append-response':
      return `append-response term ${message.term} ${message.accepted ? 'accepted' : `refused, hint ${message.hintIndex}/${message.hintTerm}`} ${message.index}`;
    case 'vote-request':
    case 'pre-vote-request':
      return `${message.type} term ${message.term} log ${message.lastLogIndex}/${message.lastLogTerm}${message.transfer ? ' by transfer' : ''}`;
    case 'vote-response':
    case 'pre-vote-response':
      return `${message.type} term ${message.term} ${message.granted ? 'granted' : 'refused'}${message.vouches ? ', vouches' : ''}`;
    case 'heartbeat-request':
      return `heartbeat term ${message.term} committed ${message.commitIndex} round ${message.readRound}`;
    case 'heartbeat-response':
      return `heartbeat-response term ${message.term} round ${message.readRound}`;
    case 'read-index-request':
      return `read-index ${message.context}`;
    case 'read-index-response':
      return `read-index-response ${message.context} ${message.index}`;
    case 'forward-commands':
      return `forward ${message.commands.map(({ requestId }) => requestId).join(' ')}`;
    case 'forward-rejected':
      return `forward-rejected ${message.reason} ${message.requestIds.join(' ')}`;
    case 'snapshot-chunk':
      return `snapshot-chunk ${message.chunkIndex + 1}/${message.chunkCount} of ${message.snapshot.index}/${message.snapshot.term}`;
    case 'snapshot-ack':
      return `snapshot-ack ${message.nextChunkIndex} of ${message.snapshotIndex}${message.rejected ? ' rejected' : ''}`;
    case 'member-report':
      return `report ${message.role} applied ${message.appliedIndex}`;
    case 'peer-refusal':
      return 'peer-refusal';
    case 'timeout-now':
      return `timeout-now term ${message.term}`;
  }
}
