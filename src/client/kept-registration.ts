import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryError } from '../registry/errors.ts';
import type { DeregistrationResult, HeartbeatTarget, RegistrationResult } from '../registry/records.ts';
import type { RegistrationBody } from '../registry/validation.ts';
import type { ClientCallOptions } from './caller.ts';
import { Ending } from './ending.ts';
import { HeartbeatSchedule } from './heartbeat-schedule.ts';

/** A registration that was sent twice may be carried out a second time within this. */
const lateDuplicateMs = 60_000;

/** The shortest time that one heartbeat may take; otherwise it is the interval or the client's own, whichever is less. */
const leastBeatMs = 1_000;

/** Between two attempts at a first registration that wait longer each time. */
const maxTryMs = 10_000;

const maxIntervalMs = 86_400_000;

/** It is not waited for. What it throws, or its promise fails with, is reported as a warning of the process. */
type Hook<Arguments extends readonly unknown[]> = (...facts: Arguments) => unknown;

export interface KeepOptions {
  /** Milliseconds between heartbeats, where it is to be sooner than the registry asks for. */
  readonly intervalMs?: number | undefined;
  /** While no member can be reached, try on with the first registration instead of failing. Give a `signal` with it. */
  readonly keepTrying?: boolean | undefined;
  /** Ends it as `stop` does. Aborted before the first registration is answered, that fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** A heartbeat failed, so many in a row. From the third on the registry may soon call the instance unhealthy. */
  readonly onFailure?: Hook<[error: unknown, failuresInARow: number]> | undefined;
  /** A heartbeat succeeded after so many failures. */
  readonly onRecovered?: Hook<[failuresBefore: number]> | undefined;
  /** The registry had lost the instance and lists it again, under another lease. */
  readonly onReregistered?: Hook<[result: RegistrationResult]> | undefined;
  /** Somebody else registered the same instance: it is theirs, and left alone from now on. */
  readonly onSuperseded?: Hook<[error: RegistryError]> | undefined;
}

/**
 * - `kept`: heartbeats are being sent
 * - `superseded`: somebody else registered the same name and id
 * - `stopped`: by `stop`, by the signal, by a `deregister` of the client, or because the client was closed
 */
export type KeptState = 'kept' | 'superseded' | 'stopped';

/**
 * How it ended: `not_listed` when the registry had lost the instance anyhow, `superseded` when it is somebody else's,
 * `left` when it was to stay, `failed` when no member could be told, so that the lease runs out by itself.
 */
export interface StopReport {
  readonly outcome: 'deregistered' | 'not_listed' | 'superseded' | 'left' | 'failed';
  /** Why it failed. */
  readonly error: unknown;
}

/** What it takes to keep an instance registered. */
export interface Keeping {
  readonly timeoutMs: number;
  /** Aborted when nothing can be sent any more. */
  readonly closing: AbortSignal;
  /** @param mayHappenTwice called when the registration may be carried out once more, some time later */
  register(body: RegistrationBody, options: ClientCallOptions, mayHappenTwice: () => void): Promise<RegistrationResult>;
  renew(target: HeartbeatTarget, timeoutMs: number): Promise<void>;
  deregister(target: HeartbeatTarget): Promise<DeregistrationResult>;
  /** It sends nothing more. */
  ended(kept: KeptRegistration): void;
  readonly schedule?: HeartbeatSchedule | undefined;
}

/**
 * One instance that is registered and stays so, whatever happens to the registry, until `stop`. Nothing that goes wrong
 * in the background is thrown: it is counted, and told to the hooks.
 *
 * Its timers and its stream keep the process alive, as a server does: end it with `stop`, or declare it with `await using`.
 */
export class KeptRegistration implements AsyncDisposable {
  readonly #keeping: Keeping;
  readonly #options: KeepOptions;
  readonly #schedule: HeartbeatSchedule;
  readonly #stopNow = () => void this.stop();
  #body: RegistrationBody & { readonly id: string };
  #result: RegistrationResult;
  #state: KeptState = 'kept';
  #timer: NodeJS.Timeout | undefined;
  /** A registration under way; whoever stops waits for it, or it would list the instance again. */
  #registering: Promise<unknown> | null = null;
  #stopping: Promise<StopReport> | null = null;
  #doubledUntilMs = Number.NEGATIVE_INFINITY;
  #heartbeats = 0;
  #failures = 0;
  #failuresInARow = 0;
  #reregistrations = 0;
  #lastError: unknown = null;

  private constructor(
    keeping: Keeping,
    body: RegistrationBody & { readonly id: string },
    result: RegistrationResult,
    options: KeepOptions,
  ) {
    this.#keeping = keeping;
    this.#options = options;
    this.#schedule = keeping.schedule ?? new HeartbeatSchedule();
    this.#body = body;
    this.#result = result;
  }

  /**
   * Registers, and keeps it so.
   * @internal
   * @throws RegistryError for a registration that is refused, or that no member takes in time
   */
  static async begin(
    keeping: Keeping,
    body: RegistrationBody & { readonly id: string },
    options: KeepOptions,
  ): Promise<KeptRegistration> {
    const { signal, keepTrying = false, intervalMs } = options;
    if (intervalMs !== undefined && !(intervalMs >= 1 && intervalMs <= maxIntervalMs)) {
      throw new RegistryError('invalid_parameter', `intervalMs must be milliseconds from 1 to ${maxIntervalMs}.`, {
        field: 'intervalMs',
        value: intervalMs,
      });
    }
    const schedule = keeping.schedule ?? new HeartbeatSchedule();
    let doubled = false;
    for (let failures = 1; ; failures++) {
      try {
        const result = await keeping.register(body, { signal }, () => {
          doubled = true;
        });
        const kept = new KeptRegistration(keeping, body, result, options);
        if (doubled) kept.#noteDoubled();
        kept.#start(signal);
        return kept;
      } catch (error) {
        signal?.throwIfAborted();
        const mayPass = error instanceof RegistryError && error.retryable && !keeping.closing.aborted;
        if (!keepTrying || !mayPass) throw error;
        const ending = new Ending([signal, keeping.closing]);
        await sleep(schedule.nextMs(maxTryMs, failures), undefined, { signal: ending.signal }).catch(() => {});
        ending.release();
        signal?.throwIfAborted();
      }
    }
  }

  #start(signal: AbortSignal | undefined): void {
    this.#timer = setTimeout(() => void this.#beat(), this.#schedule.firstMs(this.intervalMs));
    signal?.addEventListener('abort', this.#stopNow, { once: true });
    if (signal?.aborted) this.#stopNow();
  }

  get name(): string {
    return this.#result.name;
  }

  get id(): string {
    return this.#result.id;
  }

  /** Fencing token: grows with each registration of the instance. */
  get leaseId(): number {
    return this.#result.lease_id;
  }

  /** What the registry answered to the latest registration. */
  get registration(): RegistrationResult {
    return this.#result;
  }

  get state(): KeptState {
    return this.#state;
  }

  /** Milliseconds between heartbeats while all is well; each wait is up to a tenth shorter. */
  get intervalMs(): number {
    return Math.min(this.#result.heartbeat_interval * 1_000, this.#options.intervalMs ?? Number.POSITIVE_INFINITY);
  }

  /** Heartbeats that succeeded. */
  get heartbeats(): number {
    return this.#heartbeats;
  }

  /** Heartbeats that failed, in all. */
  get failures(): number {
    return this.#failures;
  }

  /** Heartbeats that failed since the last one that succeeded. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** How often the registry had lost the instance. */
  get reregistrations(): number {
    return this.#reregistrations;
  }

  /** Why a heartbeat failed most recently, also after it succeeded again. `null` where none did. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /**
   * Registers the same instance with other facts, such as new tags.
   * @param body the whole registration; name and id stay
   * @throws RegistryError as `register`; the old facts stay then
   */
  async update(body: Omit<RegistrationBody, 'name' | 'id'>): Promise<RegistrationResult> {
    if (this.#state !== 'kept') {
      throw new RegistryError('service_gone', `${this.#label} is ${this.#state}: keep a new registration.`);
    }
    await this.#registering;
    return this.#register({ ...body, name: this.name, id: this.id });
  }

  /**
   * Ends the heartbeats and deregisters. It does not throw, may be called more than once, and takes at most as long as two
   * calls of the client. An instance that belongs to somebody else by now is left alone.
   * @param options.deregister false to leave the instance listed until its lease runs out
   */
  stop({ deregister = true }: { readonly deregister?: boolean } = {}): Promise<StopReport> {
    this.#stopping ??= this.#stop(deregister);
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The instance was deregistered, or its client closed: nothing is left to be done. @internal */
  letGo(): void {
    if (this.#state === 'kept') this.#end('stopped');
  }

  async #stop(deregister: boolean): Promise<StopReport> {
    const wasKept = this.#state === 'kept';
    if (wasKept) this.#end('stopped');
    await this.#registering;
    if (this.#state === 'superseded') return { outcome: 'superseded', error: null };
    if (!wasKept) return { outcome: 'not_listed', error: null };
    if (!deregister) return { outcome: 'left', error: null };
    // Without the lease where a late duplicate of our own registration may have another.
    const fence = this.#mayBeDoubled ? {} : { lease_id: this.leaseId };
    try {
      await this.#keeping.deregister({ name: this.name, id: this.id, ...fence });
      return { outcome: 'deregistered', error: null };
    } catch (error) {
      const code = error instanceof RegistryError ? error.code : null;
      if (code === 'service_not_found' || code === 'service_gone') return { outcome: 'not_listed', error: null };
      if (code === 'lease_mismatch') return { outcome: 'superseded', error: null };
      return { outcome: 'failed', error };
    }
  }

  #end(state: KeptState): void {
    this.#state = state;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#stopNow);
    this.#keeping.ended(this);
  }

  /** Never rejects. */
  async #beat(): Promise<void> {
    try {
      await this.#renew();
      this.#noteSuccess();
    } catch (error) {
      this.#noteFailure(error);
    }
    if (this.#state !== 'kept') return;
    this.#timer = setTimeout(() => void this.#beat(), this.#schedule.nextMs(this.intervalMs, this.#failuresInARow));
  }

  async #renew(): Promise<void> {
    const { leaseId } = this;
    try {
      const limitMs = Math.min(this.#keeping.timeoutMs, Math.max(leastBeatMs, this.intervalMs));
      await this.#keeping.renew({ name: this.name, id: this.id, lease_id: leaseId }, limitMs);
    } catch (error) {
      if (this.#state !== 'kept') return;
      const code = error instanceof RegistryError ? error.code : null;
      if (code === 'service_not_found' || code === 'service_gone') return this.#registerAgain();
      if (code !== 'lease_mismatch') throw error;
      // The program has just registered it anew, by `update`.
      if (this.#registering || this.leaseId !== leaseId) return;
      // The other lease is a second one of our own.
      if (this.#mayBeDoubled) return this.#registerAgain();
      this.#end('superseded');
      this.#tell(this.#options.onSuperseded, error as RegistryError);
    }
  }

  async #registerAgain(): Promise<void> {
    const result = await this.#register(this.#body);
    this.#reregistrations++;
    this.#tell(this.#options.onReregistered, result);
  }

  async #register(body: RegistrationBody & { readonly id: string }): Promise<RegistrationResult> {
    const registering = this.#keeping.register(body, {}, () => this.#noteDoubled());
    const settled = registering.then(
      () => {},
      () => {},
    );
    this.#registering = settled;
    try {
      const result = await registering;
      this.#result = result;
      this.#body = body;
      return result;
    } finally {
      if (this.#registering === settled) this.#registering = null;
    }
  }

  get #mayBeDoubled(): boolean {
    return performance.now() < this.#doubledUntilMs;
  }

  #noteDoubled(): void {
    this.#doubledUntilMs = performance.now() + lateDuplicateMs;
  }

  #noteSuccess(): void {
    if (this.#state !== 'kept') return;
    this.#heartbeats++;
    const failuresBefore = this.#failuresInARow;
    this.#failuresInARow = 0;
    if (failuresBefore > 0) this.#tell(this.#options.onRecovered, failuresBefore);
  }

  #noteFailure(error: unknown): void {
    if (this.#state !== 'kept') return;
    this.#failures++;
    this.#failuresInARow++;
    this.#lastError = error;
    this.#tell(this.#options.onFailure, error, this.#failuresInARow);
  }

  /** A hook that fails is a mistake of the program's, and no reason to lose the lease. */
  #tell<Arguments extends readonly unknown[]>(hook: Hook<Arguments> | undefined, ...facts: Arguments): void {
    const warn = (problem: unknown) => {
      const reason = problem instanceof Error ? (problem.stack ?? problem.message) : String(problem);
      process.emitWarning(`A hook of ${this.#label} failed: ${reason}`, 'ManifestHookWarning');
    };
    try {
      Promise.resolve(hook?.(...facts)).catch(warn);
    } catch (problem) {
      warn(problem);
    }
  }

  get #label(): string {
    return `the instance ${this.name}/${this.id}`;
  }
}
