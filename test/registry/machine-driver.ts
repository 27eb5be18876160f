import { encodeCommand, stampCommand } from '../../src/registry/commands.ts';
import type { ApplyOutcome, Command, CommandResult, Instance, Stamp } from '../../src/registry/machine.ts';
import type { RegistryLimits } from '../../src/registry/memories.ts';
import type { Metadata, Registration, RegistrationResult, Ttl } from '../../src/registry/records.ts';
import { RegistryState } from '../../src/registry/registry-state.ts';
import { CaptureDecoder, encodeCapture, type RegistryCapture } from '../../src/registry/snapshot.ts';

export const ttl: Ttl = { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 };

export function registration(name: string, id: string, metadata: Metadata = {}): Registration {
  return { name, id, version: '1.0.0', interfaces: { CLI: name }, metadata, ttl };
}

/** A command's bytes as the log has them. */
export function entry(requestId: string, command: Command, stamp: Stamp): Uint8Array {
  return stampCommand(encodeCommand(requestId, command), stamp);
}

/** One state machine, fed with commands whose index, request id and stamp are counted up where a test names none. */
export class MachineDriver {
  readonly state: RegistryState;
  wallMs = 1_700_000_000_000;
  leaseMs = 1_000;
  #requests = 0;

  constructor(limits: Partial<RegistryLimits> = {}) {
    this.state = new RegistryState(limits);
  }

  apply(command: Command, requestId = `request-${this.#requests++}`): ApplyOutcome {
    const stamp = { wallMs: this.wallMs, leaseMs: this.leaseMs };
    return this.state.apply(this.state.appliedIndex + 1, entry(requestId, command, stamp));
  }

  /** Moves both clocks of the stamps to come. */
  pass(durationMs: number): void {
    this.wallMs += durationMs;
    this.leaseMs += durationMs;
  }

  register(name: string, id: string, metadata: Metadata = {}, validateDependencies = false): RegistrationResult {
    const { result } = this.apply({
      type: 'register',
      registration: registration(name, id, metadata),
      validateDependencies,
    });
    if (result.type !== 'registered') throw new Error(`The registration ended as '${result.type}'.`);
    return result.result;
  }

  heartbeat(...leaseIds: readonly number[]): CommandResult {
    return this.apply({ type: 'heartbeats', leaseIds }).result;
  }

  deregister(name: string, id: string, leaseId: number | null = null): CommandResult {
    return this.apply({ type: 'deregister', name, id, leaseId }).result;
  }

  /** Expires a lease as a leader of `term` would that knew the state as it is now. */
  expire(leaseId: number, to: 'unhealthy' | 'removed', term = this.state.term): ApplyOutcome {
    const judgedBy = this.lease(leaseId).lastHeartbeatIndex;
    return this.apply({ type: 'expire', term, items: [{ leaseId, judgedBy, to }] });
  }

  openTerm(term: number, coldStart: boolean): ApplyOutcome {
    return this.apply({ type: 'open-term', term, coldStart }, '');
  }

  lease(leaseId: number): Instance {
    const instance = this.state.findLease(leaseId);
    if (!instance) throw new Error(`Lease ${leaseId} is not listed.`);
    return instance;
  }

  statusOf(name: string, id: string): string | undefined {
    return this.state.find(name, id)?.status;
  }
}

export function bytesOf(capture: RegistryCapture): Buffer {
  return Buffer.concat([...encodeCapture(capture)]);
}

/** Reads a snapshot that came in chunks of `chunkBytes`. */
export function decodeCapture(bytes: Uint8Array, chunkBytes = bytes.length): RegistryCapture {
  const decoder = new CaptureDecoder();
  for (let begin = 0; begin < bytes.length; begin += chunkBytes) {
    decoder.push(bytes.subarray(begin, begin + chunkBytes));
  }
  return decoder.finish();
}

/** A state that went through a snapshot's bytes. */
export function throughSnapshot(state: RegistryState, limits: Partial<RegistryLimits> = {}): RegistryState {
  return RegistryState.restore(decodeCapture(bytesOf(state.capture())), limits);
}
