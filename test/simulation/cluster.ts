import { type Logger, pino } from 'pino';
import { Member } from '../../src/node/member.ts';
import { silentMetrics } from '../../src/node/member-metrics.ts';
import type { MemberSettings } from '../../src/node/settings.ts';
import type { RaftStatus } from '../../src/raft/types.ts';
import { DurableStorage } from '../../src/storage/durable-storage.ts';
import { StorageDamagedError } from '../../src/storage/storage.ts';
import { ConsensusChecks } from './consensus-checks.ts';
import { SimulatedDisk } from './disk.ts';
import { Journal } from './journal.ts';
import { describe, digestOf, SimulatedNetwork } from './network.ts';
import { ObservedStorage } from './observed-storage.ts';
import { type MachineClock, SimulatedProcess } from './process.ts';
import type { SimulatedRandom } from './random.ts';
import { RegistryChecks } from './registry-checks.ts';
import type { Scenario } from './scenario.ts';
import type { KnownPast } from './watched.ts';
import type { SimulatedWorld } from './world.ts';

/** One machine: what lasts when a member's process ends. */
export interface Machine {
  readonly id: string;
  readonly disk: SimulatedDisk;
  readonly clock: MachineClock;
  process: SimulatedProcess | null;
  /** Set once the process has started. */
  member: Member | null;
  /** The process is ending in an orderly way. */
  stopping: boolean;
  /** Nobody may start it: it is held down. */
  heldDown: boolean;
  /** Its data directory was emptied: it must be refused. */
  wiped: boolean;
  restartDue: boolean;
  /** Of the snapshot that its state began with. */
  snapshotIndex: number;
  /** Once it has applied this much, its state is compared with the journal's; `null` when no comparison is due. */
  compareAtIndex: number | null;
  /** Since when the consensus waits for its disk; a pause does not count. `null` while it does not wait. */
  waitsForDiskSinceMs: number | null;
  looks: number;
}

const silent: Logger = pino({ level: 'silent' });

/** A comparison costs as much as a few hundred steps. */
const compareEveryLooks = 3_000;

/** How long after its end a process is started again, in election timeouts. */
const supervisorTimeouts = { min: 0.1, max: 3 };

/** The members of one simulated world, their machines and their network. */
export class SimulatedCluster {
  readonly machines: readonly Machine[];
  readonly network: SimulatedNetwork;
  readonly journal = new Journal();
  readonly consensus: ConsensusChecks;
  readonly registry: RegistryChecks;
  readonly counts = { starts: 0, crashes: 0, failures: 0, refusedStarts: 0, snapshots: 0, restores: 0, compared: 0 };
  /** Set when timers have to be as good as their clocks. */
  isCalm = false;
  readonly #world: SimulatedWorld;
  readonly #random: SimulatedRandom;
  readonly #scenario: Scenario;
  readonly #touched = new Set<Machine>();

  constructor(world: SimulatedWorld, random: SimulatedRandom, scenario: Scenario) {
    this.#world = world;
    this.#random = random.fork('cluster');
    this.#scenario = scenario;
    this.network = new SimulatedNetwork(world, random.fork('network'), scenario.network);
    this.machines = scenario.ids.map((id) => ({
      id,
      disk: new SimulatedDisk(world, random.fork(`disk ${id}`)),
      clock: { rate: scenario.rates[id] ?? 1, wallOffsetMs: this.#random.integer(1_000), turnMs: scenario.turnMs },
      process: null,
      member: null,
      stopping: false,
      heldDown: false,
      wiped: false,
      restartDue: false,
      snapshotIndex: 0,
      compareAtIndex: null,
      waitsForDiskSinceMs: null,
      looks: 0,
    }));
    this.registry = new RegistryChecks(world, this.journal, {
      tickMs: scenario.settings.tickMs,
      maxRate: scenario.maxRate,
      minRate: scenario.minRate,
    });
    this.consensus = new ConsensusChecks(world, scenario.ids, this.registry);
  }

  machine(id: string): Machine {
    const machine = this.machines.find((each) => each.id === id);
    if (!machine) throw new Error(`There is no machine ${id}.`);
    return machine;
  }

  /** The majority that must never be damaged at the same time. */
  get quorum(): number {
    return Math.floor(this.machines.length / 2) + 1;
  }

  // Processes

  start(machine: Machine): void {
    if (machine.process?.isAlive || machine.heldDown) return;
    const { id } = machine;
    this.counts.starts++;
    const life = this.counts.starts;
    const process = new SimulatedProcess(
      id,
      this.#world,
      machine.clock,
      () => (this.isCalm ? 0 : this.#random.around(this.#scenario.latenessMs)),
      () => this.#touched.add(machine),
    );
    machine.process = process;
    machine.member = null;
    machine.stopping = false;
    machine.waitsForDiskSinceMs = null;
    this.consensus.cast(id, machine.wiped);
    this.registry.started(id);
    this.#world.trace(`${id} starts${machine.wiped ? ' with an empty directory' : ''}`);
    process.run(() => {
      Member.start(this.#settingsOf(id), {
        clock: process.clock,
        random: this.#random.fork(`life ${life} of ${id}`),
        storage: this.#storageOf(machine, process),
        transport: this.network.transport(id, process, (to, message) => {
          this.#world.traceOften(digestOf(message), () => `${id} -> ${to} ${describe(message)}`);
          if (machine.process === process) this.consensus.sent(id, message);
        }),
        logger: this.#loggerOf(id),
        metrics: { ...silentMetrics, snapshotTaken: () => void this.counts.snapshots++ },
      }).then(
        (member) => this.#started(machine, process, member),
        (error) => this.#couldNotStart(machine, process, error),
      );
    });
  }

  #settingsOf(id: string): MemberSettings {
    return { ...this.#scenario.settings, nodeId: id, initialVoters: this.#scenario.ids };
  }

  #loggerOf(id: string): Logger {
    if (!this.#world.isTracing) return silent;
    return pino(
      { base: null, timestamp: false },
      {
        write: (line: string) => {
          const { msg, ...facts } = JSON.parse(line) as Record<string, unknown>;
          this.#world.remark(`${id} says: ${msg} ${JSON.stringify(facts).slice(0, 300)}`);
        },
      },
    );
  }

  #storageOf(machine: Machine, process: SimulatedProcess): ObservedStorage {
    const { id } = machine;
    const isCurrent = () => machine.process === process && process.isAlive;
    return new ObservedStorage(new DurableStorage(machine.disk.store(process)), {
      opened: (opened) => {
        if (!isCurrent()) return;
        if (!machine.wiped) machine.disk.accept();
        machine.snapshotIndex = opened.restored.snapshot.index;
        this.consensus.opened(id, opened);
      },
      writeBegun: (write) => {
        if (!isCurrent()) return;
        const { hardState, entries, snapshot } = write;
        const last = entries.at(-1);
        this.#world.traceOften(
          last?.index ?? 0,
          () =>
            `${id} stores${hardState ? ` term ${hardState.term} vote ${hardState.votedFor}` : ''}` +
            `${entries[0] && last ? ` entries ${entries[0].index}/${entries[0].term} to ${last.index}/${last.term}` : ''}` +
            `${snapshot ? ` snapshot ${snapshot.index}/${snapshot.term}` : ''}`,
        );
        machine.waitsForDiskSinceMs = this.#world.nowMs;
        this.consensus.writeBegun(id, write);
        if (snapshot) {
          this.counts.restores++;
          machine.snapshotIndex = snapshot.index;
          machine.compareAtIndex = snapshot.index;
        }
      },
      writeCompleted: () => {
        if (!isCurrent()) return;
        machine.waitsForDiskSinceMs = null;
        this.consensus.writeCompleted(id);
      },
      compacting: (throughIndex) => {
        if (isCurrent()) this.consensus.compacting(id, throughIndex);
      },
    });
  }

  #started(machine: Machine, process: SimulatedProcess, member: Member): void {
    if (machine.process !== process || !process.isAlive) return;
    machine.member = member;
    machine.compareAtIndex = 0;
    this.#world.trace(`${machine.id} runs, applied ${member.status().appliedIndex}`);
    member.failed.then((error) => this.#failed(machine, process, error));
  }

  #couldNotStart(machine: Machine, process: SimulatedProcess, error: unknown): void {
    if (machine.process !== process || !process.isAlive) return;
    const message = error instanceof Error ? error.message : String(error);
    this.counts.refusedStarts++;
    this.#world.trace(`${machine.id} does not start: ${message.slice(0, 160)}`);
    const isDamaged = error instanceof StorageDamagedError;
    const isExplained = isDamaged ? machine.disk.isTamperedWith : machine.disk.hasFailed(process);
    if (!isExplained) this.#world.violate('start', `${machine.id} does not start from an honest disk: ${message}`);
    this.#ended(machine, process);
  }

  #failed(machine: Machine, process: SimulatedProcess, error: Error): void {
    if (machine.process !== process || !process.isAlive) return;
    this.counts.failures++;
    this.#world.trace(`${machine.id} fails: ${error.message.slice(0, 160)}`);
    if (!machine.wiped && !machine.disk.hasFailed(process)) {
      this.#world.violate('member-failed', `${machine.id} failed by itself: ${error.stack ?? error.message}`);
    }
    // It may have applied something, and answered a client, in the very step in which it fails.
    if (machine.member) this.#noteStatus(machine, machine.member.status());
    this.#ended(machine, process);
  }

  /** The process is gone, and its supervisor starts another one. */
  #ended(machine: Machine, process: SimulatedProcess): void {
    process.kill();
    machine.process = null;
    machine.member = null;
    machine.stopping = false;
    machine.disk.crash();
    this.registry.silent(machine.id);
    this.network.leave(machine.id);
    if (machine.restartDue || machine.heldDown) return;
    machine.restartDue = true;
    const restartTimeouts = this.#random.between(supervisorTimeouts.min, supervisorTimeouts.max);
    this.#world.after(restartTimeouts * this.#scenario.settings.electionTimeoutMs, () => {
      machine.restartDue = false;
      this.start(machine);
    });
  }

  crash(machine: Machine): void {
    if (!machine.process) return;
    this.counts.crashes++;
    this.#world.trace(`${machine.id} crashes`);
    this.#ended(machine, machine.process);
  }

  /** The process leaves as on SIGTERM; it is killed when that takes too long. */
  stop(machine: Machine): void {
    const { process, member } = machine;
    if (!process || !member || machine.stopping) return;
    machine.stopping = true;
    this.#world.trace(`${machine.id} stops`);
    process.run(() => {
      member.stop().then(() => {
        if (machine.process === process && process.isAlive) this.#ended(machine, process);
      });
    });
    this.#world.after(5_000, () => {
      if (machine.process === process && process.isAlive) this.crash(machine);
    });
  }

  pause(machine: Machine): void {
    machine.process?.pause();
    this.registry.silent(machine.id);
    this.#world.trace(`${machine.id} is paused`);
  }

  resume(machine: Machine): void {
    if (!machine.process?.isPaused) return;
    this.#world.trace(`${machine.id} goes on`);
    if (machine.waitsForDiskSinceMs !== null) machine.waitsForDiskSinceMs = this.#world.nowMs;
    machine.process.resume();
  }

  holdDown(machine: Machine): void {
    machine.heldDown = true;
    this.crash(machine);
  }

  release(machine: Machine): void {
    machine.heldDown = false;
    if (!machine.restartDue) this.start(machine);
  }

  /** The operator brings the old data back, and a member that was refused with it. */
  restoreDisk(machine: Machine): void {
    if (machine.disk.isTamperedWith) {
      if (machine.process) this.crash(machine);
      machine.disk.restore();
      machine.wiped = false;
    }
    machine.disk.recover();
  }

  // Checks

  /** To be called after each event: looks at the members that it reached. */
  afterEvent(): void {
    for (const machine of this.#touched) {
      const { process, member } = machine;
      if (process && !process.isAlive) {
        // It died in the middle of a step, and may have led, or answered a client, before: that counts.
        if (member) this.#noteStatus(machine, member.status());
        this.crash(machine);
      } else if (process && member && !process.isPaused) this.#look(machine, member);
    }
    this.#touched.clear();
  }

  #look(machine: Machine, member: Member): void {
    const status = member.status();
    if (status.role !== 'follower') this.#checkWaiting(machine, status);
    this.#noteStatus(machine, status);
    if (++machine.looks % compareEveryLooks === 0) machine.compareAtIndex ??= 0;
    const { compareAtIndex } = machine;
    if (compareAtIndex !== null && status.appliedIndex >= compareAtIndex && !machine.wiped) {
      machine.compareAtIndex = null;
      this.#compare(machine, member);
    }
  }

  #noteStatus({ id, wiped }: Machine, status: RaftStatus): void {
    this.consensus.stepped(id, status);
    if (!wiped) this.registry.stepped(id, status);
  }

  /** Whoever cannot store neither leads for long nor campaigns (trap 31). */
  #checkWaiting({ id, waitsForDiskSinceMs, stopping }: Machine, { role }: RaftStatus): void {
    // Who stops has no clock any more.
    if (waitsForDiskSinceMs === null || stopping) return;
    const { settings, minRate, latenessMs } = this.#scenario;
    const stallMs = 8 * settings.electionTimeoutMs;
    const ticks = stallMs / settings.tickMs;
    // Every tick is a timer, and each may be late.
    const boundMs = (stallMs + 2 * settings.tickMs) / minRate + (2 * ticks + 20) * latenessMs + 10;
    const waitedMs = this.#world.nowMs - waitsForDiskSinceMs;
    const isNew = role !== 'leader' && this.consensus.statusOf(id)?.role === 'follower';
    if (waitedMs <= boundMs || (role !== 'leader' && !isNew)) return;
    this.#world.violate(
      'waits-for-disk',
      `${id} is ${role}, and has waited for its disk for ${Math.round(waitedMs)} ms`,
    );
  }

  /** What a member can know of the past, at most: to be asked when its answer is looked at. */
  pastKnownTo({ snapshotIndex }: Machine): KnownPast {
    const { historyEvents } = this.#scenario.watchLimits;
    return { fromRevision: this.journal.revisionAtIndex(snapshotIndex), historyEvents };
  }

  /** A client gets something from this process: never from one whose directory was emptied (trap 9). */
  served(machine: Machine, process: SimulatedProcess): void {
    if (!machine.wiped || machine.process !== process || !process.isAlive) return;
    this.#world.violate('outcast-serves', `${machine.id} serves a client with an emptied directory`);
  }

  /** At its last step. */
  takesItselfForLeader({ id, member }: Machine): boolean {
    return member !== null && this.consensus.statusOf(id)?.role === 'leader';
  }

  /** Holds a member's whole state against the journal's at the same index. */
  #compare(machine: Machine, member: Member): void {
    member.cluster.status({ stateHash: true }).then(({ state: { applied_index, hash } }) => {
      if (this.#world.violation) return;
      this.counts.compared++;
      if (hash !== this.journal.hashAt(applied_index)) {
        this.#world.violate('state-hash', `${machine.id}'s state at ${applied_index} is not what the log says`);
      }
    });
  }

  /** Has every running member's state compared after its next step. */
  compareAll(): void {
    for (const machine of this.machines) machine.compareAtIndex ??= 0;
  }
}
