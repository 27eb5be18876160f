import { initialMembership } from '../../../src/raft/membership.ts';
import type {
  Entry,
  LogWrite,
  Membership,
  NodeId,
  RaftConfig,
  RaftMessage,
  RaftStatus,
  ReadState,
  SnapshotMeta,
  SnapshotReceived,
} from '../../../src/raft/types.ts';
import { bytes, restored } from './fixtures.ts';
import { SimulatedMember } from './simulated-member.ts';

/** How the end of a snapshot's transfer comes back to whoever sent it. */
interface SnapshotDelivered {
  readonly type: 'snapshot-delivered';
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: number;
  readonly index: number;
}

export type Packet = RaftMessage | SnapshotReceived | SnapshotDelivered;

/** What happens in a cluster, as it happens. */
export interface ClusterObserver {
  sent?(packet: Packet): void;
  writeBegan?(id: NodeId, write: LogWrite): void;
  applied?(id: NodeId, entry: Entry): void;
  restored?(id: NodeId, meta: SnapshotMeta): void;
  readAnswered?(id: NodeId, state: ReadState): void;
}

export interface ClusterOptions {
  readonly ids?: readonly NodeId[];
  readonly membership?: Membership;
  /** Terms of the entries that members start with; the first is committed. */
  readonly terms?: Readonly<Record<NodeId, readonly number[]>>;
  readonly config?: Partial<RaftConfig>;
  readonly observer?: ClusterObserver;
  readonly randomInteger?: RaftConfig['randomInteger'];
}

/** How long a sender waits for the end of a transfer before it calls it failed. */
const transferTicks = 20;

/**
 * Several production cores over a network that delivers what the script says when it says so. Nothing happens by
 * itself: no packet moves, no write ends and no time passes but by a call.
 */
export class Cluster {
  readonly members = new Map<NodeId, SimulatedMember>();
  /** In the order of sending. */
  inFlight: Packet[] = [];
  /** Election timeouts that members draw, beyond `electionTicks`; 5 where none is set. */
  readonly extraElectionTicks = new Map<NodeId, number>();
  /** The state at each snapshot that any member took: the bytes of a real one. */
  readonly #states = new Map<number, readonly string[]>();
  readonly #cut = new Set<string>();
  readonly #transfers: { from: NodeId; to: NodeId; index: number; ticksLeft: number }[] = [];
  readonly #observer: ClusterObserver;

  constructor(options: ClusterOptions = {}) {
    const { ids = ['a', 'b', 'c'], membership, config, observer = {}, randomInteger } = options;
    this.#observer = observer;
    for (const id of ids) {
      const terms = options.terms?.[id] ?? [];
      const commitIndex = Math.min(1, terms.length);
      const initial = restored({ membership: membership ?? initialMembership(ids), terms, commitIndex });
      const draw = randomInteger ?? (() => this.extraElectionTicks.get(id) ?? 5);
      const member = new SimulatedMember(id, initial, { ...config, randomInteger: draw }, this.#observe(id));
      this.members.set(id, member);
    }
  }

  #observe(id: NodeId) {
    return {
      sent: (message: RaftMessage) => this.#send(message),
      writeBegan: (write: LogWrite) => this.#observer.writeBegan?.(id, write),
      applied: (entry: Entry) => this.#observer.applied?.(id, entry),
      restored: (meta: SnapshotMeta) => {
        this.member(id).commands = [...this.#stateAt(meta.index)];
        this.#observer.restored?.(id, meta);
      },
      readAnswered: (state: ReadState) => this.#observer.readAnswered?.(id, state),
      snapshotWanted: (peer: NodeId) => this.#sendSnapshot(id, peer),
    };
  }

  member(id: NodeId): SimulatedMember {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  status(id: NodeId): RaftStatus {
    return this.member(id).core.status();
  }

  get up(): readonly SimulatedMember[] {
    return [...this.members.values()].filter((member) => member.isUp);
  }

  /** The leader of the latest term; `null` where nobody leads. */
  get leaderId(): NodeId | null {
    const leading = this.up.map(({ core }) => core.status()).filter(({ role }) => role === 'leader');
    return leading.sort((left, right) => right.term - left.term)[0]?.id ?? null;
  }

  // The network

  #send(packet: Packet): void {
    this.#observer.sent?.(packet);
    if (!this.#cut.has(`${packet.from}->${packet.to}`)) this.inFlight.push(packet);
  }

  /** From now on nothing that is sent this way arrives; what is in flight there is lost. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}->${to}`);
    this.drop(from, to);
  }

  isolate(id: NodeId): void {
    for (const other of this.members.keys()) {
      if (other === id) continue;
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  heal(from: NodeId, to: NodeId): void {
    this.#cut.delete(`${from}->${to}`);
  }

  healAll(): void {
    this.#cut.clear();
  }

  drop(from: NodeId, to: NodeId): void {
    this.inFlight = this.inFlight.filter((packet) => packet.from !== from || packet.to !== to);
  }

  /** Takes a packet out of the network without delivering it. */
  takeFirst(from: NodeId, to: NodeId): Packet {
    const index = this.inFlight.findIndex((packet) => packet.from === from && packet.to === to);
    const [packet] = index === -1 ? [] : this.inFlight.splice(index, 1);
    if (packet === undefined) throw new Error(`nothing is in flight from ${from} to ${to}`);
    return packet;
  }

  /** Delivers what is in flight on this way now, or the first so many; answers stay in flight. */
  deliver(from: NodeId, to: NodeId, count = Number.MAX_SAFE_INTEGER): void {
    const waiting = this.inFlight.filter((packet) => packet.from === from && packet.to === to).slice(0, count);
    this.inFlight = this.inFlight.filter((packet) => !waiting.includes(packet));
    for (const packet of waiting) this.arrive(packet);
  }

  /** Delivers everything, answers too, until nothing is in flight. */
  settle(): void {
    for (let count = 0; this.inFlight.length > 0; count++) {
      if (count > 10_000) throw new Error('the network never falls silent');
      const packet = this.inFlight.shift();
      if (packet !== undefined) this.arrive(packet);
    }
  }

  /** A packet reaches its receiver, which may be down. */
  arrive(packet: Packet): void {
    const member = this.member(packet.to);
    if (!member.isUp) return;
    if (packet.type === 'snapshot-delivered') this.#snapshotEnded(packet);
    else member.step(packet);
    if (packet.type !== 'snapshot-received') return;
    const { from: to, to: from, term, snapshot } = packet;
    this.#send({ type: 'snapshot-delivered', from, to, term, index: snapshot.index });
  }

  // Time

  tick(id: NodeId, count = 1): void {
    const member = this.member(id);
    for (let i = 0; i < count; i++) {
      if (!member.isUp) return;
      member.tick();
      this.#tickTransfers(id);
    }
  }

  /** All members' clocks move together, and the network delivers in between. */
  pass(ticks: number): void {
    for (let i = 0; i < ticks; i++) {
      for (const { id } of this.up) this.tick(id);
      this.settle();
    }
  }

  /** Lets time pass until it is so; fails when it does not come. */
  passUntil(isSo: () => boolean, limitTicks = 500): void {
    for (let ticks = 0; !isSo(); ticks++) {
      if (ticks >= limitTicks) throw new Error(`still not so after ${limitTicks} ticks`);
      this.pass(1);
    }
  }

  // Snapshots

  takeSnapshot(id: NodeId, keepEntries = 0): void {
    const member = this.member(id);
    const index = member.machineIndex;
    const state = [...member.commands];
    const known = this.#states.get(index);
    if (known !== undefined && known.join() !== state.join()) throw new Error(`two states at index ${index}`);
    this.#states.set(index, state);
    member.takeSnapshot(index - keepEntries);
  }

  #stateAt(index: number): readonly string[] {
    const state = this.#states.get(index);
    if (state === undefined) throw new Error(`there is no snapshot at ${index}`);
    return state;
  }

  #sendSnapshot(from: NodeId, to: NodeId): void {
    const { snapshot } = this.member(from).disk.restored();
    const { term } = this.status(from);
    this.#transfers.push({ from, to, index: snapshot.index, ticksLeft: transferTicks });
    this.#send({ type: 'snapshot-received', from, to, term, snapshot });
  }

  #snapshotEnded({ from: peer, to: id, index }: SnapshotDelivered): void {
    const found = this.#transfers.findIndex((each) => each.from === id && each.to === peer && each.index === index);
    if (found === -1) return;
    this.#transfers.splice(found, 1);
    const member = this.member(id);
    member.core.snapshotFinished(peer, 'completed', index);
    member.pump();
  }

  #tickTransfers(id: NodeId): void {
    for (const transfer of this.#transfers.filter((each) => each.from === id)) {
      transfer.ticksLeft--;
      if (transfer.ticksLeft > 0) continue;
      this.#transfers.splice(this.#transfers.indexOf(transfer), 1);
      const member = this.member(id);
      member.core.snapshotFinished(transfer.to, 'failed', transfer.index);
      member.pump();
    }
  }

  // What clients and operators do

  propose(id: NodeId, ...commands: readonly string[]): boolean {
    const member = this.member(id);
    const { ok } = member.core.propose(commands.map(bytes));
    member.pump();
    return ok;
  }

  read(id: NodeId, context: number): void {
    const member = this.member(id);
    member.core.readIndex(context);
    member.pump();
  }

  transfer(id: NodeId, to: NodeId): void {
    const member = this.member(id);
    member.core.transferLeadership(to);
    member.pump();
  }

  unreachable(id: NodeId, peer: NodeId): void {
    const member = this.member(id);
    member.core.reportUnreachable(peer);
    member.pump();
  }

  disconnected(id: NodeId, peer: NodeId): void {
    const member = this.member(id);
    member.core.reportDisconnected(peer);
    member.pump();
  }

  crash(id: NodeId): void {
    this.member(id).crash();
    for (let i = this.#transfers.length - 1; i >= 0; i--) {
      if (this.#transfers[i]?.from === id) this.#transfers.splice(i, 1);
    }
  }

  restart(id: NodeId): void {
    const member = this.member(id);
    member.restart();
    if (member.machineIndex > 0) member.commands = [...this.#stateAt(member.machineIndex)];
    member.pump();
  }

  /** This member's timeout passes, and it is elected by just these voters. What it says then is in flight. */
  electBy(id: NodeId, voters: readonly NodeId[]): void {
    for (const voter of voters) this.tick(voter, 10);
    this.inFlight = [];
    for (let ticks = 0; this.status(id).role !== 'pre-candidate' && ticks < 30; ticks++) this.tick(id);
    for (const phase of ['pre-vote', 'vote']) {
      for (const voter of voters) this.deliver(id, voter);
      for (const voter of voters) if (this.status(id).role !== 'leader') this.deliver(voter, id);
      if (phase === 'vote' && this.status(id).role !== 'leader') throw new Error(`${id} was not elected`);
    }
  }

  /** This member's timeout passes, and it is elected by whoever it reaches. */
  elect(id: NodeId): void {
    this.settle();
    for (const other of this.up) if (other.id !== id) this.tick(other.id, 10);
    this.inFlight = [];
    this.tick(id, 20);
    this.settle();
    if (this.status(id).role !== 'leader') throw new Error(`${id} is ${this.status(id).role} and should lead`);
  }
}
