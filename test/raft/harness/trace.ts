import type { Entry, LogWrite, NodeId, RaftStatus, ReadState, SnapshotMeta } from '../../../src/raft/types.ts';
import type { Cluster, ClusterObserver, Packet } from './cluster.ts';
import { text } from './fixtures.ts';

const place = (index: number, term: number) => `${index}@${term}`;
const sentenceOf = (entry: Entry) => `${place(entry.index, entry.term)} "${text(entry.data)}"`;
const places = (entries: readonly Entry[]) => entries.map(({ index, term }) => place(index, term)).join(' ');

/** One packet in words: what it says, without who says it to whom. */
export function describePacket(packet: Packet): string {
  const { term } = packet;
  switch (packet.type) {
    case 'pre-vote-request':
    case 'vote-request': {
      const kind = packet.type === 'vote-request' ? 'vote' : 'pre-vote';
      const transfer = packet.transfer ? ', as its leader wishes' : '';
      return `asks for a ${kind} in term ${term}, log ends at ${place(packet.lastLogIndex, packet.lastLogTerm)}${transfer}`;
    }
    case 'pre-vote-response':
    case 'vote-response': {
      const kind = packet.type === 'vote-response' ? 'vote' : 'pre-vote';
      return `${packet.granted ? 'grants' : 'refuses'} its ${kind}, term ${term}${packet.vouches ? ', and vouches' : ''}`;
    }
    case 'append-request': {
      const what = packet.entries.length === 0 ? 'nothing' : places(packet.entries);
      const after = place(packet.prevLogIndex, packet.prevLogTerm);
      return `appends ${what} after ${after}, commit ${packet.commitIndex}, term ${term}`;
    }
    case 'append-response':
      return packet.accepted
        ? `has the log up to ${packet.index}, term ${term}`
        : `has not ${packet.index}, try ${place(packet.hintIndex, packet.hintTerm)}, term ${term}`;
    case 'heartbeat-request':
      return `beats, commit ${packet.commitIndex}, read round ${packet.readRound}, term ${term}`;
    case 'heartbeat-response':
      return `answers the beat, read round ${packet.readRound}, term ${term}`;
    case 'timeout-now':
      return `asks it to campaign at once, term ${term}`;
    case 'read-index-request':
      return `asks for a read index, term ${term}`;
    case 'read-index-response':
      return `answers the read index with ${packet.index ?? 'nothing'}, term ${term}`;
    case 'snapshot-received':
      return `sends the snapshot at ${place(packet.snapshot.index, packet.snapshot.term)}, term ${term}`;
    case 'snapshot-delivered':
      return `has received the snapshot at ${packet.index}`;
  }
}

/** Writes down what happens in a cluster, a line a thing, in the order in which it happens. */
export class Trace implements ClusterObserver {
  #lines: string[] = [];
  readonly #shown = new Map<NodeId, string>();
  readonly #commits = new Map<NodeId, number>();

  sent(packet: Packet): void {
    this.#lines.push(`${packet.from} -> ${packet.to}  ${describePacket(packet)}`);
  }

  writeBegan(id: NodeId, { hardState, entries, snapshot }: LogWrite): void {
    const parts: string[] = [];
    if (hardState !== null) {
      const vote = hardState.votedFor === null ? 'no vote' : `vote for ${hardState.votedFor}`;
      parts.push(`term ${hardState.term}, ${vote}, commit ${hardState.commitIndex}`);
    }
    if (entries.length > 0) parts.push(`entries ${places(entries)}`);
    if (snapshot !== null) parts.push(`the snapshot at ${place(snapshot.index, snapshot.term)}`);
    this.#lines.push(`${id} writes ${parts.join('; ')}`);
  }

  applied(id: NodeId, entry: Entry): void {
    this.#lines.push(`${id} applies ${sentenceOf(entry)}`);
  }

  restored(id: NodeId, { index }: SnapshotMeta): void {
    this.#lines.push(`${id} restores the snapshot at ${index}`);
  }

  readAnswered(id: NodeId, { context, index }: ReadState): void {
    this.#lines.push(
      `${id} ${index === null ? 'fails' : 'may serve'} read ${context}${index === null ? '' : ` at ${index}`}`,
    );
  }

  /** What happened since the last time, and how roles, terms and commit indexes changed by it. */
  take(cluster: Cluster): readonly string[] {
    for (const { id, isUp, core } of cluster.members.values()) {
      const role = isUp ? roleOf(core.status()) : 'down';
      if (this.#shown.get(id) !== role && (this.#shown.has(id) || role !== 'follower of nobody in term 0')) {
        this.#lines.push(`${id} is ${role}`);
      }
      this.#shown.set(id, role);
      const { commitIndex } = core.status();
      if (isUp && commitIndex > (this.#commits.get(id) ?? 0)) this.#lines.push(`${id} commits up to ${commitIndex}`);
      this.#commits.set(id, commitIndex);
    }
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
}

function roleOf({ role, term, leaderId }: RaftStatus): string {
  return role === 'follower' ? `follower of ${leaderId ?? 'nobody'} in term ${term}` : `${role} in term ${term}`;
}

/** Where one member stands, on one line. */
export function describeStatus(cluster: Cluster, id: NodeId): string {
  const { isUp, core, commands } = cluster.member(id);
  if (!isUp) return `${id}: down`;
  const status = core.status();
  const { logStart, lastIndex, stableIndex, commitIndex, appliedIndex } = status;
  const last = place(lastIndex, core.termAt(lastIndex) ?? 0);
  const log = `log ${logStart.index}..${last}, durable ${stableIndex}, commit ${commitIndex}, applied ${appliedIndex}`;
  const peers = status.progress.map((peer) => `${peer.id} ${peer.mode} ${peer.matchIndex}..${peer.nextIndex}`);
  const progress = peers.length > 0 ? `; ${peers.join(', ')}` : '';
  return `${id}: ${roleOf(status)}; ${log}; state "${commands.join(' ')}"${progress}`;
}
