import { setTimeout as delay } from 'node:timers/promises';
import type { RegistrationResult } from '../registry/records.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { type Answer, ask, type Connection, type Question } from './registry-client.ts';

/** A registration that has its id, so that repeating it lists nobody twice. */
export interface IdentifiedRecord extends Readonly<Record<string, unknown>> {
  readonly name: string;
  readonly id: string;
}

/** Until the registry has said what interval it expects. */
const firstIntervalMs = 10_000;

const firstRetryMs = 100;

/** No member gets less time for an answer: a slow one is better than none. */
const leastAnswerMs = 500;

/** Not listed any more, or listed for another process. */
const goodbyeIsVoid: ReadonlySet<number> = new Set([404, 409, 410]);

/** What is left undone by then is left to the end of the lease. */
const longestGoodbyeMs = 5_000;

/** Keeps one instance in the registry, whatever becomes of the registry, until it is told to take it out. */
export class KeptLease {
  readonly #connection: Connection;
  readonly #record: IdentifiedRecord;
  readonly #tell: (text: string) => void;
  readonly #ending = new AbortController();
  /** Begins with the member that answered last. */
  #urls: readonly string[];
  /** `null` while the registry does not list the instance, as far as known. */
  #leaseId: number | null = null;
  #intervalMs = firstIntervalMs;
  /**
   * A registration went unanswered: if it is carried out late, it ends the lease that is known, and the mismatch is no
   * other process's doing.
   */
  #mayBeDoubled = false;
  #isReplaced = false;
  #isCutOff = false;
  #beating: Promise<void> = Promise.resolve();

  constructor(connection: Connection, record: IdentifiedRecord, tell: (text: string) => void) {
    this.#connection = connection;
    this.#record = record;
    this.#tell = tell;
    this.#urls = connection.urls;
  }

  /**
   * Registers, and heartbeats from then on. Where no member answers, it goes on trying: a registry that is away for a
   * moment keeps no service from starting.
   * @throws CommandError when the registry refuses the record
   */
  async begin(): Promise<void> {
    const isThere = await this.#beat();
    this.#beating = this.#keepBeating(isThere ? 0 : 1);
  }

  /** Takes the instance out of the registry. Never throws. */
  async end(): Promise<void> {
    this.#ending.abort();
    // A registration under way must not arrive after the goodbye.
    await this.#beating;
    if (this.#isReplaced || (this.#leaseId === null && !this.#mayBeDoubled)) return;
    const { name, id } = this.#record;
    const fence = this.#leaseId === null || this.#mayBeDoubled ? {} : { lease_id: this.#leaseId };
    try {
      await this.#ask({ method: 'DELETE', path: this.#path, body: fence, repeatable: true }, longestGoodbyeMs);
    } catch (error) {
      if (error instanceof CommandError && goodbyeIsVoid.has(error.status ?? 0)) return;
      this.#tell(`could not deregister ${name}/${id}; it is removed when its lease ends: ${messageOf(error)}`);
    }
  }

  get #path(): string {
    return `/v1/services/${encodeURIComponent(this.#record.name)}/${encodeURIComponent(this.#record.id)}`;
  }

  /** @param earlier failures in a row */
  async #keepBeating(earlier: number): Promise<void> {
    let failures = earlier;
    while (!this.#ending.signal.aborted) {
      // Spread, so that many services that started together do not beat together for ever.
      const usualMs = this.#intervalMs * (0.9 + Math.random() * 0.1);
      const pauseMs = failures === 0 ? usualMs : Math.min(usualMs, firstRetryMs * 2 ** Math.min(failures, 20));
      await delay(pauseMs, undefined, { signal: this.#ending.signal }).catch(() => undefined);
      if (this.#ending.signal.aborted) return;
      try {
        failures = (await this.#beat()) ? 0 : failures + 1;
      } catch (error) {
        failures++;
        if (failures === 1)
          this.#tell(`the registry refuses ${this.#record.name}/${this.#record.id}: ${messageOf(error)}`);
      }
    }
  }

  /** One heartbeat, or the registration where there is none. @returns whether somebody answered. @throws when refused */
  async #beat(): Promise<boolean> {
    try {
      if (this.#leaseId === null || !(await this.#renew(this.#leaseId))) await this.#register();
    } catch (error) {
      if (!(error instanceof CommandError) || error.exitCode !== exitCodes.unavailable) throw error;
      if (!this.#isCutOff) this.#tell(`no heartbeat gets through; trying on: ${error.message}`);
      this.#isCutOff = true;
      return false;
    }
    if (this.#isCutOff) this.#tell('heartbeats get through again');
    this.#isCutOff = false;
    return true;
  }

  /** @returns false where the instance must be registered again */
  async #renew(leaseId: number): Promise<boolean> {
    try {
      const path = `${this.#path}/heartbeat`;
      await this.#ask({ method: 'PUT', path, body: { lease_id: leaseId }, repeatable: true });
      this.#isReplaced = false;
      return true;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (error.status === 404 || error.status === 410) {
        this.#leaseId = null;
        this.#isReplaced = false;
        return false;
      }
      if (error.status !== 409) throw error;
      if (this.#mayBeDoubled) return false;
      // The newer process keeps the place. Should it leave, the next heartbeat finds nobody and registers again.
      if (!this.#isReplaced) {
        this.#tell(`another process has registered ${this.#record.name}/${this.#record.id}; this one stands back`);
      }
      this.#isReplaced = true;
      return true;
    }
  }

  async #register(): Promise<void> {
    const isFirst = this.#leaseId === null;
    let answer: Answer;
    try {
      answer = await this.#ask({ method: 'POST', path: '/v1/services', body: this.#record, repeatable: true });
    } catch (error) {
      if (error instanceof CommandError && error.exitCode === exitCodes.unavailable) this.#mayBeDoubled = true;
      throw error;
    }
    const { lease_id, heartbeat_interval } = (answer.body ?? {}) as Partial<RegistrationResult>;
    if (typeof lease_id !== 'number' || typeof heartbeat_interval !== 'number') {
      throw new CommandError('the answer is none to a registration; is this the address of a registry?');
    }
    this.#leaseId = lease_id;
    this.#intervalMs = heartbeat_interval * 1_000;
    this.#mayBeDoubled = answer.isRepeated;
    if (isFirst) this.#tell(`registered ${this.#record.name}/${this.#record.id}`);
  }

  /** All members together get a third of the interval, so that there is time for another try before the lease suffers. */
  async #ask(question: Question, withinMs = this.#intervalMs / 3): Promise<Answer> {
    const fairShareMs = Math.max(leastAnswerMs, withinMs / this.#urls.length);
    const timeoutMs = Math.min(this.#connection.timeoutMs, fairShareMs);
    const answer = await ask({ ...this.#connection, urls: this.#urls, timeoutMs }, question);
    this.#urls = [answer.url, ...this.#urls.filter((url) => url !== answer.url)];
    return answer;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
