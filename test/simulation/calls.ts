import { RegistryError } from '../../src/registry/errors.ts';
import type { RegistryService } from '../../src/registry/service.ts';
import type { Machine, SimulatedCluster } from './cluster.ts';
import type { SimulatedRandom } from './random.ts';
import type { SimulatedWorld } from './world.ts';

export interface CallAnswer<T> {
  readonly type: 'answer';
  readonly value: T;
  readonly answeredAtMs: number;
}

/** How a call ended, as its client sees it. */
export type CallOutcome<T> =
  | CallAnswer<T>
  | { readonly type: 'error'; readonly error: RegistryError; readonly answeredAtMs: number }
  /** No answer came in time, or none could come. */
  | { readonly type: 'silence' };

export interface CallSettings {
  readonly timeoutMs: number;
  /** Of answers that never reach the client. */
  readonly lostAnswers: number;
}

/** How requests get from clients to members, and answers back. */
export class ClientNetwork {
  readonly counts = { calls: 0, answers: 0, errors: 0, silences: 0 };
  readonly #world: SimulatedWorld;
  readonly #cluster: SimulatedCluster;
  readonly #random: SimulatedRandom;
  readonly #settings: CallSettings;
  /** Set when clients must be able to count on their network. */
  isCalm = false;

  constructor(world: SimulatedWorld, cluster: SimulatedCluster, random: SimulatedRandom, settings: CallSettings) {
    this.#world = world;
    this.#cluster = cluster;
    this.#random = random;
    this.#settings = settings;
  }

  /** Calls that have not ended. */
  get underWay(): number {
    const { calls, answers, errors, silences } = this.counts;
    return calls - answers - errors - silences;
  }

  /** A member that a client may turn to: often one that takes itself for the leader. */
  anyMachine(): Machine {
    const { machines } = this.#cluster;
    const leaders = machines.filter((machine) => this.#cluster.takesItselfForLeader(machine));
    return this.#random.pick(leaders.length > 0 && this.#random.chance(0.4) ? leaders : machines);
  }

  /**
   * Calls one member. Ends once: with an answer, an error, or in silence.
   * @param isService whether an answer says something of the registry, which only a member that takes part can know
   */
  call<T>(
    machine: Machine,
    operation: (registry: RegistryService) => Promise<T>,
    isService: (value: T) => boolean = () => true,
  ): Promise<CallOutcome<T>> {
    this.counts.calls++;
    return new Promise((resolve) => {
      let ended = false;
      let disconnect = () => {};
      const end = (outcome: CallOutcome<T>) => {
        if (ended) return;
        ended = true;
        cancelTimeout();
        disconnect();
        this.counts[outcome.type === 'answer' ? 'answers' : outcome.type === 'error' ? 'errors' : 'silences']++;
        resolve(outcome);
      };
      const cancelTimeout = this.#world.after(this.#settings.timeoutMs, () => end({ type: 'silence' }));
      this.#world.after(this.#random.between(0.1, 2), () => {
        const { process, member } = machine;
        if (!process || !member || machine.stopping) {
          // The connection is refused: certainly nothing happened, but that is known to no caller here.
          this.#world.after(20, () => end({ type: 'silence' }));
          return;
        }
        disconnect = process.whenDead(() => this.#world.after(1, () => end({ type: 'silence' })));
        process.run(() => {
          if (!process.act()) return;
          const answer = (outcome: CallOutcome<T>) => {
            if (process.act()) this.#answer(() => end(outcome));
          };
          operation(member.registry).then(
            (value) => {
              if (isService(value)) this.#cluster.served(machine, process);
              answer({ type: 'answer', value, answeredAtMs: this.#world.nowMs });
            },
            (error) => {
              if (error instanceof RegistryError) {
                answer({ type: 'error', error, answeredAtMs: this.#world.nowMs });
                return;
              }
              this.#world.violate('client-error', `${machine.id} fails a call with ${(error as Error).stack}`);
            },
          );
        });
      });
    });
  }

  #answer(deliver: () => void): void {
    if (!this.isCalm && this.#random.chance(this.#settings.lostAnswers)) return;
    this.#world.after(this.#random.between(0.1, 2), deliver);
  }
}
