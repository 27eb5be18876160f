import type { DependencyGraph } from './dependencies.ts';
import type {
  DeregistrationResult,
  HeartbeatResult,
  HeartbeatsResult,
  InstanceRecord,
  QueryableStatus,
  RegistrationResult,
  WatchEvent,
} from './records.ts';

export type Consistency = 'linearizable' | 'stale';

export interface CallOptions {
  /** Milliseconds after which the call fails; the service's own default when absent. */
  readonly timeoutMs?: number | undefined;
  /** Follows the call through the logs of every process. */
  readonly requestId?: string | undefined;
  /** The caller's bearer token, passed on by a gateway that stands alone; a member ignores it: its faces check. */
  readonly authToken?: string | undefined;
}

/** Holds a read's answer until something that it shows has changed after a revision, or the wait is over. */
export interface Hold {
  readonly after: number;
  readonly waitMs: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions extends CallOptions {
  readonly consistency?: Consistency | undefined;
  readonly hold?: Hold | undefined;
}

/** Conditions that an instance meets all of. Validated by `parseListQuery`. */
export interface InstanceFilter {
  readonly status?: QueryableStatus | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly environment?: string | undefined;
  readonly dependency?: string | undefined;
  readonly interface?: string | undefined;
  /** A version or a range of versions, such as `^1.2`. */
  readonly version?: string | undefined;
  /** From key to value, as text; a list in the metadata needs to have the value among others. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly instance_id?: string | undefined;
  /** Prefix of the service name. */
  readonly name?: string | undefined;
  /** The whole service name. */
  readonly service?: string | undefined;
}

/** A list is of all services; the instances of one have a read of their own. */
export interface ListQuery extends Omit<InstanceFilter, 'service'> {
  /** 1 to 1000, 100 by default. */
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  /** Only what comes after this instance, by name and id: a walk that changes in between cannot disturb. */
  readonly after?: InstanceKey | undefined;
}

export interface InstanceKey {
  readonly name: string;
  readonly id: string;
}

/** What to watch, and from where. Validated by `parseWatchQuery`. */
export interface WatchQuery extends InstanceFilter {
  /** Deliver what happened after this revision; absent: what happens from now on. */
  readonly from?: number | undefined;
  /** Deliver the present state first, then `synced`. Ignored when `from` is given. */
  readonly initial?: boolean | undefined;
}

export interface WatchOptions extends ReadOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal | undefined;
}

/** What a read found, and how it may be trusted. */
export interface ReadAnswer<T> {
  readonly value: T;
  /** The revision of the state that this shows. */
  readonly revision: number;
  readonly leader: string | null;
  /** Upper bound of the answer's age in milliseconds; `null` for a linearizable read. */
  readonly staleness_ms: number | null;
}

export interface InstancePage {
  readonly instances: readonly InstanceRecord[];
  /** Matches in all, before `limit` and `offset`. */
  readonly total: number;
  /** Cursor of what comes after these; `null` at the end of the list. */
  readonly next: string | null;
}

/**
 * The registry as its faces see it: a member offers it from the inside, the TypeScript client over gRPC. Inputs are
 * untrusted and validated by the implementation with `validation.ts`; every failure is a `RegistryError`.
 */
export interface RegistryService {
  register(input: unknown, options?: CallOptions): Promise<RegistrationResult>;
  heartbeat(target: unknown, options?: CallOptions): Promise<HeartbeatResult>;
  heartbeats(targets: readonly unknown[], options?: CallOptions): Promise<HeartbeatsResult>;
  deregister(target: unknown, options?: CallOptions): Promise<DeregistrationResult>;
  /** Instances of one service, healthy ones first, then by id. Empty when there is none: the faces decide on 404. */
  getInstances(
    name: string,
    filter: InstanceFilter,
    options?: ReadOptions,
  ): Promise<ReadAnswer<readonly InstanceRecord[]>>;
  /** All services' instances, by name and id. */
  list(query: ListQuery, options?: ReadOptions): Promise<ReadAnswer<InstancePage>>;
  /** Who depends on whom, of all services. */
  dependencies(options?: ReadOptions): Promise<ReadAnswer<DependencyGraph>>;
  /**
   * Changes of the instances that match, in the order of their revisions, without a gap and without repeats. It begins
   * with `progress`, or with the state asked for, at a revision that is linearizable unless `stale` was asked for; it
   * ends when `signal` says so, and throws where this member cannot go on: a watcher then resumes, here or elsewhere.
   */
  watch(query: WatchQuery, options?: WatchOptions): AsyncIterable<WatchEvent>;
}

export interface MemberStatus {
  readonly id: string;
  readonly role: string;
  /** This member heard from it within the last few seconds, or is it. */
  readonly reachable: boolean;
  readonly voter: boolean;
  readonly term: number;
  readonly commit_index: number;
  readonly applied_index: number;
  /** Entries behind the leader's commit index; `null` when unknown. */
  readonly lag: number | null;
  readonly version: string;
  readonly uptime_seconds: number;
  readonly rest_address: string;
  readonly grpc_address: string;
}

export interface ClusterStatus {
  readonly cluster_id: string;
  /** The member that answers. */
  readonly node: string;
  readonly leader: string | null;
  readonly term: number;
  readonly members: readonly MemberStatus[];
  /** SHA-256 (hex) of this member's state at its applied index: equal on all members at equal indexes. */
  readonly state: { readonly applied_index: number; readonly revision: number; readonly hash: string | null };
}

export interface HealthReport {
  readonly status: 'healthy' | 'unhealthy';
  /** Why it is unhealthy. */
  readonly reason?: string | undefined;
  readonly version: string;
  readonly uptime_seconds: number;
  readonly services_registered: number;
  readonly services_healthy: number;
  readonly services_unhealthy: number;
  readonly services_unknown: number;
  readonly storage_backend: string;
  readonly storage_healthy: boolean;
  readonly node: string;
  readonly leader: string | null;
  readonly term: number;
}

export interface StatusOptions extends CallOptions {
  /** Include the state's hash (`?hash=true`). Costs time in proportion to the number of instances. */
  readonly stateHash?: boolean | undefined;
}

/** What a member tells of itself and its cluster. */
export interface ClusterService {
  status(options?: StatusOptions): Promise<ClusterStatus>;
  health(options?: CallOptions): Promise<HealthReport>;
}
