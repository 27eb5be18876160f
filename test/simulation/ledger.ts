import type { RegistryError } from '../../src/registry/errors.ts';
import type { InstanceRecord, RegistrationResult } from '../../src/registry/records.ts';
import type { ReadAnswer } from '../../src/registry/service.ts';
import type { CallOutcome } from './calls.ts';
import { type Journal, keyOf } from './journal.ts';
import type { SimulatedWorld } from './world.ts';

export interface Target {
  readonly name: string;
  readonly id: string;
}

/** Errors with which a call may end; each of them claims something that is checked. */
const knownErrors: ReadonlySet<string> = new Set([
  'service_unavailable',
  'outcome_unknown',
  'service_not_found',
  'service_gone',
  'lease_mismatch',
]);

/** The clocks that staleness is measured with differ by little; a read waits in a socket for a moment. */
const stalenessSlackMs = 50;

/**
 * Holds what clients were told against the journal. The log is one order of all writes; these checks together say that
 * it is an order in which every client could have seen what it saw: each write has its place between its call and its
 * answer, each read shows exactly the state at its revision, and that is no older than what was applied anywhere before
 * the read began. So a run that passes is linearizable, and no search is needed.
 */
export class Ledger {
  readonly counts = { registered: 0, renewed: 0, deregistered: 0, refused: 0, reads: 0, staleReads: 0, unavailable: 0 };
  readonly #world: SimulatedWorld;
  readonly #journal: Journal;
  readonly #minRate: number;
  /** Effects that an answer was given for: one answer each. */
  readonly #claimed = new Set<string>();
  /** Calls of which a client was told that they did certainly not happen. */
  readonly #neverHappened = new Set<string>();

  constructor(world: SimulatedWorld, journal: Journal, minRate: number) {
    this.#world = world;
    this.#journal = journal;
    this.#minRate = minRate;
  }

  get acknowledgedWrites(): number {
    return this.counts.registered + this.counts.renewed + this.counts.deregistered;
  }

  /** What a read that begins now must at least show. */
  get floor(): number {
    return this.#journal.state.revision;
  }

  registered(target: Target, version: string, calledAtMs: number, outcome: CallOutcome<RegistrationResult>): void {
    this.#traceEnd(() => `register ${keyOf(target.name, target.id)} ${version}`, outcome);
    if (outcome.type === 'silence') return;
    if (outcome.type === 'error') {
      this.#checkError(outcome.error.code, 'register');
      if (outcome.error.code === 'service_unavailable') this.#neverHappened.add(`${version}`);
      this.#checkCertainFailures(target);
      return;
    }
    this.counts.registered++;
    const { lease_id, revision, created } = outcome.value;
    const change = this.#journal
      .changesOf(target.name, target.id)
      .find((each) => each.leaseId === lease_id && (each.type === 'registered' || each.type === 'updated'));
    const isTrue =
      change?.version === version &&
      change.revision === revision &&
      created === (change.type === 'registered') &&
      change.atMs >= calledAtMs;
    if (!isTrue) {
      this.#world.violate(
        'acknowledged-write',
        `lease ${lease_id} of ${keyOf(target.name, target.id)} at revision ${revision} was acknowledged for ${version}; the log says ${JSON.stringify(change)}`,
      );
    }
    this.#claim(`lease ${lease_id}`);
  }

  renewed(target: Target, calledAtMs: number, outcome: CallOutcome<unknown>): void {
    this.#traceEnd(() => `heartbeat ${keyOf(target.name, target.id)}`, outcome);
    if (outcome.type === 'silence') return;
    if (outcome.type === 'error') {
      this.#checkError(outcome.error.code, 'heartbeat');
      this.#checkRefusal(target, calledAtMs, outcome.error, 'heartbeat');
      return;
    }
    this.counts.renewed++;
    const leases = new Set(this.#journal.changesOf(target.name, target.id).map(({ leaseId }) => leaseId));
    const isTrue = [...leases].some((lease) => (this.#journal.renewalsOf(lease).at(-1)?.atMs ?? -1) >= calledAtMs);
    if (!isTrue) {
      this.#world.violate('acknowledged-write', `a heartbeat of ${keyOf(target.name, target.id)} is not in the log`);
    }
  }

  /** The outcome for each of the targets; of the members of a batch nobody is told why they are gone. */
  renewedTogether(targets: readonly Target[], calledAtMs: number, outcomes: readonly CallOutcome<unknown>[]): void {
    targets.forEach((target, position) => {
      const outcome = outcomes[position] ?? { type: 'silence' };
      if (outcome.type !== 'error') {
        this.renewed(target, calledAtMs, outcome);
        return;
      }
      this.#checkError(outcome.error.code, 'heartbeat in a batch');
      this.#checkRefusal(target, calledAtMs, outcome.error, 'heartbeat in a batch');
    });
  }

  deregistered(target: Target, calledAtMs: number, outcome: CallOutcome<unknown>): void {
    this.#traceEnd(() => `deregister ${keyOf(target.name, target.id)}`, outcome);
    if (outcome.type === 'silence') return;
    if (outcome.type === 'error') {
      this.#checkError(outcome.error.code, 'deregister');
      this.#checkRefusal(target, calledAtMs, outcome.error, 'deregister');
      return;
    }
    this.counts.deregistered++;
    const change = this.#journal
      .changesOf(target.name, target.id)
      .find(
        ({ type, atMs, index }) =>
          type === 'deregistered' && atMs >= calledAtMs && !this.#claimed.has(`deregistration ${index}`),
      );
    if (!change) {
      this.#world.violate('acknowledged-write', `${keyOf(target.name, target.id)} was never deregistered`);
      return;
    }
    this.#claim(`deregistration ${change.index}`);
  }

  /** @param floor the journal's revision when the read began; @param name of the service, `null` for all of them */
  read(
    name: string | null,
    floor: number,
    outcome: CallOutcome<ReadAnswer<readonly InstanceRecord[]>>,
    stale: boolean,
  ): void {
    this.#traceEnd(() => `${stale ? 'stale ' : ''}read ${name ?? 'all'}`, outcome);
    if (outcome.type === 'silence') return;
    if (outcome.type === 'error') {
      this.#checkError(outcome.error.code, 'read');
      return;
    }
    const { value, answeredAtMs } = outcome;
    const { revision, staleness_ms } = value;
    if (stale) this.counts.staleReads++;
    else this.counts.reads++;
    const atLeast = stale
      ? this.#journal.revisionAt(answeredAtMs - (staleness_ms ?? 0) / this.#minRate - stalenessSlackMs)
      : floor;
    if (revision < atLeast) {
      this.#world.violate(
        stale ? 'staleness' : 'stale-read',
        `a read of ${name ?? 'all'} shows revision ${revision}, and ${atLeast} was applied before it${stale ? ` (it claims an age of ${staleness_ms} ms)` : ''}`,
      );
    }
    const names = name === null ? this.#journal.services : [name];
    const expected = names.flatMap((each) =>
      [...this.#journal.instancesAt(each, revision).values()].map(
        (instance) => `${each}/${describe(instance.registration.id, instance)}`,
      ),
    );
    const found = value.value.map(({ name: each, id, lease_id, status, revision: changedAt }) => {
      return `${each}/${describe(id, { leaseId: lease_id, status, revision: changedAt })}`;
    });
    if (expected.sort().join() !== found.sort().join()) {
      this.#world.violate(
        'read-content',
        `a read of ${name ?? 'all'} at revision ${revision} shows ${found.join(', ') || 'nothing'}; the log says ${expected.join(', ') || 'nothing'}`,
      );
    }
  }

  /** "It did certainly not happen" must stay true. */
  checkCertainFailures(targets: readonly Target[]): void {
    for (const target of targets) this.#checkCertainFailures(target);
  }

  #checkCertainFailures({ name, id }: Target): void {
    const wrong = this.#journal.changesOf(name, id).find(({ version, type }) => {
      return (type === 'registered' || type === 'updated') && this.#neverHappened.has(version);
    });
    if (wrong) {
      this.#world.violate(
        'certain-failure',
        `${wrong.version} was said not to have happened, and did at ${wrong.index}`,
      );
    }
  }

  #claim(effect: string): void {
    if (this.#claimed.has(effect)) this.#world.violate('acknowledged-twice', `${effect} was acknowledged to two calls`);
    this.#claimed.add(effect);
  }

  #checkError(code: string, operation: string): void {
    if (!knownErrors.has(code)) this.#world.violate('client-error', `a ${operation} ends with ${code}`);
    if (code === 'service_unavailable' || code === 'outcome_unknown') this.counts.unavailable++;
    else this.counts.refused++;
  }

  /**
   * A refusal is true if the instance was not listed, for the reason that is given, at some moment of the call. Who is gone
   * is remembered for longer than any world lasts here (trap 35).
   */
  #checkRefusal(
    target: Target,
    calledAtMs: number,
    error: RegistryError,
    operation: 'heartbeat' | 'heartbeat in a batch' | 'deregister',
  ): void {
    const { code, details } = error;
    if (code !== 'service_gone' && code !== 'service_not_found') return;
    const changes = this.#journal.changesOf(target.name, target.id);
    const during = [
      changes.findLast(({ atMs }) => atMs < calledAtMs) ?? null,
      ...changes.filter(({ atMs }) => atMs >= calledAtMs),
    ];
    const isTrue = during.some((change) => {
      if (change === null) return code === 'service_not_found';
      if (change.listed) return false;
      if (operation === 'deregister') return true;
      return code === 'service_gone' && (operation === 'heartbeat in a batch' || details?.cause === change.type);
    });
    if (isTrue) return;
    const seen = during.map((change) => change?.type ?? 'not registered').join(', ');
    this.#world.violate(
      'false-refusal',
      `a ${operation} of ${keyOf(target.name, target.id)} ends with ${code} (${details?.cause}); it was ${seen}`,
    );
  }

  #traceEnd(call: () => string, outcome: CallOutcome<unknown>): void {
    this.#world.traceOften(outcome.type.length, () => {
      const end = outcome.type === 'answer' ? JSON.stringify(outcome.value).slice(0, 200) : outcome.type;
      return `client: ${call()}: ${outcome.type === 'error' ? outcome.error.code : end}`;
    });
  }
}

function describe(id: string, instance: { leaseId: number; status: string; revision: number }): string {
  return `${id} lease ${instance.leaseId} ${instance.status} @${instance.revision}`;
}
