import type { Clock } from '../../src/node/environment.ts';
import type { SimulatedWorld } from './world.ts';

/** A machine's clocks. They outlive the process. */
export interface MachineClock {
  /** Virtual milliseconds to this machine's monotonic ones. */
  rate: number;
  /** How far its wall clock is ahead. */
  wallOffsetMs: number;
  /** How long a turn of its event loop takes at least: what arrives meanwhile is dealt with together. */
  readonly turnMs: number;
}

/** What the world's wall clocks show at its beginning. */
const epochMs = Date.UTC(2026, 0, 1);

/**
 * One life of a member's process: everything that reaches the member comes through `run`, and everything that it does
 * outside goes through `act`. So it can be paused and killed, also in the middle of what it does.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly startedAtMs: number;
  readonly clock: Clock;
  readonly #world: SimulatedWorld;
  readonly #backlog: (() => void)[] = [];
  readonly #onTouched: () => void;
  /** Connections, each of which breaks when the process dies. */
  readonly #connections = new Set<() => void>();
  #alive = true;
  #paused = false;
  /** How many more things it does to the outside before it dies; `null` when it is not about to. */
  #actsLeft: number | null = null;

  constructor(
    name: string,
    world: SimulatedWorld,
    machine: MachineClock,
    lateness: () => number,
    onTouched: () => void,
  ) {
    this.name = name;
    this.startedAtMs = world.nowMs;
    this.#world = world;
    this.#onTouched = onTouched;
    let bootMs = world.nowMs;
    let monotonicMs = 1_000 + bootMs;
    let { rate } = machine;
    const now = () => {
      // The rate may change while the process runs; what has passed stays as it was.
      monotonicMs += (world.nowMs - bootMs) * rate;
      bootMs = world.nowMs;
      rate = machine.rate;
      return monotonicMs;
    };
    this.clock = {
      monotonicMs: now,
      wallMs: () => Math.floor(epochMs + world.nowMs + machine.wallOffsetMs),
      after: (delayMs, callback) => {
        const delay = delayMs <= 0 ? machine.turnMs : delayMs / machine.rate + lateness();
        return world.after(delay, () => this.run(callback));
      },
    };
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Something reaches the process: now, when it runs again, or never. */
  run(work: () => void): void {
    if (!this.#alive) return;
    if (this.#paused) {
      this.#backlog.push(work);
      return;
    }
    this.#onTouched();
    work();
  }

  /** The process is about to do something to the outside. False: it is dead, and nothing of it happens. */
  act(): boolean {
    if (!this.#alive) return false;
    if (this.#actsLeft !== null) {
      if (this.#actsLeft === 0) {
        this.kill();
        this.#world.trace(`${this.name} dies in the middle of a step`);
        return false;
      }
      this.#actsLeft--;
    }
    return true;
  }

  kill(): void {
    this.#alive = false;
    this.#backlog.length = 0;
    for (const breaks of this.#connections) breaks();
    this.#connections.clear();
  }

  /** Somebody is connected to the process and notices its death. The returned function ends the connection. */
  whenDead(breaks: () => void): () => void {
    this.#connections.add(breaks);
    return () => void this.#connections.delete(breaks);
  }

  /** Dies when it has done `acts` more things to the outside, in the middle of whatever it does then. */
  killAfterActs(acts: number): void {
    this.#actsLeft = acts;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const work of this.#backlog.splice(0)) this.#world.after(0, () => this.run(work));
  }
}

/** For what never answers, because whoever would hear it is dead. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}
