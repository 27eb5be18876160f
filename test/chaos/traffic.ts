import type { RegistryInput, RegistryOutput } from '../linearizability/models/registry-operations.ts';
import { HistoryRecorder } from '../linearizability/recorder.ts';
import { changesWhatIsListed, copiesMax, type Face, isWrite, type Outcome } from './face.ts';
import { type Certainty, type Key, KeySupply } from './keys.ts';

export interface TrafficCounts {
  acknowledgedWrites: number;
  reads: number;
  /** Without an answer that tells whether it happened. */
  unknown: number;
  /** Refused for certain. */
  refused: number;
}

/** A write that was acknowledged, in milliseconds of the monotonic clock. */
interface AcknowledgedWrite {
  readonly beganMs: number;
  readonly atMs: number;
}

/** All that clients do and are told, put down for the judge; what is wrong in itself is a violation at once. */
export class Traffic {
  readonly recorder = new HistoryRecorder<RegistryInput, RegistryOutput>();
  /** Instances that clients share. */
  readonly keys: KeySupply;
  readonly counts: TrafficCounts = { acknowledgedWrites: 0, reads: 0, unknown: 0, refused: 0 };
  readonly violations: string[] = [];
  #acknowledged: AcknowledgedWrite[] = [];
  #versions = 0;
  #greatestRevision = 0;

  constructor(prefix: string) {
    this.keys = new KeySupply(prefix);
  }

  /** Each registration says another one, so that an answer tells whose it shows. */
  nextVersion(): string {
    return `1.0.${++this.#versions}`;
  }

  violation(text: string): void {
    this.violations.push(text);
  }

  /** Acknowledged since `forgetBefore` was called last; in order of their answers. */
  get acknowledged(): readonly AcknowledgedWrite[] {
    return this.#acknowledged;
  }

  /** Keeps a long run's memory small. */
  forgetBefore(ms: number): void {
    this.#acknowledged = this.#acknowledged.filter(({ atMs }) => atMs >= ms);
  }

  /** Asks, and puts down what came of it. @param process nobody else may use this name meanwhile */
  async perform(process: string, face: Face, member: number, input: RegistryInput, key: Key | null): Promise<Outcome> {
    const beganMs = performance.now();
    const revisionSeen = this.#greatestRevision;
    const token = key && changesWhatIsListed(input) ? key.beginWrite() : null;
    const pending = this.recorder.call(process, input);
    // What a client repeats by itself are operations of their own; those that were not sent are taken out again.
    const copies =
      face.kind === 'gRPC' && isWrite(input)
        ? Array.from({ length: copiesMax }, (_, copy) => this.recorder.call(`${process}/copy-${copy + 1}`, input))
        : [];
    const outcome = await face.perform(input, member);
    const sentBefore = 'copies' in outcome ? outcome.copies : 0;
    for (const [i, copy] of copies.entries()) {
      if (i < sentBefore) copy.unknown();
      else copy.failed();
    }
    if (key && token) key.endWrite(token, certaintyAfter(input, outcome, token.before));
    switch (outcome.type) {
      case 'answered':
        pending.returned(outcome.output);
        this.#answered(input, outcome.output, key, beganMs, revisionSeen);
        break;
      case 'refused':
        pending.failed();
        this.counts.refused++;
        break;
      case 'wrong':
        this.violation(`${face.kind}, node-${member + 1}: an answer that is never right: ${outcome.reason}`);
        pending.unknown();
        break;
      case 'unknown':
        pending.unknown();
        this.counts.unknown++;
        break;
    }
    return outcome;
  }

  #answered(
    input: RegistryInput,
    output: RegistryOutput,
    key: Key | null,
    beganMs: number,
    revisionSeen: number,
  ): void {
    if (isWrite(input)) {
      this.counts.acknowledgedWrites++;
      this.#acknowledged.push({ beganMs, atMs: performance.now() });
    } else {
      this.counts.reads++;
    }
    if (output.type === 'registered' && key) key.lastLeaseId = output.leaseId;
    const revision = 'revision' in output ? output.revision : undefined;
    if (revision === undefined) return;
    if (!(revision >= revisionSeen)) {
      this.violation(`${input.type} ${input.name} showed revision ${revision} after ${revisionSeen} was seen`);
    }
    this.#greatestRevision = Math.max(this.#greatestRevision, revision);
  }
}

function certaintyAfter(input: RegistryInput, outcome: Outcome, before: Certainty | null): Certainty | null {
  if (outcome.type === 'refused') return before;
  if (outcome.type !== 'answered' || outcome.copies > 0) return null;
  const { output } = outcome;
  if (input.type === 'register' && output.type === 'registered') {
    return { state: 'listed', version: input.version, leaseId: output.leaseId };
  }
  if (output.type === 'not_found') return { state: 'absent' };
  return input.type === 'deregister' && output.type === 'ok' ? { state: 'absent' } : before;
}
