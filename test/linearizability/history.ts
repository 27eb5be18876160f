/** Whoever issues operations, one at a time: a client, a thread, a connection. */
export type ProcessId = string | number;

/**
 * One operation as its caller saw it. Events of a history are numbered from 0 in the order in which they happened;
 * `calledAt` and `returnedAt` are such numbers. An operation that returned before another was called came first; all
 * others are concurrent.
 */
export interface Operation<Input, Output> {
  readonly process: ProcessId;
  /** Names the operation in the system's log; `null` when it cannot be looked up there. */
  readonly request: string | null;
  readonly input: Input;
  /** `null`: no answer came, so it took effect at any time since the call, whatever its result, or never. */
  readonly output: Output | null;
  readonly calledAt: number;
  /** Event by which it had taken effect; infinite when it need never have. Finite with no output: found in the log. */
  readonly returnedAt: number;
  /** Milliseconds on the recorder's clock, for people only: nothing is judged by it. */
  readonly calledMs: number;
  /** Milliseconds on the recorder's clock; `null` when no answer came. */
  readonly returnedMs: number | null;
}

/** What a history says, in order of `calledAt`. Operations that certainly had no effect are left out. */
export type History<Input, Output> = readonly Operation<Input, Output>[];

/** What the system's log, read when everything had come to rest, says about requests without an answer. */
export interface LogEvidence {
  /** Ids of requests that are in the log: they took effect before the history's end. */
  readonly present?: ReadonlySet<string>;
  /** Ids of requests that are not in the log, and can no longer get there. */
  readonly missing?: ReadonlySet<string>;
}

/** Narrows what is unknown: a request that is missing in the log never happened, one that is present did. */
export function resolveFromLog<Input, Output>(
  history: History<Input, Output>,
  { present, missing }: LogEvidence,
): History<Input, Output> {
  const end =
    1 + history.reduce((latest, { calledAt, returnedAt }) => Math.max(latest, calledAt, finite(returnedAt)), 0);
  const narrowed: Operation<Input, Output>[] = [];
  for (const operation of history) {
    const { request, output } = operation;
    const isOpen = request !== null && output === null && operation.returnedAt === Number.POSITIVE_INFINITY;
    if (isOpen && missing?.has(request)) continue;
    narrowed.push(isOpen && present?.has(request) ? { ...operation, returnedAt: end } : operation);
  }
  return narrowed;
}

function finite(event: number): number {
  return Number.isFinite(event) ? event : 0;
}
