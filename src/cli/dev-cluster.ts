import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterStatus } from '../registry/service.ts';
import { DevJournal, type JournalLine, type Observation } from './dev-journal.ts';
import { DevMember } from './dev-member.ts';
import type { PlannedMember } from './dev-plan.ts';
import { ask, type Connection } from './registry-client.ts';

const lookEveryMs = 200;
const answerWithinMs = 1_500;

/** Longer than a member's own shutdown-grace-ms by default. */
const stopGraceMs = 15_000;

/** A healthy cluster is ready long before. */
const slowStartMs = 15_000;

/** Runs the members of a cluster as processes of their own and tells of every change among them. */
export class DevCluster {
  readonly members: readonly DevMember[];
  readonly #journal: DevJournal;
  readonly #tell: (line: JournalLine) => void;
  readonly #onReady: (leader: DevMember) => void;
  readonly #looking = new AbortController();
  #announced = false;

  constructor(plan: readonly PlannedMember[], tell: (line: JournalLine) => void, onReady: (leader: DevMember) => void) {
    this.#tell = tell;
    this.#onReady = onReady;
    this.#journal = new DevJournal(
      plan.map(({ id }) => id),
      performance.now(),
    );
    this.members = plan.map(
      (member) =>
        new DevMember(member, {
          ended: (id, how, restartMs) =>
            this.#note(
              this.#journal.ended(id, `${how}; starting it again in ${restartMs / 1_000} s`, performance.now()),
            ),
          startedAgain: (id, processId) => this.#note(this.#journal.startedAgain(id, processId)),
        }),
    );
  }

  start(): void {
    for (const member of this.members) {
      member.start();
      void this.#watch(member);
    }
    void this.#sayWhenSlow();
  }

  async stop(): Promise<void> {
    this.#looking.abort();
    await Promise.all(
      this.members.map(async (member) => {
        const forced = await member.stop(stopGraceMs);
        if (forced) this.#tell({ kind: 'bad', text: `${member.plan.id} did not stop by itself and was ended` });
      }),
    );
  }

  /** At once, without any order. */
  kill(): void {
    for (const member of this.members) member.kill();
  }

  async #watch(member: DevMember): Promise<void> {
    const { signal } = this.#looking;
    while (!signal.aborted) {
      if (member.isRunning) {
        const observation = await observe(member.plan);
        if (!signal.aborted) this.#note(this.#journal.observed(member.plan.id, observation, performance.now()));
      }
      await this.#pause(lookEveryMs);
    }
  }

  async #sayWhenSlow(): Promise<void> {
    await this.#pause(slowStartMs);
    if (this.#looking.signal.aborted || this.#journal.ready) return;
    const logs = this.members.map(({ plan }) => plan.logFile).join(', ');
    this.#tell({ kind: 'bad', text: `no leader yet; the logs may tell why: ${logs}` });
  }

  /** Ends early when the cluster is stopped. */
  async #pause(durationMs: number): Promise<void> {
    await delay(durationMs, undefined, { signal: this.#looking.signal }).catch(() => undefined);
  }

  #note(lines: readonly JournalLine[]): void {
    for (const line of lines) this.#tell(line);
    if (this.#announced || !this.#journal.ready) return;
    const leader = this.members.find(({ plan }) => plan.id === this.#journal.leader);
    if (!leader) return;
    this.#announced = true;
    this.#onReady(leader);
  }
}

/** Asks one member how it is, and a member that says it leads also for an answer that only a serving leader has. */
async function observe({ id, restPort }: PlannedMember): Promise<Observation> {
  const connection: Connection = { urls: [`http://127.0.0.1:${restPort}`], token: null, timeoutMs: answerWithinMs };
  try {
    const { body } = await ask(connection, { method: 'GET', path: '/v1/cluster', repeatable: true });
    const status = body as ClusterStatus;
    const serves = status.leader === id && (await canRead(connection));
    return { type: 'answer', status, serves };
  } catch {
    return { type: 'silence' };
  }
}

async function canRead(connection: Connection): Promise<boolean> {
  try {
    await ask(connection, { method: 'GET', path: '/v1/services?limit=1', repeatable: true });
    return true;
  } catch {
    return false;
  }
}
