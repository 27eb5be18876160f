/**
 * The interface between the replicated log and the state machine. The implementation is `RegistryState` in
 * `registry-state.ts`; the commands' bytes are defined by `proto/command.proto` and made by `commands.ts`.
 */

import type { ErrorCode } from './errors.ts';
import type { ChangeType, Registration, RegistrationResult, Status, Ttl } from './records.ts';

/** Put on every command by the leader that proposes it. Applying takes the greatest seen so far: time never goes back. */
export interface Stamp {
  /** Wall clock, milliseconds since the Unix epoch. For people. */
  readonly wallMs: number;
  /**
   * Serving time of the cluster, milliseconds: it advances only while some leader could have taken a heartbeat.
   * Leases are judged by it and by nothing else.
   */
  readonly leaseMs: number;
}

export interface RegisterCommand {
  readonly type: 'register';
  readonly registration: Registration;
  /** Refuse with `dependency_not_found` when a declared dependency is not listed. */
  readonly validateDependencies: boolean;
}

export interface HeartbeatsCommand {
  readonly type: 'heartbeats';
  /** Lease ids, ascending, without repeats. */
  readonly leaseIds: readonly number[];
}

export interface DeregisterCommand {
  readonly type: 'deregister';
  readonly name: string;
  readonly id: string;
  /** When given, must be the current lease. */
  readonly leaseId: number | null;
}

/** Judged by the leader of `term`; void in any other, and for each item that a newer heartbeat overtook (trap 28). */
export interface ExpireCommand {
  readonly type: 'expire';
  readonly term: number;
  readonly items: readonly ExpiryItem[];
}

export interface ExpiryItem {
  readonly leaseId: number;
  /** `lastHeartbeatIndex` of the instance when it was judged. */
  readonly judgedBy: number;
  readonly to: 'unhealthy' | 'removed';
}

/** First entry of a leader's term. After a cold start every instance turns `unknown`, its lease starting anew. */
export interface OpenTermCommand {
  readonly type: 'open-term';
  readonly term: number;
  readonly coldStart: boolean;
}

/** Carries nothing but its stamp, so that the lease clock survives a change of leader in a quiet cluster. */
export interface AdvanceClockCommand {
  readonly type: 'advance-clock';
}

export type Command =
  | RegisterCommand
  | HeartbeatsCommand
  | DeregisterCommand
  | ExpireCommand
  | OpenTermCommand
  | AdvanceClockCommand;

/** A command's own verdict; the same on every member. */
export type CommandResult =
  | { readonly type: 'registered'; readonly result: RegistrationResult }
  | {
      readonly type: 'heartbeats';
      /** What became of each lease, in the order of the command. `null`: this lease is not listed (any more). */
      readonly leases: readonly (RenewedLease | null)[];
    }
  | { readonly type: 'deregistered'; readonly deregisteredAtMs: number }
  | { readonly type: 'done' }
  | {
      readonly type: 'refused';
      readonly code: ErrorCode;
      readonly message: string;
      readonly field?: string | undefined;
      readonly details?: Readonly<Record<string, unknown>> | undefined;
    };

export interface RenewedLease {
  readonly status: Status;
  readonly lastHeartbeatMs: number;
  readonly ttl: Ttl;
}

/** A change that a reader can see. Each has a revision of its own. */
export interface RegistryEvent {
  readonly type: ChangeType;
  readonly revision: number;
  /** The instance after the change; for the last two types, as it was last listed. */
  readonly instance: Instance;
  /** The instance before the change; `null` where it was not listed. */
  readonly previous: Instance | null;
}

/** What applying one entry did. */
export interface ApplyOutcome {
  /** Of the command; `null` when its bytes name none. */
  readonly requestId: string | null;
  readonly result: CommandResult;
  readonly events: readonly RegistryEvent[];
}

/** One listed instance. Once it left the catalog, the object never changes, so a snapshot is a list of references. */
export interface Instance {
  readonly registration: Registration;
  readonly leaseId: number;
  readonly status: Status;
  readonly registeredAtMs: number;
  readonly lastHeartbeatMs: number;
  /** Lease clock at the last heartbeat, registration or cold start: what its lease is judged from. */
  readonly leaseRenewedAtMs: number;
  /** Log index of the entry that renewed it last. Fences expiry. */
  readonly lastHeartbeatIndex: number;
  readonly revision: number;
}

/** Remembers an instance that is no longer listed, so that a late heartbeat gets 410 and not a new life (trap 35). */
export interface Tombstone {
  readonly name: string;
  readonly id: string;
  readonly leaseId: number;
  readonly cause: 'deregistered' | 'expired';
  readonly atWallMs: number;
  readonly atLeaseMs: number;
}
