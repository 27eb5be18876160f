import type { NodeId, ProposeResult } from '../raft/types.ts';
import { RegistryError } from '../registry/errors.ts';
import type { ApplyOutcome } from '../registry/machine.ts';
import type { ForwardCommands, ForwardRejected } from '../transport/transport.ts';

/** How long to wait for the entry before a command is passed on again; the state machine applies it once (trap 34). */
const passOnAgainMs = 1_000;

/** Heartbeats may use the whole queue, everything else this share of it: heartbeats go first when there is not enough. */
const shareOfOtherWrites = 0.8;

/** Commands in one message to the leader. */
const maxCommandsPerMessage = 256;

interface PendingWrite {
  readonly requestId: string;
  readonly command: Uint8Array;
  readonly settle: (outcome: ApplyOutcome) => void;
  readonly fail: (error: RegistryError) => void;
  readonly deadlineMs: number;
  /** Waiting for a leader since then; `null` while handed to one. */
  leaderlessSinceMs: number | null;
  /** The reign that has it, as `leader/term`; `null` while nobody has. */
  handedTo: string | null;
  handedAtMs: number;
  /** Hand-overs that may still end in the log. While there is one, only the entry can tell what became of the write. */
  copiesOut: number;
}

/** What the queue needs of its member. */
export interface WriteQueueHost {
  nowMs(): number;
  /** Whom to hand writes to, as this member knows it. */
  leadership(): { readonly leaderId: NodeId | null; readonly term: number; readonly isSelf: boolean };
  /** Stamps the commands and puts them into this member's own log, all or none. */
  propose(commands: readonly Uint8Array[]): ProposeResult;
  send(to: NodeId, message: ForwardCommands | ForwardRejected): void;
  /** Something waits for the next turn. */
  wake(): void;
}

export interface WriteLimits {
  readonly maxPending: number;
  readonly leaderWaitMs: number;
}

/**
 * Clients' writes on their way into the log, and the entries that come back.
 *
 * A write is known by its request id from the member that took it to the entry that applies it. While it has no
 * leader it waits a bounded time; when its leader is lost it is passed on again under the same id. It always ends:
 * with its entry's outcome, as `service_unavailable` when it certainly never happened, or as `outcome_unknown`.
 */
export class WriteQueue {
  readonly #host: WriteQueueHost;
  readonly #limits: WriteLimits;
  /** By request id, in the order of arrival. */
  readonly #pending = new Map<string, PendingWrite>();
  readonly #waiting = new Set<PendingWrite>();
  #reign: string | null = null;
  #closed: RegistryError | null = null;

  constructor(host: WriteQueueHost, limits: WriteLimits) {
    this.#host = host;
    this.#limits = limits;
  }

  get size(): number {
    return this.#pending.size;
  }

  /**
   * Resolves when the command's entry is applied on this member.
   * @throws RegistryError `service_unavailable` or `outcome_unknown`
   */
  submit(
    requestId: string,
    command: Uint8Array,
    kind: 'heartbeats' | 'other',
    timeoutMs: number,
  ): Promise<ApplyOutcome> {
    if (this.#closed) return Promise.reject(this.#closed);
    const limit = this.#limits.maxPending * (kind === 'heartbeats' ? 1 : shareOfOtherWrites);
    if (this.#pending.size >= limit) return Promise.reject(overloaded());
    return new Promise((settle, fail) => {
      const nowMs = this.#host.nowMs();
      const write: PendingWrite = {
        requestId,
        command,
        settle,
        fail,
        deadlineMs: nowMs + timeoutMs,
        leaderlessSinceMs: nowMs,
        handedTo: null,
        handedAtMs: nowMs,
        copiesOut: 0,
      };
      this.#pending.set(requestId, write);
      this.#waiting.add(write);
      this.#host.wake();
    });
  }

  /** Hands everything that waits to the leader, when there is one. */
  flush(): void {
    const { leaderId, term, isSelf } = this.#host.leadership();
    const reign = leaderId === null ? null : `${leaderId}/${term}`;
    if (reign !== this.#reign) {
      this.#reign = reign;
      this.#takeBack((write) => write.handedTo !== reign);
    }
    if (leaderId === null || reign === null || this.#waiting.size === 0) return;
    const writes = [...this.#waiting];
    if (isSelf) this.#proposeHere(writes, reign);
    else this.#passOn(writes, leaderId, reign);
  }

  #proposeHere(writes: readonly PendingWrite[], reign: string): void {
    const proposed = this.#host.propose(writes.map((write) => write.command));
    if (proposed.ok) this.#handed(writes, reign);
    else if (proposed.reason === 'too-much-uncommitted') {
      for (const write of writes) this.#endWith(write, overloaded());
    }
    // Otherwise leadership is on its way elsewhere: the writes wait for it.
  }

  #passOn(writes: readonly PendingWrite[], leaderId: NodeId, reign: string): void {
    for (let start = 0; start < writes.length; start += maxCommandsPerMessage) {
      const batch = writes.slice(start, start + maxCommandsPerMessage);
      this.#host.send(leaderId, {
        type: 'forward-commands',
        commands: batch.map(({ requestId, command }) => ({ requestId, command })),
      });
    }
    this.#handed(writes, reign);
  }

  #handed(writes: readonly PendingWrite[], reign: string): void {
    const nowMs = this.#host.nowMs();
    for (const write of writes) {
      write.handedTo = reign;
      write.handedAtMs = nowMs;
      write.copiesOut++;
      write.leaderlessSinceMs = null;
      this.#waiting.delete(write);
    }
  }

  #takeBack(which: (write: PendingWrite) => boolean): void {
    for (const write of this.#pending.values()) {
      if (write.handedTo === null || !which(write)) continue;
      write.handedTo = null;
      write.leaderlessSinceMs = this.#host.nowMs();
      this.#waiting.add(write);
    }
  }

  /** A follower handed these over. Proposes them when this member leads, and says so when it does not. */
  receiveForwarded(from: NodeId, message: ForwardCommands): void {
    const proposed = this.#host.propose(message.commands.map((forwarded) => forwarded.command));
    if (proposed.ok) return;
    this.#host.send(from, {
      type: 'forward-rejected',
      requestIds: message.commands.map((forwarded) => forwarded.requestId),
      reason: proposed.reason === 'too-much-uncommitted' ? 'overloaded' : 'not-leader',
    });
  }

  /** The leader did not take these through the message that it answers; an earlier copy of one may still be in its log. */
  receiveRejected(message: ForwardRejected): void {
    for (const requestId of message.requestIds) {
      const write = this.#pending.get(requestId);
      if (!write || write.handedTo === null) continue;
      write.handedTo = null;
      write.copiesOut--;
      // It waits for the next tick rather than for the next turn, so that two members do not pass it to and fro.
      write.leaderlessSinceMs ??= this.#host.nowMs();
      if (message.reason === 'overloaded') this.#endWith(write, overloaded());
    }
  }

  /** Messages to `peer` were lost: what it had may have been among them. It is passed on again at the next tick. */
  unreachable(peer: NodeId): void {
    for (const write of this.#pending.values()) {
      if (write.handedTo?.startsWith(`${peer}/`)) write.handedTo = null;
    }
  }

  /** An entry was applied here. */
  applied(outcome: ApplyOutcome): void {
    if (outcome.requestId === null) return;
    const write = this.#pending.get(outcome.requestId);
    if (!write) return;
    this.#forget(write);
    write.settle(outcome);
  }

  /** Ends what waited too long; passes on again what was handed over and did not come back. */
  tick(): void {
    const nowMs = this.#host.nowMs();
    for (const write of this.#pending.values()) {
      const leaderless =
        write.leaderlessSinceMs !== null && nowMs - write.leaderlessSinceMs >= this.#limits.leaderWaitMs;
      if (leaderless || nowMs >= write.deadlineMs) {
        this.#endWith(write, noLeader());
      } else if (write.handedTo === null) {
        this.#waiting.add(write);
      } else if (nowMs - write.handedAtMs >= passOnAgainMs && !this.#host.leadership().isSelf) {
        write.handedTo = null;
        this.#waiting.add(write);
      }
    }
  }

  /** Ends everything, now and from now on. */
  close(error: RegistryError): void {
    this.#closed = error;
    for (const write of this.#pending.values()) this.#endWith(write, error);
  }

  /** Fails a write: with `certain` when it cannot be in any log, and otherwise with the truth, that nobody knows. */
  #endWith(write: PendingWrite, certain: RegistryError): void {
    this.#forget(write);
    write.fail(write.copiesOut > 0 ? outcomeUnknown() : certain);
  }

  #forget(write: PendingWrite): void {
    this.#pending.delete(write.requestId);
    this.#waiting.delete(write);
  }
}

function overloaded(): RegistryError {
  return new RegistryError('service_unavailable', 'Too many writes are under way. Retry in a moment.', {
    retryAfterSeconds: 1,
  });
}

/** The certain failure: the write reached no leader. */
export function noLeader(): RegistryError {
  return new RegistryError(
    'service_unavailable',
    'No leader could be reached: fewer than a majority of the members are running and connected. Retry in a moment.',
    { retryAfterSeconds: 1 },
  );
}

function outcomeUnknown(): RegistryError {
  return new RegistryError(
    'outcome_unknown',
    'The leader was lost before it answered, so the write may or may not have happened. Sending it again is safe.',
    { retryAfterSeconds: 1 },
  );
}
