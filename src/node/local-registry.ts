import { encodeCommand } from '../registry/commands.ts';
import { cursorAfter } from '../registry/cursor.ts';
import { type DependencyGraph, GraphMaker } from '../registry/dependencies.ts';
import { type ErrorFacts, RegistryError } from '../registry/errors.ts';
import type { ApplyOutcome, Command, CommandResult, Instance, RenewedLease } from '../registry/machine.ts';
import { defaultLimit } from '../registry/queries.ts';
import type {
  DeregistrationResult,
  HeartbeatFailure,
  HeartbeatResult,
  HeartbeatsResult,
  HeartbeatTarget,
  InstanceRecord,
  RegistrationResult,
  WatchEvent,
} from '../registry/records.ts';
import type { RegistryState } from '../registry/registry-state.ts';
import type {
  CallOptions,
  Consistency,
  InstanceFilter,
  InstancePage,
  ListQuery,
  ReadAnswer,
  ReadOptions,
  RegistryService,
  WatchOptions,
  WatchQuery,
} from '../registry/service.ts';
import {
  parseDeregistrationTarget,
  parseHeartbeatTarget,
  parseRegistration,
  type TtlPolicy,
} from '../registry/validation.ts';
import { formatTimestamp, toRecord } from '../registry/views.ts';
import type { Clock, Random } from './environment.ts';
import { HeartbeatGatherer } from './heartbeat-gatherer.ts';
import type { ReadGate } from './read-gate.ts';
import { Turns } from './turns.ts';
import type { WatchHub } from './watch-hub.ts';
import { Watching } from './watching.ts';
import type { WriteQueue } from './write-queue.ts';

/** Draws of an instance id before this member takes one that is in use after all. */
const maxIdDraws = 8;

/** Records made before sockets and timers get their turn. */
const recordsPerTurn = 500;

/** A heartbeat looks its lease up again when it was replaced on the way; more often than this it has lost a race for good. */
const maxLookups = 4;

export interface LocalRegistryHost {
  state(): RegistryState;
  leader(): string | null;
  nowMs(): number;
  wake(): void;
}

export interface LocalRegistrySettings {
  readonly ttlPolicy: TtlPolicy;
  readonly validateDependencies: boolean;
  readonly requestTimeoutMs: number;
  readonly leaderWaitMs: number;
}

/** The registry as this member offers it: commands through the log, reads from its own state. */
export class LocalRegistry implements RegistryService {
  readonly #host: LocalRegistryHost;
  readonly #settings: LocalRegistrySettings;
  readonly #writes: WriteQueue;
  readonly #reads: ReadGate;
  readonly #random: Random;
  readonly #heartbeats: HeartbeatGatherer;
  readonly #watching: Watching;
  readonly #bootId: string;
  readonly #turns: Turns;
  #isCompleting = false;
  readonly #graphs = new GraphMaker();
  /** The last one that was asked for. */
  #graph: { readonly revision: number; readonly graph: Promise<DependencyGraph> } | null = null;
  #requests = 0;

  constructor(
    host: LocalRegistryHost,
    settings: LocalRegistrySettings,
    writes: WriteQueue,
    reads: ReadGate,
    watches: WatchHub,
    clock: Clock,
    random: Random,
  ) {
    this.#host = host;
    this.#settings = settings;
    this.#writes = writes;
    this.#reads = reads;
    this.#turns = new Turns(clock);
    this.#random = random;
    this.#bootId = random.hex(16);
    const levelAgeMs = () => (reads.levelAtMs === null ? null : host.nowMs() - reads.levelAtMs);
    this.#watching = new Watching(
      { state: () => host.state(), ready: (options) => this.#ready(options), levelAgeMs },
      watches,
      clock,
      this.#turns,
      random,
    );
    this.#heartbeats = new HeartbeatGatherer(
      (command) => this.#submit(command, 'heartbeats', settings.requestTimeoutMs),
      () => host.wake(),
    );
  }

  /** Called once a turn, before writes leave. */
  flush(): void {
    this.#heartbeats.flush();
  }

  async register(input: unknown, options: CallOptions = {}): Promise<RegistrationResult> {
    const registration = parseRegistration(input, this.#settings.ttlPolicy, (name) => this.#makeId(name));
    const { validateDependencies } = this.#settings;
    const { result } = await this.#submit(
      { type: 'register', registration, validateDependencies },
      'other',
      this.#timeoutMs(options),
    );
    if (result.type === 'registered') return result.result;
    throw refusal(result);
  }

  /**
   * Eight digits are few for a big service, and a registration under an id in use would push a running instance off the
   * list; so an id that is listed, or still gets 410, is drawn again.
   */
  #makeId(name: string): string {
    const state = this.#host.state();
    let id = '';
    for (let draw = 0; draw < maxIdDraws; draw++) {
      id = `${name}-${this.#random.hex(8)}`;
      if (!state.find(name, id) && !state.tombstone(name, id)) break;
    }
    return id;
  }

  async deregister(input: unknown, options: CallOptions = {}): Promise<DeregistrationResult> {
    const { name, id, lease_id } = parseDeregistrationTarget(input);
    const { result } = await this.#submit(
      { type: 'deregister', name, id, leaseId: lease_id ?? null },
      'other',
      this.#timeoutMs(options),
    );
    if (result.type !== 'deregistered') throw refusal(result);
    return {
      message: `Instance '${id}' of service '${name}' is deregistered.`,
      deregistered_at: formatTimestamp(result.deregisteredAtMs),
    };
  }

  async heartbeat(input: unknown, options: CallOptions = {}): Promise<HeartbeatResult> {
    const renewed = await this.#renew(parseHeartbeatTarget(input), options);
    return {
      status: renewed.status,
      last_heartbeat: formatTimestamp(renewed.lastHeartbeatMs),
      lease_renewed: true,
      ttl_remaining: renewed.ttl.unhealthy_after,
    };
  }

  /** What this member finds by its own state is renewed together; only the others are looked into one by one. */
  async heartbeats(inputs: readonly unknown[], options: CallOptions = {}): Promise<HeartbeatsResult> {
    const targets = inputs.map(parseMember);
    const found = targets.map((target) => this.#leaseOf(target));
    const renewed = await this.#renewTogether(found.filter((leaseId) => leaseId !== null));
    let next = 0;
    const failures = targets.map((target, position) => {
      if (found[position] === null) return this.#renewOrFail(target, options);
      if (renewed instanceof RegistryError) return failureOf(target, renewed);
      return renewed[next++] ? null : this.#renewOrFail(target, options);
    });
    const failed = (await Promise.all(failures.filter((failure) => failure !== null))).filter((each) => each !== null);
    return { renewed: targets.length - failed.length, failed };
  }

  async #renewTogether(leaseIds: readonly number[]): Promise<readonly (RenewedLease | null)[] | RegistryError> {
    if (leaseIds.length === 0) return [];
    try {
      return await this.#heartbeats.renew(leaseIds);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      return error;
    }
  }

  async #renewOrFail(target: HeartbeatTarget, options: CallOptions): Promise<HeartbeatFailure | null> {
    try {
      await this.#renew(target, options);
      return null;
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      return failureOf(target, error);
    }
  }

  async getInstances(
    name: string,
    filter: InstanceFilter,
    options: ReadOptions = {},
  ): Promise<ReadAnswer<readonly InstanceRecord[]>> {
    const staleness = await this.#readyToAnswer(() => ({ ...filter, service: name }), options);
    const answer = this.#answer(null, staleness);
    const instances = await this.#turns.inSlices(this.#host.state().queryingOf(name, filter));
    return { ...answer, value: await this.#recordsOf(instances) };
  }

  async list(query: ListQuery, options: ReadOptions = {}): Promise<ReadAnswer<InstancePage>> {
    const { limit = defaultLimit, offset = 0, after, ...filter } = query;
    const staleness = await this.#readyToAnswer(() => filter, options);
    const answer = this.#answer(null, staleness);
    const querying = this.#host.state().querying(filter, limit, offset, after);
    const { instances, total, hasMore } = await this.#turns.inSlices(querying);
    const last = instances.at(-1);
    const next = hasMore && last ? cursorAfter(last.registration) : null;
    return { ...answer, value: { instances: await this.#recordsOf(instances), total, next } };
  }

  /** Many of them are made in slices. */
  async #recordsOf(instances: readonly Instance[]): Promise<readonly InstanceRecord[]> {
    const records: InstanceRecord[] = [];
    for (const instance of instances) {
      if (records.length > 0 && records.length % recordsPerTurn === 0) await this.#turns.next();
      records.push(toRecord(instance));
    }
    return records;
  }

  #submit(command: Command, kind: 'heartbeats' | 'other', timeoutMs: number): Promise<ApplyOutcome> {
    const requestId = `${this.#bootId}-${(this.#requests++).toString(36)}`;
    return this.#writes.submit(requestId, encodeCommand(requestId, command), kind, timeoutMs);
  }

  /**
   * Renews the lease that an instance has now. What this member has not applied yet is not held against the caller:
   * before it says no, it makes itself level with the leader and looks again.
   */
  async #renew(target: HeartbeatTarget, options: CallOptions): Promise<RenewedLease> {
    let level = false;
    for (let lookup = 0; lookup < maxLookups; lookup++) {
      const leaseId = this.#leaseOf(target);
      if (leaseId !== null) {
        const [renewed] = await this.#heartbeats.renew([leaseId]);
        if (renewed) return renewed;
        // Its entry was applied here, so this member's state already says why the lease is gone.
        continue;
      }
      if (level) break;
      await this.#level(options);
      level = true;
    }
    throw this.#notRenewable(target, this.#host.state().find(target.name, target.id));
  }

  /** The lease that a heartbeat for `target` renews, as far as this member knows; `null` when it knows of none. */
  #leaseOf({ name, id, lease_id }: HeartbeatTarget): number | null {
    const leaseId = this.#host.state().leaseIdOf(name, id);
    return lease_id === undefined || lease_id === leaseId ? leaseId : null;
  }

  #notRenewable({ name, id, lease_id }: HeartbeatTarget, instance: Instance | undefined): RegistryError {
    if (instance) {
      return new RegistryError(
        'lease_mismatch',
        `Instance '${id}' of service '${name}' was registered again and has another lease now. If this process is not the one that registered it last, stop its heartbeats.`,
        { field: 'lease_id', value: lease_id, details: { current_lease_id: instance.leaseId } },
      );
    }
    const tombstone = this.#host.state().tombstone(name, id);
    if (tombstone) {
      const deregistered_at = formatTimestamp(tombstone.atWallMs);
      return new RegistryError(
        'service_gone',
        `Instance '${id}' of service '${name}' is no longer listed: it was ${tombstone.cause} at ${deregistered_at}. Register it again.`,
        { details: { deregistered_at, cause: tombstone.cause } },
      );
    }
    return new RegistryError(
      'service_not_found',
      `No instance '${id}' of service '${name}' is registered. Register it first.`,
    );
  }

  async dependencies(options: ReadOptions = {}): Promise<ReadAnswer<DependencyGraph>> {
    const staleness = await this.#ready(options);
    const state = this.#host.state();
    const answer = this.#answer(null, staleness);
    // The same revision has the same graph, also while it is being made.
    if (this.#graph?.revision !== state.revision) {
      const graph = this.#turns.inSlices(this.#graphs.making(state.services()));
      this.#graph = { revision: state.revision, graph };
    }
    return { ...answer, value: await this.#graph.graph };
  }

  watch(query: WatchQuery, options: WatchOptions = {}): AsyncIterable<WatchEvent> {
    return this.#watching.watch(query, options);
  }

  /** As `#ready`, after the hold if there is one. @param filter what a hold waits for */
  async #readyToAnswer(filter: () => InstanceFilter, options: ReadOptions): Promise<number | null> {
    if (options.hold) {
      await this.#ready(options);
      await this.#watching.hold(filter(), options.hold);
    }
    this.#complete();
    await this.#turns.inSlices(this.#host.state().tidying());
    return this.#ready(options);
  }

  /** Nobody waits for it: with a million instances it takes a second, and a search that goes in order less. */
  #complete(): void {
    const state = this.#host.state();
    if (state.isComplete || this.#isCompleting) return;
    this.#isCompleting = true;
    void this.#turns.inSlices(state.completing()).finally(() => {
      this.#isCompleting = false;
    });
  }

  /** Waits until this member may answer. @returns the answer's greatest age in milliseconds, `null` when linearizable */
  async #ready(options: ReadOptions): Promise<number | null> {
    const consistency: Consistency = options.consistency ?? 'linearizable';
    if (consistency === 'linearizable') {
      await this.#level(options);
      return null;
    }
    // Linearizable reads gather in their round to the leader.
    await this.#turns.end();
    const levelAtMs = this.#reads.levelAtMs;
    if (levelAtMs === null) {
      throw new RegistryError(
        'service_unavailable',
        'This member has not been level with a leader since it started, so the age of its state is unknown. Retry in a moment or ask another member.',
        { retryAfterSeconds: 1 },
      );
    }
    return Math.ceil(this.#host.nowMs() - levelAtMs);
  }

  #level(options: CallOptions): Promise<void> {
    return this.#reads.level(Math.min(this.#timeoutMs(options), this.#settings.leaderWaitMs));
  }

  #timeoutMs(options: CallOptions): number {
    return Math.min(options.timeoutMs ?? this.#settings.requestTimeoutMs, this.#settings.requestTimeoutMs);
  }

  #answer<T>(value: T, staleness_ms: number | null): ReadAnswer<T> {
    return { value, revision: this.#host.state().revision, leader: this.#host.leader(), staleness_ms };
  }
}

function parseMember(input: unknown, position: number): HeartbeatTarget {
  try {
    return parseHeartbeatTarget(input);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const { field, value, details } = error;
    const facts: ErrorFacts = { field: `instances[${position}]${field ? `.${field}` : ''}`, value, details };
    throw new RegistryError(error.code, error.message, facts);
  }
}

function failureOf({ name, id }: HeartbeatTarget, { code, message }: RegistryError): HeartbeatFailure {
  return { name, id, error: code, message };
}

function refusal(result: CommandResult): RegistryError {
  if (result.type === 'refused') return new RegistryError(result.code, result.message, result);
  throw new Error(`A command was answered with '${result.type}', which is another command's result.`);
}
