import type { RegistryInput, RegistryOutput } from '../linearizability/models/registry-operations.ts';
import type { HistoryRecorder } from '../linearizability/recorder.ts';
import { ClientNetwork } from './calls.ts';
import { Clients, probeName } from './clients.ts';
import { type Machine, SimulatedCluster } from './cluster.ts';
import { Faults } from './faults.ts';
import { SimulatedHistory } from './history.ts';
import { Holders } from './holders.ts';
import { Ledger } from './ledger.ts';
import { SimulatedRandom } from './random.ts';
import { type FaultKind, type Overrides, type Scenario, scenarioOf } from './scenario.ts';
import { Watchers } from './watchers.ts';
import { SimulatedWorld, type TraceSink, type Violation } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly traceHash: string;
  readonly virtualMs: number;
  readonly counts: Readonly<Record<string, number>>;
  /** `null` unless it was asked for. */
  readonly history: HistoryRecorder<RegistryInput, RegistryOutput> | null;
}

/** Changes nothing in a run. */
export interface Observation {
  readonly sink?: TraceSink | null;
  /** Whether the result has the history of what clients did. */
  readonly records?: boolean;
}

/** Below these a run has shown nothing, and fails. */
const leastTraffic = { acknowledgedWrites: 5, reads: 3, faults: 1 } as const;

/** The phase with faults ends after this many events: one busy world must not cost as much as fifty others. */
const mostEvents = 10_000;

/** Time for a healed majority to elect a leader and to answer, beside what the scenario's own timeouts take. */
const progressSlackMs = 10_000;

/** One world from its beginning to its verdict. Equal seeds and overrides give equal results. */
export async function simulate(
  seed: number,
  overrides: Overrides = {},
  { sink = null, records = false }: Observation = {},
): Promise<RunResult> {
  return new Run(seed, scenarioOf(seed, overrides), sink, records).result();
}

class Run {
  readonly #seed: number;
  readonly #scenario: Scenario;
  readonly #world: SimulatedWorld;
  readonly #random: SimulatedRandom;
  readonly #cluster: SimulatedCluster;
  readonly #network: ClientNetwork;
  readonly #ledger: Ledger;
  readonly #history: SimulatedHistory | null;
  readonly #clients: Clients;
  readonly #watchers: Watchers;
  readonly #holders: Holders;
  readonly #faults: Faults;

  constructor(seed: number, scenario: Scenario, sink: TraceSink | null, records: boolean) {
    this.#seed = seed;
    this.#scenario = scenario;
    const random = new SimulatedRandom(`world ${seed}`);
    this.#random = random.fork('run');
    this.#world = new SimulatedWorld(sink);
    this.#cluster = new SimulatedCluster(this.#world, random, scenario);
    this.#ledger = new Ledger(this.#world, this.#cluster.journal, scenario.minRate);
    this.#network = new ClientNetwork(this.#world, this.#cluster, random.fork('calls'), {
      timeoutMs: scenario.callTimeoutMs,
      lostAnswers: scenario.lostAnswers,
    });
    this.#history = records ? new SimulatedHistory(() => this.#world.nowMs) : null;
    this.#clients = new Clients(
      this.#world,
      this.#network,
      this.#ledger,
      random.fork('clients'),
      scenario,
      this.#history,
    );
    this.#watchers = new Watchers(this.#world, this.#cluster, this.#network, random.fork('watchers'), scenario);
    this.#holders = new Holders(
      this.#world,
      this.#cluster,
      this.#network,
      this.#ledger,
      random.fork('holders'),
      scenario,
    );
    this.#faults = new Faults(this.#world, this.#cluster, random.fork('faults'), scenario);
  }

  async result(): Promise<RunResult> {
    const { ids, faults, settings } = this.#scenario;
    this.#world.trace(`seed ${this.#seed}: ${ids.length} members, faults: ${faults.join(', ')}`);
    this.#world.remark(JSON.stringify({ ...this.#scenario, settings }));
    for (const machine of this.#cluster.machines) this.#cluster.start(machine);
    this.#clients.begin();
    this.#watchers.begin();
    this.#holders.begin();
    await this.#pass(4 * settings.electionTimeoutMs);
    this.#faults.begin();
    await this.#pass(this.#scenario.durationMs, () => {
      return this.#world.events >= mostEvents && this.#faults.total >= leastTraffic.faults;
    });
    this.#faults.end();
    const majority = this.#random.shuffled(this.#cluster.machines).slice(0, this.#cluster.quorum);
    await this.#healMajority(majority);
    await this.#healAll(majority);
    this.#checkTraffic();
    return {
      seed: this.#seed,
      violation: this.#world.violation,
      traceHash: this.#world.traceHash,
      virtualMs: this.#world.nowMs,
      counts: this.#counts(),
      history: this.#history?.recorder ?? null,
    };
  }

  #pass(forMs: number, isDone?: () => boolean): Promise<void> {
    return this.#world.runUntil(this.#world.nowMs + forMs, () => this.#cluster.afterEvent(), isDone);
  }

  /** A majority that can talk must serve again within a bound, whatever the others do. */
  async #healMajority(majority: readonly Machine[]): Promise<void> {
    if (this.#world.violation) return;
    const outsiders = this.#cluster.machines.filter((machine) => !majority.includes(machine));
    this.#world.trace(`a majority heals: ${majority.map(({ id }) => id).join(' ')}`);
    this.#network.isCalm = true;
    this.#cluster.isCalm = true;
    this.#faults.heal(majority);
    this.#faults.strand(outsiders, majority);
    await this.#expectProgress('majority-progress', majority);
    await this.#expectStableLeader(majority);
  }

  /** Nothing more happens to the majority, so its leader stays, whatever the others try (trap 7). */
  async #expectStableLeader(majority: readonly Machine[]): Promise<void> {
    const check = this.#watchLeaderOf(majority);
    if (!check) return;
    await this.#pass((3 * this.#scenario.settings.electionTimeoutMs) / this.#scenario.minRate);
    check();
  }

  /**
   * Where these members have a leader among them that none of the others outbids, nobody has a reason to unseat it, not even
   * who comes back. The returned function looks whether anybody did; `null` when there is nothing to look for.
   */
  #watchLeaderOf(majority: readonly Machine[]): (() => void) | null {
    const { settings, minRate, maxRate } = this.#scenario;
    const { electionTimeoutMs, raftHeartbeatMs, tickMs } = settings;
    // Where clocks differ too much for these timings, followers may lose patience.
    if ((raftHeartbeatMs + tickMs) / minRate + 5 > electionTimeoutMs / maxRate) return null;
    const leader = majority.find((machine) => this.#cluster.takesItselfForLeader(machine));
    const term = leader?.member?.status().term ?? 0;
    const isSettled = majority.every(({ member, stopping }) => {
      return member && !stopping && member.status().leaderId === leader?.id;
    });
    const isOutbid = this.#cluster.machines.some(({ id }) => this.#cluster.consensus.greatestTermOf(id) > term);
    if (this.#world.violation || !leader || !isSettled || isOutbid) return null;
    return () => {
      const terms = majority.map(({ member }) => member?.status().term ?? 0);
      if (this.#world.violation || terms.every((each) => each === term)) return;
      this.#world.violate(
        'stable-leader',
        `${leader.id} led term ${term}, nothing happened to its majority, and their terms are ${terms.join(' ')}: ${this.#describeMembers()}`,
      );
    };
  }

  async #healAll(majority: readonly Machine[]): Promise<void> {
    if (this.#world.violation) return;
    this.#world.trace('everything heals');
    const checkLeader = this.#watchLeaderOf(majority);
    this.#faults.heal(this.#cluster.machines);
    await this.#expectProgress('progress', this.#cluster.machines);
    checkLeader?.();
    this.#clients.end();
    await this.#expectEmpty();
    await this.#expectEqual();
    await this.#expectWatchersLevel();
    this.#ledger.checkCertainFailures(this.#clients.targets);
  }

  get #progressMs(): number {
    const { electionTimeoutMs, requestTimeoutMs, leaderWaitMs } = this.#scenario.settings;
    const { callTimeoutMs, minRate } = this.#scenario;
    // A leader whose disk hangs steps down after eight election timeouts; a member's restart takes a moment.
    return (20 * electionTimeoutMs + requestTimeoutMs + leaderWaitMs) / minRate + 2 * callTimeoutMs + progressSlackMs;
  }

  /** Each of these members must take a write and answer a read. */
  async #expectProgress(check: string, machines: readonly Machine[]): Promise<void> {
    const waiting = new Set(machines.map(({ id }) => id));
    const boundMs = this.#progressMs;
    for (const machine of machines) {
      this.#insist(machine).then(() => waiting.delete(machine.id));
    }
    await this.#pass(boundMs, () => waiting.size === 0);
    if (waiting.size > 0 && !this.#world.violation) {
      this.#world.violate(
        check,
        `${[...waiting].join(' and ')} did not serve within ${Math.round(boundMs)} ms: ${this.#describeMembers()}`,
      );
    }
  }

  async #insist(machine: Machine): Promise<void> {
    const target = { name: probeName, id: `probe-${machine.id}` };
    while (!(await this.#clients.register(target, machine))) await this.#wait(100);
    while (!(await this.#clients.read(probeName, false, machine))) await this.#wait(100);
    this.#world.trace(`${machine.id} serves`);
  }

  #wait(forMs: number): Promise<void> {
    return new Promise((resolve) => this.#world.after(forMs, resolve));
  }

  /** Nobody reports any more, so every lease runs out (trap 29). */
  async #expectEmpty(): Promise<void> {
    if (this.#world.violation) return;
    const { ttlPolicy, requestTimeoutMs } = this.#scenario.settings;
    const { callTimeoutMs, minRate } = this.#scenario;
    // What is under way may still come; then a lease is judged up to a second late, twice, and its expiry is an entry.
    const boundMs =
      Math.max(requestTimeoutMs, callTimeoutMs) + 3_000 + (ttlPolicy.removeAfterSeconds * 1_000 + 5_000) / minRate;
    const listed = () => this.#cluster.journal.state.counts().total;
    await this.#pass(boundMs, () => listed() === 0 && this.#network.underWay === 0);
    if (listed() > 0 && !this.#world.violation) {
      this.#world.violate(
        'expiry',
        `${listed()} instances are listed ${Math.round(boundMs)} ms after the last client left`,
      );
    }
  }

  async #expectEqual(): Promise<void> {
    if (this.#world.violation) return;
    const isLevel = () => {
      const applied = this.#cluster.machines.map(({ member }) => member?.status().appliedIndex ?? -1);
      return applied.every((index) => index === this.#cluster.consensus.committedIndex);
    };
    await this.#pass(5_000, isLevel);
    if (this.#world.violation) return;
    if (!isLevel()) {
      this.#world.violate('convergence', `the members do not become level: ${this.#describeMembers()}`);
      return;
    }
    const hashes = new Set<string | null>();
    const indexes = new Set<number>();
    let answers = 0;
    for (const { member } of this.#cluster.machines) {
      member?.cluster.status({ stateHash: true }).then(({ state }) => {
        answers++;
        hashes.add(state.hash);
        indexes.add(state.applied_index);
        hashes.add(this.#cluster.journal.hashAt(state.applied_index));
      });
    }
    // A member makes its hash bit by bit.
    await this.#pass(5_000, () => answers === this.#cluster.machines.length);
    if (this.#world.violation) return;
    if (hashes.size !== indexes.size || answers < this.#cluster.machines.length) {
      this.#world.violate(
        'state-hash',
        `${answers} members tell of ${indexes.size} indexes, and there are ${hashes.size} hashes`,
      );
    }
  }

  /** Whoever watches or waits has heard of everything, down to the last lease that ran out, and leaves nothing behind. */
  async #expectWatchersLevel(): Promise<void> {
    if (this.#world.violation) return;
    await this.#pass(this.#progressMs, () => this.#watchers.areLevel && this.#holders.areLevel);
    if (this.#world.violation) return;
    if (!this.#holders.areLevel) {
      this.#world.violate(
        'hold-progress',
        `a held read is not answered, and ${this.#cluster.journal.state.revision} is reached: ${this.#holders.describe()}`,
      );
      return;
    }
    if (!this.#watchers.areLevel) {
      this.#world.violate(
        'watch-progress',
        `nothing more comes to a watcher, and ${this.#cluster.journal.state.revision} is reached: ${this.#watchers.describe()}`,
      );
      return;
    }
    this.#watchers.end();
    this.#holders.end();
    const watched = () => this.#cluster.machines.reduce((sum, { member }) => sum + (member?.watchers ?? 0), 0);
    await this.#pass(1_000, () => watched() === 0);
    if (watched() > 0) this.#world.violate('watch-leak', `${watched()} watches go on after their clients left`);
  }

  #checkTraffic(): void {
    if (this.#world.violation) return;
    const { acknowledgedWrites, counts } = this.#ledger;
    const { total: faults } = this.#faults;
    const isThin =
      acknowledgedWrites < leastTraffic.acknowledgedWrites ||
      counts.reads < leastTraffic.reads ||
      faults < leastTraffic.faults;
    if (isThin) {
      this.#world.violate(
        'too-thin',
        `${acknowledgedWrites} acknowledged writes, ${counts.reads} reads, ${faults} faults`,
      );
    }
  }

  #describeMembers(): string {
    return this.#cluster.machines
      .map(({ id, member, process, wiped }) => {
        const status = member?.status();
        if (!status) return `${id} ${process ? 'starts' : 'is down'}${wiped ? ' (wiped)' : ''}`;
        const { role, term, leaderId, commitIndex, appliedIndex, lastIndex } = status;
        return `${id} ${role} of term ${term} under ${leaderId}, log ${lastIndex}, committed ${commitIndex}, applied ${appliedIndex}`;
      })
      .join('; ');
  }

  #counts(): Record<string, number> {
    const { counts, consensus, registry, network } = this.#cluster;
    const faults: Partial<Record<FaultKind, number>> = Object.fromEntries(this.#faults.counts);
    return {
      events: this.#world.events,
      entries: consensus.committedIndex,
      terms: consensus.terms,
      ...counts,
      coldStarts: registry.coldStarts,
      expiries: registry.expiries,
      messages: network.counts.sent,
      ...this.#ledger.counts,
      ...this.#watchers.counts,
      ...this.#holders.counts,
      silences: this.#network.counts.silences,
      ...Object.fromEntries(Object.entries(faults).map(([kind, count]) => [`fault ${kind}`, count])),
    };
  }
}
