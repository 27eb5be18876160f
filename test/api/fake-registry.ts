import { cursorAfter } from '../../src/registry/cursor.ts';
import type { DependencyGraph } from '../../src/registry/dependencies.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import { matchesAs } from '../../src/registry/filters.ts';
import type {
  DeregistrationResult,
  HeartbeatFailure,
  HeartbeatResult,
  HeartbeatsResult,
  HeartbeatTarget,
  InstanceRecord,
  Registration,
  RegistrationResult,
  Status,
  WatchEvent,
} from '../../src/registry/records.ts';
import type {
  CallOptions,
  ClusterService,
  ClusterStatus,
  HealthReport,
  InstanceFilter,
  InstancePage,
  ListQuery,
  ReadAnswer,
  ReadOptions,
  RegistryService,
  StatusOptions,
  WatchOptions,
  WatchQuery,
} from '../../src/registry/service.ts';
import {
  defaultTtlPolicy,
  parseDeregistrationTarget,
  parseHeartbeatTarget,
  parseRegistration,
} from '../../src/registry/validation.ts';
import { waitFor } from '../process/wait-for.ts';
import { graphOf } from '../registry/graph-of.ts';

const startMs = Date.parse('2026-01-01T00:00:00.000Z');

/** A registry in memory with the real validation and no cluster behind it. Its clock moves a second with each write. */
export class FakeRegistry implements RegistryService, ClusterService {
  readonly #instances = new Map<string, InstanceRecord>();
  readonly #gone = new Map<string, string>();
  /** What every call was told beside its input, in their order. */
  readonly seen: CallOptions[] = [];
  /** Thrown by every call of the registry while it is set. */
  failure: Error | null = null;
  healthReason: string | null = null;
  /** Calls wait for it before they do anything. */
  #gate: Promise<void> = Promise.resolve();
  heartbeatBatches = 0;
  #waiting = 0;
  /** Done before a deregistration is refused or carried out; may throw. */
  afterDeregistration: () => void = () => {};
  /** What each watch delivers. */
  watched: readonly WatchEvent[] = [{ type: 'progress', revision: 1 }];
  /** Ends each watch behind what it delivers. */
  watchFailure: Error | null = null;
  /** A watch is over. */
  onWatchEnd: () => void = () => {};
  /** What was asked to be watched. */
  readonly watches: WatchQuery[] = [];
  #revision = 0;
  #leases = 0;
  #seconds = 0;

  async register(input: unknown, options: CallOptions = {}): Promise<RegistrationResult> {
    await this.#enter(options);
    const registration = parseRegistration(input, defaultTtlPolicy, (name) => `${name}-0000000${this.#leases % 10}`);
    const missing = registration.metadata.dependencies?.filter((name) => name.startsWith('missing'));
    if (missing && missing.length > 0) {
      throw new RegistryError('dependency_not_found', 'Dependencies are not registered.', {
        field: 'metadata.dependencies',
        details: { missing_dependencies: missing },
      });
    }
    return this.#list(registration);
  }

  #list(registration: Registration): RegistrationResult {
    const { name, id, version, ttl } = registration;
    const now = this.#now();
    const before = this.#instances.get(keyOf(name, id));
    const revision = ++this.#revision;
    const registered_at = before?.registered_at ?? now;
    const lease_id = ++this.#leases;
    this.#instances.set(keyOf(name, id), {
      ...registration,
      status: 'up',
      last_heartbeat: now,
      registered_at,
      revision,
      lease_id,
    });
    return {
      id,
      name,
      version,
      status: 'up',
      registered_at,
      lease_id,
      heartbeat_interval: ttl.heartbeat_interval,
      heartbeat_timeout: ttl.unhealthy_after,
      revision,
      created: !before,
    };
  }

  async heartbeat(input: unknown, options: CallOptions = {}): Promise<HeartbeatResult> {
    await this.#enter(options);
    return this.#renew(parseHeartbeatTarget(input));
  }

  async heartbeats(inputs: readonly unknown[], options: CallOptions = {}): Promise<HeartbeatsResult> {
    await this.#enter(options);
    this.heartbeatBatches++;
    const targets = inputs.map(parseBatchMember);
    const failed: HeartbeatFailure[] = [];
    for (const target of targets) {
      try {
        this.#renew(target);
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        failed.push({ name: target.name, id: target.id, error: error.code, message: error.message });
      }
    }
    return { renewed: targets.length - failed.length, failed };
  }

  #renew({ name, id, lease_id }: HeartbeatTarget): HeartbeatResult {
    const instance = this.#instances.get(keyOf(name, id));
    if (!instance) throw this.#absent(name, id);
    this.#checkLease(instance, lease_id);
    const last_heartbeat = this.#now();
    this.#instances.set(keyOf(name, id), { ...instance, last_heartbeat });
    return { status: 'up', last_heartbeat, lease_renewed: true, ttl_remaining: instance.ttl.unhealthy_after };
  }

  #checkLease(instance: InstanceRecord, lease_id: number | undefined): void {
    if (lease_id === undefined || lease_id === instance.lease_id) return;
    throw new RegistryError('lease_mismatch', 'It has another lease now.', {
      field: 'lease_id',
      value: lease_id,
      details: { current_lease_id: instance.lease_id },
    });
  }

  /** Lets calls wait before they do anything, until the returned function is called. */
  hold(): () => void {
    let letGo = () => {};
    this.#gate = new Promise((resolve) => {
      letGo = resolve;
    });
    return letGo;
  }

  /** Waits until this many calls are held. */
  async held(calls: number): Promise<void> {
    await waitFor(() => (this.#waiting === calls ? true : undefined), {
      timeoutMs: 10_000,
      what: `${calls} calls to be held`,
    });
  }

  /** Lets every instance have another status, as time does. */
  turn(status: Status): void {
    this.#revision++;
    for (const [key, instance] of this.#instances) {
      this.#instances.set(key, { ...instance, status, revision: this.#revision });
    }
  }

  #absent(name: string, id: string): RegistryError {
    const deregistered_at = this.#gone.get(keyOf(name, id));
    return deregistered_at === undefined
      ? new RegistryError('service_not_found', 'It is not registered.')
      : new RegistryError('service_gone', 'It was deregistered.', { details: { deregistered_at } });
  }

  async deregister(input: unknown, options: CallOptions = {}): Promise<DeregistrationResult> {
    await this.#enter(options);
    const { name, id, lease_id } = parseDeregistrationTarget(input);
    const instance = this.#instances.get(keyOf(name, id));
    if (!instance) throw new RegistryError('service_not_found', 'It is not registered.');
    this.#checkLease(instance, lease_id);
    this.#instances.delete(keyOf(name, id));
    this.#revision++;
    const deregistered_at = this.#now();
    this.#gone.set(keyOf(name, id), deregistered_at);
    this.afterDeregistration();
    return { message: `Instance '${id}' is deregistered.`, deregistered_at };
  }

  async getInstances(
    name: string,
    filter: InstanceFilter,
    options: ReadOptions = {},
  ): Promise<ReadAnswer<readonly InstanceRecord[]>> {
    await this.#enter(options);
    return this.#answer(
      [...this.#instances.values()].filter((each) => each.name === name && matches(each, filter)).sort(byId),
      options,
    );
  }

  async list(query: ListQuery, options: ReadOptions = {}): Promise<ReadAnswer<InstancePage>> {
    await this.#enter(options);
    const found = [...this.#instances.values()].filter((each) => matches(each, query)).sort(byId);
    const { after, offset = 0, limit = 100 } = query;
    const rest = found
      .filter((each) => !after || keyOf(each.name, each.id) > keyOf(after.name, after.id))
      .slice(offset);
    const instances = rest.slice(0, limit);
    const last = instances.at(-1);
    const next = last && rest.length > limit ? cursorAfter(last) : null;
    return this.#answer({ instances, total: found.length, next }, options);
  }

  async dependencies(options: ReadOptions = {}): Promise<ReadAnswer<DependencyGraph>> {
    await this.#enter(options);
    const listed = [...this.#instances.values()].map((record) => ({ registration: record, status: record.status }));
    return this.#answer(graphOf(listed), options);
  }

  /** Delivers `watched`, and then waits for the end. */
  async *watch(query: WatchQuery, options: WatchOptions = {}): AsyncGenerator<WatchEvent, void> {
    this.watches.push(query);
    await this.#enter(options);
    try {
      yield* this.watched;
      if (this.watchFailure) throw this.watchFailure;
      await new Promise<void>((resolve) => {
        options.signal?.addEventListener('abort', () => resolve());
        if (options.signal?.aborted) resolve();
      });
    } finally {
      this.onWatchEnd();
    }
  }

  #answer<T>(value: T, options: ReadOptions): ReadAnswer<T> {
    const staleness_ms = options.consistency === 'stale' ? 7 : null;
    return { value, revision: this.#revision, leader: 'node-1', staleness_ms };
  }

  async status(options: StatusOptions = {}): Promise<ClusterStatus> {
    this.seen.push(options);
    return {
      cluster_id: 'test',
      node: 'node-1',
      leader: 'node-1',
      term: 3,
      members: [
        {
          id: 'node-1',
          role: 'leader',
          reachable: true,
          voter: true,
          term: 3,
          commit_index: 12,
          applied_index: 0,
          lag: 0,
          version: '0.1.0',
          uptime_seconds: 5,
          rest_address: 'http://127.0.0.1:8500',
          grpc_address: '127.0.0.1:8502',
        },
        {
          id: 'node-2',
          role: 'unreachable',
          reachable: false,
          voter: false,
          term: 0,
          commit_index: 0,
          applied_index: 0,
          lag: null,
          version: '',
          uptime_seconds: 0,
          rest_address: '',
          grpc_address: '',
        },
      ],
      state: { applied_index: 12, revision: this.#revision, hash: options.stateHash ? 'abc' : null },
    };
  }

  async health(options: CallOptions = {}): Promise<HealthReport> {
    this.seen.push(options);
    return {
      status: this.healthReason === null ? 'healthy' : 'unhealthy',
      ...(this.healthReason === null ? {} : { reason: this.healthReason }),
      version: '0.1.0',
      uptime_seconds: 5,
      services_registered: this.#instances.size,
      services_healthy: this.#instances.size,
      services_unhealthy: 0,
      services_unknown: 0,
      storage_backend: 'memory',
      storage_healthy: true,
      node: 'node-1',
      leader: this.healthReason === null ? 'node-1' : null,
      term: 3,
    };
  }

  async #enter(options: CallOptions): Promise<void> {
    this.seen.push(options);
    this.#waiting++;
    await this.#gate;
    this.#waiting--;
    if (this.failure) throw this.failure;
  }

  #now(): string {
    return new Date(startMs + ++this.#seconds * 1_000).toISOString();
  }
}

function parseBatchMember(input: unknown, position: number): HeartbeatTarget {
  try {
    return parseHeartbeatTarget(input);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    throw new RegistryError(error.code, error.message, {
      field: `instances[${position}]${error.field ? `.${error.field}` : ''}`,
      value: error.value,
    });
  }
}

function keyOf(name: string, id: string): string {
  return `${name}/${id}`;
}

function byId(a: InstanceRecord, b: InstanceRecord): number {
  return keyOf(a.name, a.id) < keyOf(b.name, b.id) ? -1 : 1;
}

const matches = (record: InstanceRecord, filter: InstanceFilter) => matchesAs(record, record.status, filter);
