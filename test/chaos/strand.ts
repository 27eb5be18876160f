import type { RegistryInput } from '../linearizability/models/registry-operations.ts';
import type { SimulatedRandom } from '../simulation/random.ts';
import type { Face } from './face.ts';
import type { Key } from './keys.ts';
import type { Traffic } from './traffic.ts';

/** A member that gave no answer is asked less for this long, as any client would. */
const avoidMs = 500;

/** Between two requests of one client, and after one without an answer. */
const restMs = { least: 5, most: 30 };
const backOffMs = { least: 100, most: 300 };

/** One client: one request at a time, to any member, on instances that it shares with the others. */
export class Strand {
  readonly #name: string;
  readonly #face: Face;
  readonly #traffic: Traffic;
  readonly #random: SimulatedRandom;
  readonly #avoidedUntilMs: number[];
  #isRunning = true;
  #finished: Promise<void> = Promise.resolve();

  constructor(name: string, face: Face, members: number, traffic: Traffic, random: SimulatedRandom) {
    this.#name = name;
    this.#face = face;
    this.#traffic = traffic;
    this.#random = random;
    this.#avoidedUntilMs = Array.from({ length: members }, () => 0);
  }

  start(): void {
    this.#finished = this.#run();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#finished;
    this.#face.close();
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      const key = this.#traffic.keys.take(this.#random);
      const member = this.#pickMember();
      const outcome = await this.#traffic.perform(this.#name, this.#face, member, this.#nextInput(key), key);
      const wasAnswered = outcome.type === 'answered';
      if (!wasAnswered) this.#avoidedUntilMs[member] = performance.now() + avoidMs;
      const { least, most } = wasAnswered ? restMs : backOffMs;
      await new Promise((resolve) => setTimeout(resolve, this.#random.between(least, most)));
    }
  }

  #pickMember(): number {
    const members = this.#avoidedUntilMs.map((_, member) => member);
    const preferred = members.filter((member) => (this.#avoidedUntilMs[member] ?? 0) < performance.now());
    // Now and then a bad one all the same: what a member says that is cut off is what matters most.
    return this.#random.pick(preferred.length === 0 || this.#random.chance(0.05) ? members : preferred);
  }

  /** A service author's habits: register, report, look around, leave now and then. */
  #nextInput({ name, id, lastLeaseId }: Key): RegistryInput {
    const lease = lastLeaseId !== null && this.#random.chance(0.4) ? { leaseId: lastLeaseId } : {};
    const die = this.#random.fraction();
    if (die < 0.28) return { type: 'register', name, id, version: this.#traffic.nextVersion() };
    if (die < 0.5) return { type: 'heartbeat', name, id, ...lease };
    if (die < 0.62) return { type: 'deregister', name, id, ...lease };
    if (die < 0.9) return { type: 'get', name, id };
    return { type: 'list', name };
  }
}
