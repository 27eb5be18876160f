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

/** What the system's log says about requests without an answer. */
export interface LogEvidence {
  /** Ids of requests that are in the log: they took effect before it was read. */
  readonly present?: ReadonlySet<string>;
  /** Ids of requests that are not in the log, and can no longer get there. */
  readonly missing?: ReadonlySet<string>;
  /**
   * When the log was read, milliseconds on the recorder's clock; by default after the whole history. What is called
   * later has to see what was present.
   */
  readonly readAtMs?: number;
}

/** Narrows what is unknown: a request that is missing in the log never happened, one that is present did. */
export function resolveFromLog<Input, Output>(
  history: History<Input, Output>,
  { present, missing, readAtMs = Number.POSITIVE_INFINITY }: LogEvidence,
): History<Input, Output> {
  const readAt = eventOf(history, readAtMs);
  const narrowed: Operation<Input, Output>[] = [];
  for (const operation of history) {
    const { request, output, calledAt, returnedAt } = operation;
    const isOpen = request !== null && output === null && returnedAt === Number.POSITIVE_INFINITY;
    if (isOpen && missing?.has(request)) continue;
    const happened = isOpen && present?.has(request) && calledAt < readAt;
    narrowed.push(happened ? { ...operation, returnedAt: readAt } : operation);
  }
  return narrowed;
}

/** A place between two events: before the first call after this time, or after everything. */
function eventOf<Input, Output>(history: History<Input, Output>, timeMs: number): number {
  const later = history.find(({ calledMs }) => calledMs > timeMs);
  if (later) return later.calledAt - 0.5;
  return 1 + history.reduce((last, { calledAt, returnedAt }) => Math.max(last, calledAt, finite(returnedAt)), 0);
}

function finite(event: number): number {
  return Number.isFinite(event) ? event : 0;
}
