import type { Entry, LogWrite, NodeId, RaftStatus, ReadState } from '../../../src/raft/types.ts';
import type { Cluster, ClusterObserver, Packet } from './cluster.ts';
import { text } from './fixtures.ts';

const placeOf = (index: number, term: number) => `${index}@${term}`;

/**
 * Watches a cluster and throws as soon as a safety property of the paper's figure 3 does not hold, or a promise of this
 * core: what is committed is on a majority of disks, and a read sees what was committed before it was asked.
 */
export class InvariantChecker implements ClusterObserver {
  readonly #leaders = new Map<number, NodeId>();
  /** What every log holds at a place, and the term before it: with that equal, all prefixes are (log matching). */
  readonly #places = new Map<string, { readonly previousTerm: number; readonly content: string }>();
  /** Term of the entry at each committed index, and the term of whoever was first seen to know of it. */
  readonly #committed = new Map<number, { readonly term: number; readonly knownInTerm: number }>();
  readonly #applied = new Map<number, string>();
  readonly #commitIndexes = new Map<NodeId, number>();
  /** The latest term that each member told anybody of: a restart must not forget it. */
  readonly #terms = new Map<NodeId, number>();
  readonly #votes = new Map<string, NodeId>();
  /** The highest index known to be committed anywhere when a read was asked. */
  readonly #readsAsked = new Map<string, number>();
  committedIndex = 0;
  readsConfirmed = 0;
  snapshotsRestored = 0;
  largestTerm = 0;

  // Observed as it happens

  sent(packet: Packet): void {
    const isPreVote = packet.type === 'pre-vote-request' || packet.type === 'pre-vote-response';
    if (!isPreVote) this.#terms.set(packet.from, Math.max(this.#terms.get(packet.from) ?? 0, packet.term));
    if (packet.type === 'vote-request') this.#voted(packet.from, packet.from, packet.term);
    if (packet.type === 'vote-response' && packet.granted) this.#voted(packet.from, packet.to, packet.term);
  }

  #voted(voter: NodeId, candidate: NodeId, term: number): void {
    const known = this.#votes.get(`${voter} ${term}`);
    if (known !== undefined && known !== candidate) {
      throw new Error(`${voter} votes for ${known} and for ${candidate} in term ${term}`);
    }
    this.#votes.set(`${voter} ${term}`, candidate);
  }

  writeBegan(_: NodeId, { entries }: LogWrite): void {
    let previous: Entry | null = null;
    for (const entry of entries) {
      if (previous !== null) this.#holds(entry, previous.term);
      previous = entry;
    }
  }

  #holds({ index, term, kind, data }: Entry, previousTerm: number): void {
    const place = placeOf(index, term);
    const content = `${kind} ${text(data)}`;
    const known = this.#places.get(place);
    if (known === undefined) this.#places.set(place, { previousTerm, content });
    else if (known.previousTerm !== previousTerm || known.content !== content) {
      throw new Error(`log matching: two entries, or two prefixes, at ${place}`);
    }
  }

  applied(id: NodeId, { index, term, kind, data }: Entry): void {
    const content = `${term} ${kind} ${text(data)}`;
    const known = this.#applied.get(index);
    if (known !== undefined && known !== content) {
      throw new Error(`state-machine safety: ${id} applies "${content}" at ${index}, another applied "${known}"`);
    }
    this.#applied.set(index, content);
  }

  restored(): void {
    this.snapshotsRestored++;
  }

  readAsked(id: NodeId, context: number): void {
    this.#readsAsked.set(`${id} ${context}`, this.committedIndex);
  }

  readAnswered(id: NodeId, { context, index }: ReadState): void {
    const key = `${id} ${context}`;
    const atLeast = this.#readsAsked.get(key);
    if (atLeast === undefined) throw new Error(`${id} answers read ${context} twice, or one that nobody asked`);
    this.#readsAsked.delete(key);
    if (index === null) return;
    this.readsConfirmed++;
    if (index < atLeast) throw new Error(`stale read: ${id} reads at ${index}, and ${atLeast} was committed before`);
  }

  /** Reads that nobody answered: each is owed an index, or the word that there is none. */
  get unansweredReads(): readonly string[] {
    return [...this.#readsAsked.keys()];
  }

  /** Its reads died with the process. */
  crashed(id: NodeId): void {
    this.#commitIndexes.delete(id);
    for (const key of this.#readsAsked.keys()) if (key.startsWith(`${id} `)) this.#readsAsked.delete(key);
  }

  // Checked after every step

  check(cluster: Cluster): void {
    const statuses = cluster.up.map((member) => member.core.status());
    for (const status of statuses) {
      this.#checkTerm(status);
      this.#checkLeader(status);
      this.#checkCommit(cluster, status);
    }
    for (const status of statuses) {
      this.#checkLog(cluster, status);
      if (status.role === 'leader') this.#checkCompleteness(cluster, status);
    }
  }

  #checkTerm({ id, term }: RaftStatus): void {
    if (term < (this.#terms.get(id) ?? 0)) throw new Error(`${id} forgot a term that it had told of`);
    this.largestTerm = Math.max(this.largestTerm, term);
  }

  #checkLeader({ id, term, role }: RaftStatus): void {
    if (role !== 'leader') return;
    const known = this.#leaders.get(term);
    if (known !== undefined && known !== id)
      throw new Error(`election safety: ${known} and ${id} lead in term ${term}`);
    this.#leaders.set(term, id);
  }

  #checkCommit(cluster: Cluster, status: RaftStatus): void {
    const { id, commitIndex, term } = status;
    const before = this.#commitIndexes.get(id) ?? 0;
    if (commitIndex < before) throw new Error(`the commit index of ${id} fell from ${before} to ${commitIndex}`);
    this.#commitIndexes.set(id, commitIndex);
    const { core } = cluster.member(id);
    for (let index = Math.max(before, status.logStart.index) + 1; index <= commitIndex; index++) {
      const entryTerm = core.termAt(index);
      if (entryTerm === null) throw new Error(`${id} committed ${index} and does not have it`);
      const known = this.#committed.get(index);
      if (known !== undefined && known.term !== entryTerm) throw new Error(`two entries are committed at ${index}`);
      if (known !== undefined) continue;
      this.#committed.set(index, { term: entryTerm, knownInTerm: term });
      this.#checkDurable(cluster, index, entryTerm, status);
    }
    this.committedIndex = Math.max(this.committedIndex, commitIndex);
  }

  /** Whatever is committed is on the disks of a majority. */
  #checkDurable(cluster: Cluster, index: number, term: number, { id, membership }: RaftStatus): void {
    const holders = membership.voters.filter((voter) => {
      const { disk } = cluster.member(voter);
      return index <= disk.restored().snapshot.index || disk.termAt(index) === term;
    });
    if (holders.length * 2 > membership.voters.length) return;
    throw new Error(`${id} committed ${placeOf(index, term)}, which is durable on ${holders.join(', ')} only`);
  }

  #checkLog(cluster: Cluster, { id, logStart, lastIndex }: RaftStatus): void {
    const { core } = cluster.member(id);
    let previousTerm = logStart.term;
    for (let index = logStart.index + 1; index <= lastIndex; index++) {
      const term = core.termAt(index);
      if (term === null) throw new Error(`the log of ${id} has a hole at ${index}`);
      const known = this.#places.get(placeOf(index, term));
      if (known !== undefined && known.previousTerm !== previousTerm) {
        throw new Error(`log matching: ${id} has another prefix before ${placeOf(index, term)}`);
      }
      previousTerm = term;
    }
  }

  /** Leader completeness: a leader has every entry that was committed in an earlier term. */
  #checkCompleteness(cluster: Cluster, { id, term, logStart }: RaftStatus): void {
    const { core } = cluster.member(id);
    for (const [index, committed] of this.#committed) {
      if (committed.knownInTerm >= term || index <= logStart.index) continue;
      if (core.termAt(index) !== committed.term) {
        throw new Error(`leader completeness: ${id} leads term ${term} without ${placeOf(index, committed.term)}`);
      }
    }
  }
}
