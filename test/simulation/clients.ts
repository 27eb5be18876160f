import { type ErrorCode, RegistryError } from '../../src/registry/errors.ts';
import type { HeartbeatsResult, InstanceRecord } from '../../src/registry/records.ts';
import type { SeenRecord } from '../linearizability/models/registry-operations.ts';
import type { CallAnswer, CallOutcome, ClientNetwork } from './calls.ts';
import type { Machine } from './cluster.ts';
import type { SimulatedHistory } from './history.ts';
import type { Ledger, Target } from './ledger.ts';
import type { SimulatedRandom } from './random.ts';
import type { Scenario } from './scenario.ts';
import type { SimulatedWorld } from './world.ts';

const sharedNames = ['alpha', 'beta'];

/** The service of those who ask a member whether it serves. */
export const probeName = 'probe';

/** Errors that say nothing of an instance. */
const noAnswers: ReadonlySet<string> = new Set(['service_unavailable', 'outcome_unknown']);

const allNames = [...sharedNames, probeName];

/** Clients of every kind, each with its own intentions, until they are told to end. */
export class Clients {
  readonly #world: SimulatedWorld;
  readonly #network: ClientNetwork;
  readonly #ledger: Ledger;
  readonly #random: SimulatedRandom;
  readonly #scenario: Scenario;
  readonly #history: SimulatedHistory | null;
  readonly targets: Target[] = [];
  #ended = false;
  #markers = 0;

  constructor(
    world: SimulatedWorld,
    network: ClientNetwork,
    ledger: Ledger,
    random: SimulatedRandom,
    scenario: Scenario,
    history: SimulatedHistory | null,
  ) {
    this.#world = world;
    this.#network = network;
    this.#ledger = ledger;
    this.#random = random;
    this.#scenario = scenario;
    this.#history = history;
  }

  begin(): void {
    const { services, rivals, readers, fleets } = this.#scenario;
    for (let number = 0; number < services; number++) {
      const target = { name: this.#random.pick(sharedNames), id: `own-${number}` };
      this.targets.push(target);
      void this.#service(target);
    }
    const contested = sharedNames.map((name) => ({ name, id: 'contested' }));
    this.targets.push(...contested);
    for (let number = 0; number < rivals; number++) void this.#rival(contested);
    for (let number = 0; number < readers; number++) void this.#reader();
    for (let number = 0; number < fleets; number++) {
      const fleet = [0, 1, 2].map((each) => ({ name: this.#random.pick(sharedNames), id: `fleet-${number}-${each}` }));
      this.targets.push(...fleet);
      void this.#fleet(fleet, contested);
    }
  }

  end(): void {
    this.#ended = true;
  }

  #pause(meanMs: number): Promise<void> {
    return new Promise((resolve) => this.#world.after(this.#random.around(meanMs), resolve));
  }

  // Single calls

  async register(target: Target, machine: Machine = this.#network.anyMachine()): Promise<boolean> {
    const version = `1.0.${++this.#markers}`;
    const calledAtMs = this.#world.nowMs;
    const registration = {
      ...target,
      version,
      interfaces: { REST: 'http://10.0.0.1:9000' },
      metadata: {
        environment: this.#random.pick(['production', 'staging'] as const),
        tags: this.#random.pick([[], ['red'], ['red', 'blue']]),
      },
    };
    const ended = this.#history?.begin([{ type: 'register', ...target, version }]);
    const outcome = await this.#network.call(machine, (registry) => registry.register(registration));
    ended?.(outcome, ({ lease_id, created, revision }) => ({
      type: 'registered',
      leaseId: lease_id,
      created,
      revision,
    }));
    this.#ledger.registered(target, version, calledAtMs, outcome);
    return outcome.type === 'answer';
  }

  async #heartbeat(target: Target): Promise<'renewed' | 'lost' | 'unknown'> {
    const calledAtMs = this.#world.nowMs;
    const ended = this.#history?.begin([{ type: 'heartbeat', ...target }]);
    const outcome = await this.#network.call(this.#network.anyMachine(), (registry) => registry.heartbeat(target));
    ended?.(outcome, () => ({ type: 'ok' }));
    this.#ledger.renewed(target, calledAtMs, outcome);
    if (outcome.type === 'answer') return 'renewed';
    return outcome.type === 'error' && !outcome.error.retryable ? 'lost' : 'unknown';
  }

  /** One batch. Its members have an outcome each, unless it fails as a whole. */
  async #heartbeats(targets: readonly Target[]): Promise<void> {
    const calledAtMs = this.#world.nowMs;
    const ended = targets.map((target) => this.#history?.begin([{ type: 'heartbeat', ...target }]));
    const outcome = await this.#network.call(
      this.#network.anyMachine(),
      (registry) => registry.heartbeats(targets),
      // A member that cannot say anything says so of each.
      ({ renewed, failed }) => renewed > 0 || failed.some(({ error }) => !noAnswers.has(error)),
    );
    const outcomes = outcome.type === 'answer' ? this.#outcomesOf(targets, outcome) : targets.map(() => outcome);
    outcomes.forEach((each, position) => {
      ended[position]?.(each, () => ({ type: 'ok' }));
    });
    this.#ledger.renewedTogether(targets, calledAtMs, outcomes);
  }

  #outcomesOf(
    targets: readonly Target[],
    { value: { renewed, failed }, answeredAtMs }: CallAnswer<HeartbeatsResult>,
  ): readonly CallOutcome<unknown>[] {
    if (renewed + failed.length !== targets.length) {
      this.#world.violate('batch', `${renewed} of ${targets.length} are renewed, and ${failed.length} failed`);
    }
    return targets.map(({ name, id }) => {
      const failure = failed.find((each) => each.name === name && each.id === id);
      if (!failure) return { type: 'answer', value: null, answeredAtMs };
      return { type: 'error', error: new RegistryError(failure.error as ErrorCode, failure.message), answeredAtMs };
    });
  }

  async #deregister(target: Target): Promise<'gone' | 'unknown'> {
    const calledAtMs = this.#world.nowMs;
    const ended = this.#history?.begin([{ type: 'deregister', ...target }]);
    const outcome = await this.#network.call(this.#network.anyMachine(), (registry) => registry.deregister(target));
    ended?.(outcome, () => ({ type: 'ok' }));
    this.#ledger.deregistered(target, calledAtMs, outcome);
    return outcome.type === 'answer' || (outcome.type === 'error' && !outcome.error.retryable) ? 'gone' : 'unknown';
  }

  async read(name: string | null, stale: boolean, machine: Machine = this.#network.anyMachine()): Promise<boolean> {
    const { floor } = this.#ledger;
    const consistency = stale ? ('stale' as const) : ('linearizable' as const);
    const names = name === null ? allNames : [name];
    const ended = stale ? null : this.#history?.begin(names.map((each) => ({ type: 'list', name: each })));
    const outcome = await this.#network.call(machine, async (registry) => {
      if (name !== null) return registry.getInstances(name, {}, { consistency });
      const answer = await registry.list({ limit: 1_000 }, { consistency });
      return { ...answer, value: answer.value.instances };
    });
    ended?.(outcome, ({ value, revision }, input) => ({
      type: 'records',
      records: value.filter((record) => record.name === input.name).map(seenRecord),
      revision,
    }));
    this.#ledger.read(name, floor, outcome, stale);
    return outcome.type === 'answer';
  }

  // Kinds of clients

  /** Registers, reports regularly, and leaves after a while, with as many tries as it takes. */
  async #service(target: Target): Promise<void> {
    const { ttlPolicy } = this.#scenario.settings;
    while (!this.#ended) {
      if (!(await this.register(target))) {
        await this.#pause(50);
        continue;
      }
      for (let reports = 5 + this.#random.integer(30); reports > 0 && !this.#ended; reports--) {
        await this.#pause(ttlPolicy.heartbeatIntervalSeconds * 1_000);
        // Now and then it is busy with something else for longer than its lease.
        if (this.#random.chance(0.03)) await this.#pause(ttlPolicy.removeAfterSeconds * 1_000);
        if ((await this.#heartbeat(target)) === 'lost') break;
      }
      if (this.#random.chance(0.5)) {
        while (!this.#ended && (await this.#deregister(target)) === 'unknown') await this.#pause(50);
        await this.#pause(300);
      }
    }
  }

  /** Reports for its own together, and now and then for keys that others use too. */
  async #fleet(own: readonly Target[], others: readonly Target[]): Promise<void> {
    while (!this.#ended) {
      for (const target of own) await this.register(target);
      for (let reports = 5 + this.#random.integer(30); reports > 0 && !this.#ended; reports--) {
        await this.#pause(this.#scenario.settings.ttlPolicy.heartbeatIntervalSeconds * 1_000);
        if (this.#random.chance(0.03)) await this.#pause(this.#scenario.settings.ttlPolicy.removeAfterSeconds * 1_000);
        await this.#heartbeats(this.#random.chance(0.3) ? [...own, ...others] : own);
      }
    }
  }

  /** Does anything to keys that others use too. */
  async #rival(targets: readonly Target[]): Promise<void> {
    while (!this.#ended) {
      await this.#pause(this.#scenario.thinkMs);
      const target = this.#random.pick(targets);
      const kind = this.#random.pick(['register', 'heartbeat', 'deregister', 'read'] as const);
      if (kind === 'register') await this.register(target);
      if (kind === 'heartbeat') await this.#heartbeat(target);
      if (kind === 'deregister') await this.#deregister(target);
      if (kind === 'read') await this.read(target.name, false);
    }
  }

  async #reader(): Promise<void> {
    while (!this.#ended) {
      await this.#pause(this.#scenario.thinkMs);
      const name = this.#random.chance(0.3) ? null : this.#random.pick(sharedNames);
      await this.read(name, this.#random.chance(0.4));
    }
  }
}

function seenRecord({ id, version, lease_id, status, revision }: InstanceRecord): SeenRecord {
  return { id, version, leaseId: lease_id, status, revision };
}
