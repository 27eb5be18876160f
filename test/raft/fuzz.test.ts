import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/raft/types.ts';
import { Cluster } from './harness/cluster.ts';
import { InvariantChecker } from './harness/invariants.ts';
import { type RandomInteger, seededRandom } from './harness/random.ts';

/** More, or one particular seed: `RAFT_FUZZ_SEED=17 RAFT_FUZZ_SEEDS=1 npx vitest run test/raft/fuzz.test.ts`. */
const firstSeed = Number(process.env.RAFT_FUZZ_SEED ?? 1);
const seedCount = Number(process.env.RAFT_FUZZ_SEEDS ?? 12);
const stepCount = Number(process.env.RAFT_FUZZ_STEPS ?? 4_000);

/** A run of random steps and faults over one cluster, all of it decided by the seed. */
class FuzzRun {
  readonly checker = new InvariantChecker();
  readonly cluster: Cluster;
  readonly #random: RandomInteger;
  readonly #ids: readonly NodeId[];
  #nextCommand = 1;
  #nextRead = 1;

  constructor(ids: readonly NodeId[], seed: number) {
    this.#random = seededRandom(seed);
    this.#ids = ids;
    this.cluster = new Cluster({
      ids,
      observer: this.checker,
      randomInteger: seededRandom(seed + 1_000_003),
      config: { writeStallTicks: 25, maxBytesPerAppend: 40, maxInflightAppends: 3, maxInflightBytes: 120 },
    });
    for (const member of this.cluster.members.values()) member.writesAtOnce = false;
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[this.#random(items.length)];
  }

  #member(): NodeId {
    return this.#pick(this.#ids) ?? 'a';
  }

  step(): void {
    const dice = this.#random(1_000);
    if (dice < 600) this.#deliverSome();
    else if (dice < 700) this.#tickSome();
    else if (dice < 830) this.#finishWrites();
    else if (dice < 890) this.#propose();
    else if (dice < 920) this.#read();
    else if (dice < 950) this.#applyLaterOrNow();
    else if (dice < 965) this.#loseOrRepeat();
    else if (dice < 976) this.#snapshot();
    else if (dice < 984) this.#crashOrRestart();
    else if (dice < 992) this.#cutOrHeal();
    else if (dice < 994) this.cluster.disconnected(this.#upMember(), this.#member());
    else if (dice < 996) this.cluster.unreachable(this.#upMember(), this.#member());
    else this.cluster.transfer(this.cluster.leaderId ?? this.#upMember(), this.#member());
    this.checker.check(this.cluster);
  }

  #upMember(): NodeId {
    return this.#pick(this.cluster.up)?.id ?? this.#restartOne();
  }

  #restartOne(): NodeId {
    const id = this.#member();
    this.cluster.restart(id);
    return id;
  }

  /** Usually the oldest packet, sometimes any: reordering. */
  #deliverSome(): void {
    for (let count = this.#random(this.#ids.length) + 1; count > 0; count--) {
      const { inFlight } = this.cluster;
      if (inFlight.length === 0) return;
      const position = this.#random(4) === 0 ? this.#random(inFlight.length) : 0;
      const [packet] = inFlight.splice(position, 1);
      if (packet !== undefined) this.cluster.arrive(packet);
    }
  }

  #tickSome(): void {
    if (this.#random(3) === 0) this.cluster.tick(this.#member());
    else for (const id of this.#ids) this.cluster.tick(id);
  }

  #finishWrites(): void {
    for (const member of this.cluster.up) {
      if (member.disk.underWay !== null && this.#random(2) === 0) member.completeWrite();
    }
  }

  #propose(): void {
    const leader = this.cluster.up.find(({ core }) => core.status().role === 'leader');
    if (leader === undefined) return;
    const commands = Array.from({ length: 1 + this.#random(3) }, () => `command ${this.#nextCommand++}`);
    this.cluster.propose(leader.id, ...commands);
  }

  #read(): void {
    const id = this.#upMember();
    const context = this.#nextRead++;
    this.checker.readAsked(id, context);
    this.cluster.read(id, context);
  }

  #applyLaterOrNow(): void {
    const member = this.#pick(this.cluster.up);
    if (member === undefined) return;
    member.appliesAtOnce = !member.appliesAtOnce;
    if (member.appliesAtOnce) member.applyHandedOut();
    member.pump();
  }

  #loseOrRepeat(): void {
    const { inFlight } = this.cluster;
    const packet = this.#pick(inFlight);
    if (packet === undefined) return;
    if (this.#random(2) === 0) inFlight.splice(inFlight.indexOf(packet), 1);
    else inFlight.push(packet);
  }

  #snapshot(): void {
    const id = this.#upMember();
    this.cluster.takeSnapshot(id, this.#random(4));
  }

  #crashOrRestart(): void {
    const down = [...this.cluster.members.values()].filter((member) => !member.isUp);
    const revived = this.#pick(down);
    if (revived !== undefined && this.#random(4) > 0) {
      this.cluster.restart(revived.id);
      return;
    }
    const id = this.#upMember();
    // The disk may have had the write although nobody was told.
    const { disk } = this.cluster.member(id);
    if (disk.underWay !== null && this.#random(2) === 0) disk.complete();
    this.cluster.crash(id);
    this.checker.crashed(id);
  }

  #cutOrHeal(): void {
    if (this.#random(2) === 0) this.cluster.healAll();
    else if (this.#random(3) === 0) this.cluster.isolate(this.#member());
    else this.cluster.cut(this.#member(), this.#member());
  }

  /** Everything works again: does the cluster? */
  heal(): void {
    this.cluster.healAll();
    for (const member of this.cluster.members.values()) {
      if (!member.isUp) this.cluster.restart(member.id);
      member.appliesAtOnce = true;
      member.writesAtOnce = true;
      member.applyHandedOut();
      if (member.disk.underWay !== null) member.completeWrite();
      member.pump();
    }
  }

  pass(ticks: number): void {
    this.cluster.pass(ticks);
    this.checker.check(this.cluster);
  }
}

function runSafely(seed: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
  }
}

describe.each([
  { size: 3, ids: ['a', 'b', 'c'] },
  { size: 5, ids: ['a', 'b', 'c', 'd', 'e'] },
])('$size members under random faults', ({ ids }) => {
  const seeds = Array.from({ length: seedCount }, (_, offset) => firstSeed + offset);
  let committed = 0;
  let readsConfirmed = 0;
  let snapshotsRestored = 0;
  let elections = 0;

  test.each(seeds)('seed %i: stay safe, and make progress once everything works again', (seed) => {
    const run = new FuzzRun(ids, seed);
    runSafely(seed, () => {
      for (let step = 0; step < stepCount; step++) run.step();
      run.heal();
      // Two election timeouts for whoever still waits for a silent leader, two for a split vote or two.
      for (let ticks = 0; run.cluster.leaderId === null && ticks < 100; ticks++) run.pass(1);
      run.pass(60);
      const leaderId = run.cluster.leaderId;
      if (leaderId === null) throw new Error('a healed cluster has no leader');
      if (!run.cluster.propose(leaderId, 'the last command')) throw new Error('a healed cluster takes no command');
      run.pass(60);
      const { commitIndex, termOpened } = run.cluster.status(leaderId);
      if (!termOpened) throw new Error('a healed leader has not opened its term');
      for (const { id, machineIndex, commands } of run.cluster.up) {
        if (machineIndex !== commitIndex) throw new Error(`${id} is at ${machineIndex} and not at ${commitIndex}`);
        if (commands.at(-1) !== 'the last command') throw new Error(`${id} has not applied the last command`);
      }
      const unanswered = run.checker.unansweredReads;
      if (unanswered.length > 0) throw new Error(`reads hang: ${unanswered.join(', ')}`);
      const states = new Set(run.cluster.up.map(({ commands }) => commands.join()));
      if (states.size !== 1) throw new Error('members ended in different states');
    });
    committed += run.checker.committedIndex;
    readsConfirmed += run.checker.readsConfirmed;
    snapshotsRestored += run.checker.snapshotsRestored;
    elections += run.checker.largestTerm;
  });

  test('and the runs were not idle', () => {
    // A net that catches nothing may have nothing swimming through it.
    expect(committed / seeds.length).toBeGreaterThan(50);
    expect(readsConfirmed / seeds.length).toBeGreaterThan(10);
    expect(snapshotsRestored).toBeGreaterThan(0);
    expect(elections / seeds.length).toBeGreaterThan(3);
  });
});
