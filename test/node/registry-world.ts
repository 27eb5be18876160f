import { LocalRegistry } from '../../src/node/local-registry.ts';
import { ReadGate } from '../../src/node/read-gate.ts';
import { systemClock } from '../../src/node/system-environment.ts';
import { WatchHub } from '../../src/node/watch-hub.ts';
import { WriteQueue } from '../../src/node/write-queue.ts';
import { stampCommand } from '../../src/registry/commands.ts';
import { defaultTtlPolicy } from '../../src/registry/validation.ts';
import { MachineDriver } from '../registry/machine-driver.ts';

/** The registry of one member whose log takes, commits and applies everything at once. */
export class RegistryWorld {
  nowMs = 5_000;
  readonly machine = new MachineDriver();
  /** What comes out of the random source, one after another; then zeros. */
  draws: string[] = [];
  /** False: nobody leads. */
  led = true;
  /** Happens before a read index is answered: what this member had not applied yet. */
  beforeLevel: () => void = () => {};
  /** Happens before the commands of a turn come out of the log: what the leader had put there first. */
  beforeApply: () => void = () => {};
  levels = 0;
  entries = 0;
  readonly registry: LocalRegistry;
  readonly #writes: WriteQueue;
  readonly #reads: ReadGate;
  #turnScheduled = false;

  constructor() {
    const nowMs = () => this.nowMs;
    const wake = () => this.#wake();
    this.#writes = new WriteQueue(
      {
        nowMs,
        wake,
        leadership: () => ({ leaderId: this.led ? 'a' : null, term: 1, isSelf: this.led }),
        propose: (commands) => {
          this.beforeApply();
          const { state, wallMs, leaseMs } = this.machine;
          for (const command of commands) {
            this.entries++;
            const outcome = state.apply(state.appliedIndex + 1, stampCommand(command, { wallMs, leaseMs }));
            this.#writes.applied(outcome);
          }
          return { ok: true, firstIndex: 1, term: 1 };
        },
        send: () => {},
      },
      { maxPending: 1_000, leaderWaitMs: 1_500 },
    );
    this.#reads = new ReadGate(
      {
        nowMs,
        wake,
        appliedIndex: () => this.machine.state.appliedIndex,
        readIndex: (context) => {
          this.levels++;
          this.beforeLevel();
          const index = this.led ? this.machine.state.appliedIndex : null;
          setImmediate(() => this.#reads.answered([{ context, index }]));
        },
      },
      1,
    );
    this.registry = new LocalRegistry(
      { state: () => this.machine.state, leader: () => (this.led ? 'a' : null), nowMs, wake },
      { ttlPolicy: defaultTtlPolicy, validateDependencies: false, requestTimeoutMs: 5_000, leaderWaitMs: 1_500 },
      this.#writes,
      this.#reads,
      new WatchHub(this.machine.state.revision),
      systemClock,
      { integer: () => 0, hex: (digits) => this.draws.shift() ?? '0'.repeat(digits) },
    );
  }

  #wake(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => {
      this.#turnScheduled = false;
      this.registry.flush();
      this.#writes.flush();
      this.#reads.flush();
    });
  }

  /** Moves the clock, as a member's ticks do. */
  async pass(durationMs: number): Promise<void> {
    this.nowMs += durationMs;
    this.#writes.tick();
    this.#reads.tick();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
