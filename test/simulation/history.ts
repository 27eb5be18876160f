import type { RegistryInput, RegistryOutput } from '../linearizability/models/registry-operations.ts';
import { HistoryRecorder, type PendingCall } from '../linearizability/recorder.ts';
import type { CallOutcome } from './calls.ts';

/** To be called with what came of a call, and with what its answer says of each operation. */
export type EndCall = <T>(
  outcome: CallOutcome<T>,
  outputOf: (value: T, input: RegistryInput) => RegistryOutput,
) => void;

/** Writes down what clients did, for the judge of histories: a second opinion, which knows nothing of the log. */
export class SimulatedHistory {
  readonly recorder: HistoryRecorder<RegistryInput, RegistryOutput>;
  readonly #idle: string[] = [];
  #strands = 0;

  /** @param nowMs the world's clock */
  constructor(nowMs: () => number) {
    this.recorder = new HistoryRecorder(nowMs);
  }

  /** A call begins, which asks for these operations at the same time. */
  begin(inputs: readonly RegistryInput[]): EndCall {
    const calls = inputs.map((input) => {
      const process = this.#idle.shift() ?? `client-${++this.#strands}`;
      return { input, process, pending: this.recorder.call(process, input) };
    });
    return (outcome, outputOf) => {
      for (const { input, process, pending } of calls) {
        end(pending, outcome, input, outputOf);
        this.#idle.push(process);
      }
    };
  }
}

function end<T>(
  pending: PendingCall<RegistryOutput>,
  outcome: CallOutcome<T>,
  input: RegistryInput,
  outputOf: (value: T, input: RegistryInput) => RegistryOutput,
): void {
  if (outcome.type === 'answer') pending.returned(outputOf(outcome.value, input));
  else if (outcome.type === 'silence') pending.unknown();
  else {
    const { code, details } = outcome.error;
    const refusal = refusalOf(input, code, details?.cause);
    if (refusal) pending.returned(refusal);
    else if (code === 'outcome_unknown') pending.unknown();
    else pending.failed();
  }
}

/** What a client was told of the instance; `null` when it was told nothing of it. */
function refusalOf({ type }: RegistryInput, code: string, cause: unknown): RegistryOutput | null {
  if (type === 'deregister' && (code === 'service_not_found' || code === 'service_gone')) return { type: 'not_found' };
  if (type !== 'heartbeat') return null;
  if (code === 'service_not_found') return { type: 'not_found' };
  if (code !== 'service_gone') return null;
  return { type: 'gone', ...(cause === 'deregistered' || cause === 'expired' ? { cause } : {}) };
}
