import { maxTickCreditMs, vouchMs } from '../../src/node/settings.ts';
import type { Entry, RaftStatus } from '../../src/raft/types.ts';
import type { Instance } from '../../src/registry/machine.ts';
import { type Journal, type JournalEntry, keyOf } from './journal.ts';
import { ServingTime } from './serving-time.ts';
import type { SimulatedWorld } from './world.ts';

export interface RegistryCheckSettings {
  readonly tickMs: number;
  /** The fastest and the slowest clock of any member, against virtual time. */
  readonly maxRate: number;
  readonly minRate: number;
}

/** The moment at which a leader first wrote an entry. */
interface Proposal {
  readonly atMs: number;
  /** Serving time until then. */
  readonly servedMs: number;
  /** How often a leader had begun to serve until then. */
  readonly begun: number;
  /** Whether some member may have witnessed a leader that served, not long before. */
  readonly watched: boolean;
}

/** What the registry promises of instances and leases, checked with each entry when a member first applies it. */
export class RegistryChecks {
  readonly #world: SimulatedWorld;
  readonly #journal: Journal;
  readonly #settings: RegistryCheckSettings;
  readonly #serving: ServingTime;
  readonly #proposals = new Map<string, Proposal>();
  /** Of committed entries; `#committed[i]` is entry `i + 1`. */
  readonly #committed: Proposal[] = [];
  readonly #startedAtMs = new Map<string, number>();
  /** Leases that nobody has renewed since the last cold start. */
  readonly #unreported = new Set<number>();
  readonly #effects = new Map<string, number>();
  #lastLeaseId = 0;
  #lastRevision = 0;
  coldStarts = 0;
  expiries = 0;

  constructor(world: SimulatedWorld, journal: Journal, settings: RegistryCheckSettings) {
    this.#world = world;
    this.#journal = journal;
    this.#settings = settings;
    this.#serving = new ServingTime(() => world.nowMs);
  }

  started(id: string): void {
    this.#startedAtMs.set(id, this.#world.nowMs);
    this.#serving.set(id, false);
  }

  stepped(id: string, status: RaftStatus): void {
    this.#serving.set(id, status.role === 'leader' && status.termOpened);
  }

  /** It is paused, or it is gone. */
  silent(id: string): void {
    this.#serving.set(id, false);
  }

  /** An entry of this index and term was written somewhere for the first time. */
  proposed(entry: Entry): void {
    const { totalMs: servedMs, begun } = this.#serving;
    this.#proposals.set(`${entry.index}/${entry.term}`, {
      atMs: this.#world.nowMs,
      servedMs,
      begun,
      watched: this.#isWatched,
    });
  }

  /** A member is the first to apply this entry. */
  committed(entry: Entry): void {
    const proposal = this.#proposals.get(`${entry.index}/${entry.term}`);
    if (!proposal) {
      this.#world.violate('journal', `entry ${entry.index} of term ${entry.term} was applied and never written`);
      return;
    }
    this.#committed.push(proposal);
    this.#check(entry, this.#journal.apply(entry, proposal.atMs, this.#world.nowMs), proposal);
  }

  #check(entry: Entry, applied: JournalEntry, proposal: Proposal): void {
    const { command, index } = applied;
    this.#checkLeaseClock(applied, proposal);
    this.#checkRevision(applied);
    this.#checkOnce(applied);
    this.#checkEvents(applied);
    if (command.type === 'heartbeats') for (const leaseId of command.leaseIds) this.#unreported.delete(leaseId);
    if (command.type === 'open-term') this.#checkOpening(command.coldStart, entry, proposal);
    this.#checkUnreported(index);
    if (command.type !== 'expire') return;
    for (const { type, instance } of applied.outcome.events) this.#checkExpiry(index, type, instance, proposal);
  }

  #checkEvents({ command, outcome, index }: JournalEntry): void {
    for (const { instance, type } of outcome.events) {
      if (type === 'registered' || type === 'updated') {
        if (instance.leaseId <= this.#lastLeaseId) {
          this.#world.violate('lease-ids', `lease ${instance.leaseId} was given after lease ${this.#lastLeaseId}`);
        }
        this.#lastLeaseId = instance.leaseId;
        if (command.type !== 'register') this.#world.violate('resurrection', `a ${command.type} lists an instance`);
      }
      if (type === 'status' && instance.status === 'up' && command.type !== 'heartbeats') {
        this.#world.violate('cold-start', `a ${command.type} turns lease ${instance.leaseId} up at ${index}`);
      }
    }
  }

  #checkRevision({ outcome, index, revision }: JournalEntry): void {
    let last = this.#lastRevision;
    for (const event of outcome.events) {
      if (event.revision !== last + 1) {
        this.#world.violate('revision', `an event of entry ${index} has revision ${event.revision} after ${last}`);
      }
      last = event.revision;
    }
    if (revision !== last) this.#world.violate('revision', `entry ${index} moves the revision to ${revision} unseen`);
    this.#lastRevision = revision;
  }

  /** A write has its effect once, however often it was passed on (trap 34). */
  #checkOnce({ outcome, command, index }: JournalEntry): void {
    if (outcome.requestId === null || command.type === 'heartbeats' || outcome.events.length === 0) return;
    const before = this.#effects.get(outcome.requestId);
    if (before !== undefined) {
      this.#world.violate('applied-twice', `request ${outcome.requestId} has an effect at ${before} and at ${index}`);
    }
    this.#effects.set(outcome.requestId, index);
  }

  /** Serving time is all that counts (traps 27 to 29). */
  #checkLeaseClock({ stamp, index }: JournalEntry, { servedMs, begun }: Proposal): void {
    const boundMs = this.#mostCredit(servedMs, begun);
    if (stamp.leaseMs <= boundMs) return;
    this.#world.violate(
      'serving-time',
      `entry ${index} says that ${stamp.leaseMs} ms were served, and at most ${Math.ceil(boundMs)} ms were`,
    );
  }

  /** Each time that a leader begins to serve, or goes on after a pause, it may credit one late tick. */
  #mostCredit(servedMs: number, begun: number): number {
    const { maxRate, tickMs } = this.#settings;
    return servedMs * maxRate + (begun + 1) * (maxTickCreditMs + tickMs) + 1;
  }

  #checkOpening(coldStart: boolean, entry: Entry, { watched }: Proposal): void {
    if (coldStart) {
      this.coldStarts++;
      for (const { leaseId, status } of this.#journal.state.instances()) {
        if (status !== 'unknown') this.#world.violate('cold-start', `lease ${leaseId} is ${status} after a cold start`);
        this.#unreported.add(leaseId);
      }
      return;
    }
    if (watched) return;
    this.#world.violate('cold-start', `term ${entry.term} is opened as if watched, by members that saw nothing`);
  }

  get #isWatched(): boolean {
    const { lastServedMs } = this.#serving;
    if (lastServedMs === null) return false;
    const hasWitness = [...this.#startedAtMs.values()].some((atMs) => atMs < lastServedMs);
    // Words of a leader may reach a member late; but nobody can have heard them who began after the last of them.
    return hasWitness && this.#world.nowMs - lastServedMs <= vouchMs / this.#settings.minRate + 10_000;
  }

  #checkUnreported(index: number): void {
    for (const leaseId of this.#unreported) {
      const instance = this.#journal.state.findLease(leaseId);
      if (!instance) this.#unreported.delete(leaseId);
      else if (instance.status === 'up') {
        this.#world.violate(
          'cold-start',
          `lease ${leaseId} is up at ${index}, and has not reported since a cold start`,
        );
      }
    }
  }

  #checkExpiry(index: number, type: string, instance: Instance, proposal: Proposal): void {
    this.expiries++;
    const { name, id, ttl } = instance.registration;
    const reportedIndex = this.#lastReportIndex(instance, index);
    const reported = this.#committed[reportedIndex - 1];
    if (!reported) {
      this.#world.violate('unfair-expiry', `lease ${instance.leaseId} expired and was never registered`);
      return;
    }
    const periodMs = (type === 'expired' ? ttl.remove_after : ttl.unhealthy_after) * 1_000;
    const { maxRate, tickMs } = this.#settings;
    // The tick during which it reported may count as a whole.
    const elapsedMs = (proposal.atMs - reported.atMs) * maxRate + maxTickCreditMs + tickMs + 1;
    const servedMs = this.#mostCredit(proposal.servedMs - reported.servedMs, proposal.begun - reported.begun);
    const boundMs = Math.min(elapsedMs, servedMs);
    if (boundMs >= periodMs) return;
    this.#world.violate(
      'unfair-expiry',
      `${keyOf(name, id)} is ${type === 'expired' ? 'removed' : 'unhealthy'} at ${index}, at most ` +
        `${Math.round(boundMs)} ms of serving time after it reported at ${reportedIndex}; it had ${periodMs} ms`,
    );
  }

  /** Index of the entry with which this lease was last renewed or given. */
  #lastReportIndex({ leaseId, registration: { name, id } }: Instance, beforeIndex: number): number {
    const given = this.#journal
      .changesOf(name, id)
      .find((change) => change.leaseId === leaseId && (change.type === 'registered' || change.type === 'updated'));
    const renewals = this.#journal.renewalsOf(leaseId).filter((renewal) => renewal.index < beforeIndex);
    return Math.max(given?.index ?? 0, renewals.at(-1)?.index ?? 0);
  }
}
