import { checksum } from '../../src/codec/checksum.ts';
import type { Entry, HardState, LogWrite, RaftStatus, SnapshotMeta } from '../../src/raft/types.ts';
import type { OpenedStorage } from '../../src/storage/storage.ts';
import type { PeerMessage } from '../../src/transport/transport.ts';
import type { SimulatedWorld } from './world.ts';

type Write = Pick<LogWrite, 'hardState' | 'entries' | 'snapshot'>;

/** An entry as it was seen first, wherever that was. */
interface SeenEntry {
  readonly entry: Entry;
  readonly digest: number;
  /** Term of the entry before it; `null` where a write began at a snapshot and that was not known. */
  readonly previousTerm: number | null;
}

/** What is known to be on one member's disk, from the writes that completed. */
class DurableLog {
  hardState: HardState = { term: 0, votedFor: null, commitIndex: 0 };
  entries = new Map<number, Entry>();
  /** What lies at or before it is in a snapshot. */
  snapshotIndex = 0;
  snapshotTerm = 0;
  lastIndex = 0;
  /** The greatest position to which this member began to compact. */
  compactedThrough = 0;
  underWay: Write | null = null;

  termAt(index: number): number | null {
    if (index === 0) return 0;
    return this.entries.get(index)?.term ?? (index === this.snapshotIndex ? this.snapshotTerm : null);
  }

  complete({ hardState, entries, snapshot }: Write): void {
    if (hardState) this.hardState = hardState;
    if (snapshot) this.#restartAt(snapshot);
    const [first] = entries;
    if (!first) return;
    for (let index = first.index; index <= this.lastIndex; index++) this.entries.delete(index);
    for (const entry of entries) this.entries.set(entry.index, entry);
    this.lastIndex = entries.at(-1)?.index ?? this.lastIndex;
  }

  #restartAt({ index, term }: SnapshotMeta): void {
    this.entries = new Map();
    this.snapshotIndex = index;
    this.snapshotTerm = term;
    this.lastIndex = index;
  }

  after(write: Write): DurableLog {
    const next = new DurableLog();
    next.hardState = this.hardState;
    next.entries = new Map(this.entries);
    next.snapshotIndex = this.snapshotIndex;
    next.snapshotTerm = this.snapshotTerm;
    next.lastIndex = this.lastIndex;
    next.compactedThrough = this.compactedThrough;
    next.complete(write);
    return next;
  }
}

interface MemberView {
  log: DurableLog;
  /** Status after the last step of this life; `null` before the first. */
  last: RaftStatus | null;
  /** A wiped directory: what its member says counts for nothing. */
  outcast: boolean;
}

/** Who wants to know of entries. */
export interface EntryObserver {
  /** Some member is the first to write this entry. */
  proposed(entry: Entry): void;
  /** Some member is the first to apply this entry. */
  committed(entry: Entry): void;
}

interface Committed {
  readonly entry: Entry;
  /** No leader of a greater term may lack it. */
  readonly byTerm: number;
}

/** Raft's own safety (paper, figure 3), looked at from outside after every step. */
export class ConsensusChecks {
  readonly #world: SimulatedWorld;
  readonly #members = new Map<string, MemberView>();
  readonly #seen = new Map<string, SeenEntry>();
  readonly #leaders = new Map<number, string>();
  /** `#committed[i]` is entry `i + 1`. */
  readonly #committed: Committed[] = [];
  readonly #observer: EntryObserver;
  #checked = 0;

  constructor(world: SimulatedWorld, ids: readonly string[], observer: EntryObserver) {
    this.#world = world;
    this.#observer = observer;
    for (const id of ids) this.#members.set(id, { log: new DurableLog(), last: null, outcast: false });
  }

  get terms(): number {
    return this.#leaders.size;
  }

  get committedIndex(): number {
    return this.#committed.length;
  }

  /** Steps after which a member was looked at. */
  get checkedSteps(): number {
    return this.#checked;
  }

  committedEntry(index: number): Entry | null {
    return this.#committed[index - 1]?.entry ?? null;
  }

  /** After its last step; `null` before the first one of this life. */
  statusOf(id: string): RaftStatus | null {
    return this.#view(id).last;
  }

  /** That this member has entered or written down, in this life or before. */
  greatestTermOf(id: string): number {
    const { log, last } = this.#view(id);
    return Math.max(log.hardState.term, log.underWay?.hardState?.term ?? 0, last?.term ?? 0);
  }

  #view(id: string): MemberView {
    const view = this.#members.get(id);
    if (!view) throw new Error(`There is no member ${id}.`);
    return view;
  }

  cast(id: string, outcast: boolean): void {
    this.#view(id).outcast = outcast;
  }

  // What a member stores

  opened(id: string, opened: OpenedStorage): void {
    const view = this.#view(id);
    view.last = null;
    if (view.outcast) return;
    const candidates = [view.log, ...(view.log.underWay ? [view.log.after(view.log.underWay)] : [])];
    const problems = candidates.map((candidate) => differenceFrom(candidate, opened));
    const match = candidates[problems.indexOf(null)];
    if (!match) {
      this.#world.violate('durability', `${id} came back with less than was acknowledged: ${problems.join('; or ')}`);
      return;
    }
    const { restored } = opened;
    const log = new DurableLog();
    log.hardState = restored.hardState;
    log.snapshotIndex = restored.snapshot.index;
    log.snapshotTerm = restored.snapshot.term;
    log.compactedThrough = restored.logStart.index;
    for (const entry of restored.entries) log.entries.set(entry.index, entry);
    log.lastIndex = restored.entries.at(-1)?.index ?? restored.snapshot.index;
    view.log = log;
  }

  writeBegun(id: string, write: Write): void {
    const view = this.#view(id);
    if (view.outcast) return;
    const { log } = view;
    if (log.underWay) this.#world.violate('one-write', `${id} began a write before the last one ended`);
    log.underWay = write;
    const { hardState, entries } = write;
    if (hardState && hardState.term < log.hardState.term) {
      this.#world.violate('term-back', `${id} stores term ${hardState.term} after ${log.hardState.term}`);
    }
    const { votedFor, term } = log.hardState;
    if (hardState && hardState.term === term && votedFor !== null && hardState.votedFor !== votedFor) {
      this.#world.violate('vote-changed', `${id} changes its vote of term ${term}`);
    }
    let previousTerm = entries[0] ? log.termAt(entries[0].index - 1) : null;
    for (const entry of entries) {
      this.#sees(id, entry, previousTerm);
      previousTerm = entry.term;
    }
  }

  /** Log matching: an index and a term name one entry, and everything before it. Leader completeness along with it. */
  #sees(id: string, entry: Entry, previousTerm: number | null): void {
    const key = `${entry.index}/${entry.term}`;
    const digest = checksum(entry.data, entry.kind.length);
    const seen = this.#seen.get(key);
    if (!seen) {
      this.#seen.set(key, { entry, digest, previousTerm });
      this.#observer.proposed(entry);
    } else if (seen.digest !== digest || seen.entry.kind !== entry.kind) {
      this.#world.violate('log-matching', `${id} has another entry ${entry.index} of term ${entry.term}`);
    } else if (seen.previousTerm !== null && previousTerm !== null && seen.previousTerm !== previousTerm) {
      this.#world.violate('log-matching', `${id} has another entry before ${entry.index} of term ${entry.term}`);
    }
    const committed = this.#committed[entry.index - 1];
    if (committed && committed.entry.term !== entry.term && entry.term > committed.byTerm) {
      this.#world.violate(
        'leader-completeness',
        `entry ${entry.index} of term ${committed.entry.term} was committed by term ${committed.byTerm}, and ${id} ` +
          `stores another of term ${entry.term}`,
      );
    }
  }

  writeCompleted(id: string): void {
    const { log, outcast } = this.#view(id);
    if (!log.underWay || outcast) return;
    log.complete(log.underWay);
    log.underWay = null;
  }

  compacting(id: string, throughIndex: number): void {
    const { log, outcast } = this.#view(id);
    if (!outcast) log.compactedThrough = Math.max(log.compactedThrough, throughIndex);
  }

  // What a member says

  sent(id: string, message: PeerMessage): void {
    const view = this.#view(id);
    if (!('term' in message) || !('from' in message) || view.outcast) return;
    const { hardState, lastIndex } = view.log;
    // A pre-vote names a term that somebody would campaign in, and promises nothing.
    const isPreVote = message.type === 'pre-vote-request' || message.type === 'pre-vote-response';
    if (message.term > hardState.term && !isPreVote) {
      this.#world.violate(
        'durable-first',
        `${id} sends a ${message.type} of term ${message.term} before that is durable`,
      );
    }
    if (message.type === 'vote-response' && message.granted && message.term === hardState.term) {
      if (hardState.votedFor !== message.to) {
        this.#world.violate('durable-first', `${id} tells ${message.to} of its vote before that is durable`);
      }
    }
    if (message.type === 'append-response' && message.accepted && message.term === hardState.term) {
      if (message.index > lastIndex) {
        this.#world.violate('durable-first', `${id} acknowledges entry ${message.index}, and ${lastIndex} is durable`);
      }
    }
    if (message.type === 'append-request' || message.type === 'heartbeat-request') this.#leads(id, message.term);
  }

  #leads(id: string, term: number): void {
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, id);
    else if (known !== id) this.#world.violate('one-leader', `${known} and ${id} both lead term ${term}`);
  }

  // Where a member stands

  stepped(id: string, status: RaftStatus): void {
    const view = this.#view(id);
    if (view.outcast) return;
    this.#checked++;
    const { last } = view;
    view.last = status;
    if (last) {
      this.#neverFalls(id, 'term', last.term, status.term);
      this.#neverFalls(id, 'commit index', last.commitIndex, status.commitIndex);
      this.#neverFalls(id, 'applied index', last.appliedIndex, status.appliedIndex);
      this.#neverFalls(id, 'snapshot index', last.snapshotIndex, status.snapshotIndex);
      if (status.role === 'leader' && last.role === 'leader' && last.term === status.term) {
        this.#checkMatches(id, last, status);
        this.#checkCommit(id, view, last, status);
      }
    }
    if (status.role === 'leader') this.#checkLeader(id, status);
    if (!last || status.appliedIndex > last.appliedIndex) this.#applied(id, view, last?.appliedIndex ?? 0, status);
  }

  #neverFalls(id: string, what: string, before: number, now: number): void {
    if (now < before) this.#world.violate('never-back', `${id}'s ${what} falls from ${before} to ${now}`);
  }

  /** Both list the same peers, by name: nobody changes the membership here. */
  #checkMatches(id: string, last: RaftStatus, status: RaftStatus): void {
    status.progress.forEach((peer, position) => {
      const before = last.progress[position];
      if (before) this.#neverFalls(id, `match of ${peer.id}`, before.matchIndex, peer.matchIndex);
    });
  }

  /** A leader commits by an entry of its own term alone (paper, section 5.4.2; trap 1). */
  #checkCommit(id: string, { log }: MemberView, last: RaftStatus, status: RaftStatus): void {
    if (status.commitIndex === last.commitIndex) return;
    const underWay = log.underWay?.entries.find(({ index }) => index === status.commitIndex);
    const entry = underWay ?? log.entries.get(status.commitIndex);
    if (entry && entry.term !== status.term) {
      this.#world.violate(
        'commit-by-own-term',
        `${id} leads term ${status.term} and commits by entry ${entry.index} of term ${entry.term}`,
      );
    }
  }

  #checkLeader(id: string, { term, lastIndex }: RaftStatus): void {
    if (this.#leaders.get(term) === id) return;
    this.#leads(id, term);
    const last = this.#committed.at(-1);
    if (last && term > last.byTerm && lastIndex < last.entry.index) {
      this.#world.violate(
        'leader-completeness',
        `${id} leads term ${term} with ${lastIndex} entries, and ${last.entry.index} are committed`,
      );
    }
  }

  #applied(id: string, view: MemberView, from: number, status: RaftStatus): void {
    for (let index = from + 1; index <= status.appliedIndex; index++) {
      const entry = view.log.entries.get(index);
      const committed = this.#committed[index - 1];
      if (!entry) {
        // A snapshot stands for it, and whoever took that had applied it.
        if (index <= view.log.snapshotIndex || index <= view.log.compactedThrough) continue;
        this.#world.violate('durable-first', `${id} applied entry ${index}, which is not durable there`);
        return;
      }
      if (!committed) {
        this.#commits(id, entry, status.term);
      } else if (committed.entry.term !== entry.term) {
        this.#world.violate(
          'state-machine-safety',
          `${id} applied entry ${index} of term ${entry.term}, another member one of term ${committed.entry.term}`,
        );
        return;
      }
    }
  }

  #commits(id: string, entry: Entry, term: number): void {
    if (entry.index !== this.#committed.length + 1) {
      this.#world.violate('state-machine-safety', `${id} is the first to apply ${entry.index}, and not all before it`);
      return;
    }
    const holders = [...this.#members.values()].filter(({ log }) => {
      return log.entries.get(entry.index)?.term === entry.term || log.snapshotIndex >= entry.index;
    });
    if (holders.length <= this.#members.size / 2) {
      this.#world.violate(
        'quorum',
        `${id} applied entry ${entry.index} of term ${entry.term}, which ${holders.length} of ${this.#members.size} hold durably`,
      );
    }
    const byTerm = Math.max(term, ...[...this.#members.values()].map(({ last }) => last?.term ?? 0));
    this.#committed.push({ entry, byTerm });
    this.#observer.committed(entry);
  }
}

/** `null` when what a member found at its start is what `expected` says. */
function differenceFrom(expected: DurableLog, { restored }: OpenedStorage): string | null {
  const { hardState, entries, logStart, snapshot } = restored;
  if (hardState.term !== expected.hardState.term) return `term ${hardState.term} instead of ${expected.hardState.term}`;
  if (hardState.votedFor !== expected.hardState.votedFor) {
    return `a vote for ${hardState.votedFor} instead of ${expected.hardState.votedFor}`;
  }
  const lastIndex = entries.at(-1)?.index ?? snapshot.index;
  if (lastIndex !== expected.lastIndex) return `a log up to ${lastIndex} instead of ${expected.lastIndex}`;
  const compacted = Math.max(expected.compactedThrough, expected.snapshotIndex);
  if (logStart.index > compacted) return `a log from ${logStart.index} on, although it was compacted to ${compacted}`;
  for (const entry of entries) {
    const before = expected.entries.get(entry.index);
    if (before && before.term !== entry.term) return `entry ${entry.index} of term ${entry.term}, not ${before.term}`;
  }
  return null;
}
