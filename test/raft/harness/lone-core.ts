import type { Raft } from '../../../src/raft/raft.ts';
import type {
  Entry,
  LogWrite,
  NodeId,
  ProposeResult,
  RaftConfig,
  RaftMessage,
  RaftStatus,
  ReadState,
  RestoredState,
  SnapshotMeta,
  SnapshotReceived,
} from '../../../src/raft/types.ts';
import type { ScriptedDisk } from './disk.ts';
import { bytes, from, restored } from './fixtures.ts';
import { SimulatedMember } from './simulated-member.ts';

/** The kind of message that may have this type; pre-votes and votes share theirs. */
export type MessageOfType<Type extends RaftMessage['type']> = WithType<RaftMessage, Type>;
type WithType<Message extends RaftMessage, Type> = Message extends RaftMessage
  ? Type extends Message['type']
    ? Message
    : never
  : never;

/** One core, called `a`, whose peers are played by the test: what it says and does is kept for the test to look at. */
export class LoneCore {
  readonly member: SimulatedMember;
  readonly writes: LogWrite[] = [];
  readonly applied: Entry[] = [];
  readonly restoredSnapshots: SnapshotMeta[] = [];
  readonly reads: ReadState[] = [];
  readonly snapshotsWanted: NodeId[] = [];
  #messages: RaftMessage[] = [];

  constructor(initial: RestoredState = restored(), config: Partial<RaftConfig> = {}) {
    this.member = new SimulatedMember('a', initial, config, {
      sent: (message) => this.#messages.push(message),
      writeBegan: (write) => this.writes.push(write),
      applied: (entry) => this.applied.push(entry),
      restored: (meta) => this.restoredSnapshots.push(meta),
      readAnswered: (state) => this.reads.push(state),
      snapshotWanted: (peer) => this.snapshotsWanted.push(peer),
    });
  }

  get core(): Raft {
    return this.member.core;
  }

  get disk(): ScriptedDisk {
    return this.member.disk;
  }

  get status(): RaftStatus {
    return this.member.core.status();
  }

  step(...messages: readonly (RaftMessage | SnapshotReceived)[]): void {
    for (const message of messages) this.member.step(message);
  }

  tick(count = 1): void {
    this.member.tick(count);
  }

  /** What was said since the last time, of one type when one is named. */
  take(): readonly RaftMessage[];
  take<Type extends RaftMessage['type']>(type: Type): readonly MessageOfType<Type>[];
  take(type?: RaftMessage['type']): readonly RaftMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages.filter((message) => type === undefined || message.type === type);
  }

  /** The only message of this type since the last time; fails when there is none or more than one. */
  only<Type extends RaftMessage['type']>(type: Type, to?: NodeId): MessageOfType<Type> {
    const found = this.take(type).filter((message) => to === undefined || message.to === to);
    const [message] = found;
    if (message === undefined || found.length > 1) throw new Error(`${found.length} messages of type ${type}`);
    return message;
  }

  propose(...commands: readonly string[]): ProposeResult {
    const result = this.core.propose(commands.map(bytes));
    this.member.pump();
    return result;
  }

  read(context: number): void {
    this.core.readIndex(context);
    this.member.pump();
  }

  transferTo(id: NodeId): void {
    this.core.transferLeadership(id);
    this.member.pump();
  }

  /** A new process over the same disk; what was said and done before is forgotten. */
  restart(): void {
    this.member.crash();
    this.member.restart();
    this.take();
    for (const kept of [this.writes, this.applied, this.restoredSnapshots, this.reads, this.snapshotsWanted]) {
      kept.length = 0;
    }
    this.member.pump();
  }

  /** Everybody else grants pre-vote and vote. The term's opening entry is in the log and durable, not committed. */
  lead(): void {
    this.campaign();
    const { term } = this.status;
    for (const id of this.peers) this.step(from.voteResponse({ from: id, term }));
    if (this.status.role !== 'leader') throw new Error(`a is ${this.status.role} and should lead`);
    this.take();
  }

  /** Everybody else grants the pre-vote: a vote request is out. */
  campaign(): void {
    this.timeOut();
    const { term } = this.status;
    for (const id of this.peers) this.step(from.preVoteResponse({ from: id, term: term + 1 }));
  }

  /** Ticks until this member asks for pre-votes, or in a cluster of one, campaigns. */
  timeOut(): void {
    for (let ticks = 0; this.status.role === 'follower' || ticks === 0; ticks++) {
      if (ticks > 40) throw new Error('a does not campaign');
      this.tick();
    }
  }

  /** Leads, and everybody has acknowledged the whole log, so the term is open. */
  leadOpened(): void {
    this.lead();
    this.acknowledge();
  }

  /** These peers acknowledge the log up to `index`, all of it by default, and so on until nothing is new. */
  acknowledge(peers: readonly NodeId[] = this.peers, index = this.status.lastIndex): void {
    for (const id of peers) this.step(from.accepted(index, { from: id, term: this.status.term }));
    this.take();
  }

  get peers(): readonly NodeId[] {
    const { voters, votersOutgoing, learners } = this.status.membership;
    return [...new Set([...voters, ...votersOutgoing, ...learners])].filter((id) => id !== 'a').sort();
  }
}
