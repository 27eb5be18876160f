/** The shapes that clients see, field by field as `docs/` and the contract print them; the same in REST and gRPC. */

export type Status = 'up' | 'unhealthy' | 'unknown';

/** `down` is what a reader may ask for and never finds: such an instance is no longer listed. */
export type QueryableStatus = Status | 'down';

export type Environment = 'development' | 'staging' | 'production';

/** Free JSON, of which these keys have a meaning. */
export interface Metadata {
  readonly description?: string;
  readonly dependencies?: readonly string[];
  readonly tags?: readonly string[];
  readonly environment?: Environment;
  readonly region?: string;
  readonly owner?: string;
  readonly [key: string]: unknown;
}

/** Lease times in seconds. */
export interface Ttl {
  readonly heartbeat_interval: number;
  readonly unhealthy_after: number;
  readonly remove_after: number;
}

/** What a service says of itself: validated, complete, and immutable. */
export interface Registration {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly interfaces: Readonly<Record<string, string>>;
  readonly metadata: Metadata;
  readonly ttl: Ttl;
}

/** One instance, as every read shows it. */
export interface InstanceRecord extends Registration {
  readonly status: Status;
  /** RFC 3339, UTC, milliseconds, `Z`. */
  readonly last_heartbeat: string;
  readonly registered_at: string;
  /** The registry's revision when this record last changed visibly. */
  readonly revision: number;
  /** Fencing token: each registration gets a greater one. */
  readonly lease_id: number;
}

/** A record in an event: `down` when it is no longer listed. */
export interface WatchedRecord extends Omit<InstanceRecord, 'status'> {
  readonly status: QueryableStatus;
  /** Which parts differ from before: `status`, `lease_id`, `version`, `interfaces`, `metadata`, `ttl`. Absent for a new one. */
  readonly changed?: readonly string[] | undefined;
}

export type ChangeType = 'registered' | 'updated' | 'status' | 'deregistered' | 'expired';

/** One change that a watcher sees. Each has a revision of its own, the same on every member. */
export interface ChangeEvent {
  readonly type: ChangeType;
  readonly revision: number;
  readonly record: WatchedRecord;
}

/**
 * What a watch delivers beside changes:
 *
 * - `current`: a record of the present state; a number of them is ended by `synced`
 * - `synced`: the records since the beginning, or since `compacted`, are the whole state at `revision`
 * - `compacted`: what happened after the revision asked for is not known any more; the whole state follows, and
 *   whatever the watcher knew is to be replaced by it
 * - `progress`: nothing else happened through `revision`: a watch that is resumed may begin there
 */
export type WatchEvent =
  | ChangeEvent
  | { readonly type: 'current'; readonly record: InstanceRecord }
  | { readonly type: 'synced' | 'compacted' | 'progress'; readonly revision: number };

export interface RegistrationResult {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly status: Status;
  readonly registered_at: string;
  readonly lease_id: number;
  /** Seconds between the heartbeats that the registry expects. */
  readonly heartbeat_interval: number;
  /** Seconds without a heartbeat after which the instance is unhealthy. */
  readonly heartbeat_timeout: number;
  readonly revision: number;
  /** True for an instance that was not listed before (201 rather than 200). */
  readonly created: boolean;
}

export interface HeartbeatTarget {
  readonly name: string;
  readonly id: string;
  /** When given, must be the instance's current one. */
  readonly lease_id?: number | undefined;
}

export interface HeartbeatResult {
  readonly status: Status;
  readonly last_heartbeat: string;
  readonly lease_renewed: true;
  /** Seconds until the instance turns unhealthy without another heartbeat. */
  readonly ttl_remaining: number;
}

export interface HeartbeatFailure {
  readonly name: string;
  readonly id: string;
  readonly error: string;
  readonly message: string;
}

export interface HeartbeatsResult {
  readonly renewed: number;
  readonly failed: readonly HeartbeatFailure[];
}

export interface DeregistrationResult {
  readonly message: string;
  readonly deregistered_at: string;
}
