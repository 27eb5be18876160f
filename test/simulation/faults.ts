import type { Machine, SimulatedCluster } from './cluster.ts';
import type { SimulatedRandom } from './random.ts';
import type { FaultKind, Scenario } from './scenario.ts';
import type { SimulatedWorld } from './world.ts';

type CutKind = 'partition' | 'one-way-cut' | 'partial-partition' | 'isolated-leader' | 'flapping-link';

interface Direction {
  readonly from: string;
  readonly to: string;
}

/** Does to the cluster what its scenario says, and can take everything back. */
export class Faults {
  readonly counts = new Map<FaultKind, number>();
  readonly #world: SimulatedWorld;
  readonly #cluster: SimulatedCluster;
  readonly #random: SimulatedRandom;
  readonly #scenario: Scenario;
  #active = true;

  constructor(world: SimulatedWorld, cluster: SimulatedCluster, random: SimulatedRandom, scenario: Scenario) {
    this.#world = world;
    this.#cluster = cluster;
    this.#random = random;
    this.#scenario = scenario;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  begin(): void {
    if (this.#scenario.faults.length === 0) return;
    const { faultEveryMs } = this.#scenario;
    // A run in which chance brought no fault about would show nothing.
    this.#world.after(Math.min(this.#random.around(faultEveryMs), 3 * faultEveryMs), () => {
      if (!this.#active) return;
      const kind = this.#random.pick(this.#scenario.faults);
      if (this.#strike(kind)) this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      this.begin();
    });
  }

  end(): void {
    this.#active = false;
  }

  // Healing

  /** Everything that was done to these members and between them ends, and they run. */
  heal(machines: readonly Machine[]): void {
    for (const machine of machines) {
      this.#cluster.restoreDisk(machine);
      machine.disk.condition.minLatencyMs = 0.1;
      machine.disk.condition.maxLatencyMs = 2;
      this.#cluster.resume(machine);
      this.#cluster.release(machine);
    }
    for (const from of machines) {
      for (const to of machines) if (from !== to) this.#cluster.network.calm(from.id, to.id);
    }
  }

  /** Leaves these members in some trouble that must not hold up the rest. */
  strand(outsiders: readonly Machine[], majority: readonly Machine[]): void {
    for (const outsider of outsiders) {
      const state = this.#random.pick(['down', 'cut off', 'deaf', 'mute', 'hanging'] as const);
      this.#world.trace(`${outsider.id} stays ${state}`);
      this.#cluster.resume(outsider);
      if (state === 'down') this.#cluster.holdDown(outsider);
      if (state === 'hanging') outsider.disk.condition.hangs = true;
      for (const other of majority) {
        if (state === 'cut off' || state === 'deaf') this.#cluster.network.cut(other.id, outsider.id);
        if (state === 'cut off' || state === 'mute') this.#cluster.network.cut(outsider.id, other.id);
      }
    }
  }

  // Each kind of fault

  get #machines(): readonly Machine[] {
    return this.#cluster.machines;
  }

  #some(): Machine {
    return this.#random.pick(this.#machines);
  }

  /** Mostly the leader: that is where it hurts. */
  #preferred(): Machine {
    const leader = this.#machines.find(({ member }) => member?.status().role === 'leader');
    return leader && this.#random.chance(0.5) ? leader : this.#some();
  }

  #later(end: () => void, times = 1): void {
    this.#world.after(this.#random.around(times * this.#scenario.faultForMs), () => {
      // When healing has begun, whatever ends has been ended.
      if (this.#active) end();
    });
  }

  /** @returns whether it could be done */
  #strike(kind: FaultKind): boolean {
    switch (kind) {
      case 'loss':
      case 'slow-links':
      case 'duplicates':
        return this.#worsenLinks(kind);
      case 'partition':
      case 'one-way-cut':
      case 'partial-partition':
      case 'isolated-leader':
      case 'flapping-link':
        return this.#cut(kind);
      case 'broken-connections':
        return this.#breakConnections();
      case 'crash':
        return this.#crash([this.#preferred()]);
      case 'crash-all':
        return this.#crash(this.#machines);
      case 'crash-in-a-step':
        return this.#crashInAStep();
      case 'pause':
        return this.#pause(this.#preferred());
      case 'pause-all':
        return this.#pauseAll();
      case 'pause-behind-cut':
        return this.#pauseBehindCut();
      case 'stop':
        return this.#stop(this.#preferred());
      case 'slow-disk':
      case 'hanging-disk':
      case 'failing-disk':
      case 'full-disk':
        return this.#worsenDisk(kind, this.#preferred());
      case 'flipped-bit':
      case 'emptied-directory':
        return this.#tamper(kind, this.#some());
      case 'wall-clock-jump': {
        const machine = this.#some();
        machine.clock.wallOffsetMs += this.#random.pick([-3_600_000, -1_000, 1_000, 3_600_000, 86_400_000]);
        this.#world.trace(`the wall clock of ${machine.id} jumps`);
        return true;
      }
    }
  }

  #worsenLinks(kind: 'loss' | 'slow-links' | 'duplicates'): boolean {
    const everywhere = this.#random.chance(0.5);
    const links = this.#machines.flatMap((from) =>
      this.#machines
        .filter((to) => to !== from && (everywhere || this.#random.chance(0.3)))
        .map((to) => ({ from: from.id, to: to.id })),
    );
    const amount = this.#random.pick([0.02, 0.2, 0.6]);
    const slowMs = this.#random.pick([20, 150, 800]);
    this.#world.trace(`${kind} on ${links.length} links`);
    for (const { from, to } of links) {
      const link = this.#cluster.network.link(from, to);
      if (kind === 'loss') link.loss = amount;
      if (kind === 'duplicates') link.duplicates = amount;
      if (kind === 'slow-links') Object.assign(link, { maxDelayMs: slowMs, late: amount / 10 });
    }
    this.#later(() => {
      for (const { from, to } of links) {
        const link = this.#cluster.network.link(from, to);
        if (kind === 'loss') link.loss = 0;
        if (kind === 'duplicates') link.duplicates = 0;
        if (kind === 'slow-links') Object.assign(link, { maxDelayMs: 1.5, late: 0 });
      }
    });
    return true;
  }

  #cut(kind: CutKind): boolean {
    const directions = this.#directionsOf(kind);
    if (directions.length === 0) return false;
    this.#world.trace(`${kind}: ${directions.map(({ from, to }) => `${from}>${to}`).join(' ')}`);
    // A broken connection is noticed; a cable that is out is not.
    const silently = this.#random.chance(0.5);
    const apply = (broken: boolean) => {
      for (const { from, to } of directions) {
        if (silently) this.#cluster.network.link(from, to).loss = broken ? 1 : 0;
        else if (broken) this.#cluster.network.cut(from, to);
        else this.#cluster.network.heal(from, to);
      }
    };
    apply(true);
    if (kind === 'flapping-link') this.#flap(apply, 2 + this.#random.integer(8));
    else this.#later(() => apply(false));
    return true;
  }

  #flap(apply: (broken: boolean) => void, times: number): void {
    this.#world.after(this.#random.around(200), () => {
      if (!this.#active) return;
      apply(times % 2 === 0);
      if (times > 1) this.#flap(apply, times - 1);
      else apply(false);
    });
  }

  /** Every link between these members and the others, both ways. */
  #around(ids: readonly string[]): Direction[] {
    const others = this.#machines.map(({ id }) => id).filter((id) => !ids.includes(id));
    return ids.flatMap((id) =>
      others.flatMap((other) => [
        { from: id, to: other },
        { from: other, to: id },
      ]),
    );
  }

  #directionsOf(kind: CutKind): Direction[] {
    const ids = this.#random.shuffled(this.#machines.map(({ id }) => id));
    const left = ids.slice(0, 1 + this.#random.integer(ids.length - 1));
    const [one = '', other = ''] = ids;
    switch (kind) {
      case 'partition':
        return this.#around(left);
      case 'isolated-leader': {
        // With or without followers that still hear it, but never with a majority.
        const leader = this.#preferred().id;
        const company = ids.filter((id) => id !== leader).slice(0, this.#random.integer(this.#cluster.quorum - 1));
        return this.#around([leader, ...company]);
      }
      case 'one-way-cut':
        return this.#random.chance(0.5)
          ? this.#around(left).filter(({ from }) => left.includes(from))
          : [{ from: one, to: other }];
      case 'partial-partition':
      case 'flapping-link':
        return [
          { from: one, to: other },
          { from: other, to: one },
        ];
    }
  }

  /** For no reason: what is said over them afterwards gets through. */
  #breakConnections(): boolean {
    const machine = this.#preferred();
    const others = this.#machines.filter((other) => other !== machine && this.#random.chance(0.7));
    this.#world.trace(`connections of ${machine.id} break: ${others.map(({ id }) => id).join(' ')}`);
    for (const other of others) this.#cluster.network.breakConnection(machine.id, other.id);
    return others.length > 0;
  }

  #crash(machines: readonly Machine[]): boolean {
    const running = machines.filter(({ process }) => process !== null);
    for (const machine of running) this.#cluster.crash(machine);
    return running.length > 0;
  }

  #crashInAStep(): boolean {
    const { process } = this.#preferred();
    process?.killAfterActs(this.#random.integer(12));
    return process !== null;
  }

  #pause(machine: Machine): boolean {
    if (!machine.process || machine.process.isPaused) return false;
    this.#cluster.pause(machine);
    this.#later(() => this.#cluster.resume(machine));
    return true;
  }

  /** As when the computer that they all run on sleeps. */
  #pauseAll(): boolean {
    const running = this.#machines.filter(({ process }) => process !== null && !process.isPaused);
    for (const machine of running) this.#cluster.pause(machine);
    this.#later(() => {
      for (const machine of running) this.#cluster.resume(machine);
    });
    return running.length > 0;
  }

  /** A leader that sleeps while it is replaced, and wakes up before it can hear of that. */
  #pauseBehindCut(): boolean {
    const machine = this.#preferred();
    const directions = this.#around([machine.id]);
    if (!this.#pause(machine)) return false;
    for (const { from, to } of directions) this.#cluster.network.cut(from, to);
    this.#world.after(this.#random.around(2 * this.#scenario.faultForMs), () => {
      if (!this.#active) return;
      this.#cluster.resume(machine);
      this.#later(() => {
        for (const { from, to } of directions) this.#cluster.network.heal(from, to);
      });
    });
    return true;
  }

  #stop(machine: Machine): boolean {
    if (!machine.member || machine.stopping || machine.process?.isPaused) return false;
    this.#cluster.stop(machine);
    return true;
  }

  #worsenDisk(kind: FaultKind, machine: Machine): boolean {
    const { condition } = machine.disk;
    this.#world.trace(`${kind} at ${machine.id}`);
    if (kind === 'slow-disk') condition.maxLatencyMs = this.#random.pick([30, 300, 2_000]);
    if (kind === 'hanging-disk') condition.hangs = true;
    if (kind === 'failing-disk') condition.failure = 'EIO';
    if (kind === 'full-disk') condition.failure = 'ENOSPC';
    // It takes a leader eight election timeouts to give up a disk that hangs.
    this.#later(
      () => {
        condition.maxLatencyMs = 2;
        machine.disk.recover();
      },
      kind === 'hanging-disk' ? 4 : 1,
    );
    return true;
  }

  /** Never at more than a minority: what a majority has lost, nobody can bring back. */
  #tamper(kind: 'flipped-bit' | 'emptied-directory', machine: Machine): boolean {
    const tampered = this.#machines.filter(({ disk }) => disk.isTamperedWith).length;
    if (machine.disk.isTamperedWith || tampered >= this.#cluster.machines.length - this.#cluster.quorum) return false;
    if (!machine.disk.holds('identity')) return false;
    if (kind === 'emptied-directory') {
      // Whoever never met this member could not tell it from the one that forgot.
      const strangers = this.#machines.filter((other) => other !== machine && !other.disk.holds(`peer/${machine.id}`));
      if (strangers.length > 0) return false;
    }
    this.#cluster.crash(machine);
    if (kind === 'emptied-directory') {
      machine.disk.empty();
      machine.wiped = true;
      this.#world.trace(`the directory of ${machine.id} is emptied`);
    } else {
      this.#world.trace(`a bit of ${machine.disk.flipBit()} at ${machine.id} flips`);
    }
    this.#later(() => {
      if (machine.disk.isTamperedWith) this.#cluster.restoreDisk(machine);
    });
    return true;
  }
}
