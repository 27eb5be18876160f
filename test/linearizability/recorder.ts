import { writeFileSync } from 'node:fs';
import type { History, Operation, ProcessId } from './history.ts';

/** One line of a history file. */
export type HistoryEvent<Input = unknown, Output = unknown> =
  | {
      readonly type: 'call';
      readonly process: ProcessId;
      readonly time: number;
      readonly op: Input;
      readonly request?: string;
    }
  | { readonly type: 'return'; readonly process: ProcessId; readonly time: number; readonly result: Output }
  | { readonly type: 'unknown' | 'fail'; readonly process: ProcessId; readonly time: number };

/** The end of one recorded call. Exactly one of the three is to be used, once. */
export interface PendingCall<Output> {
  returned(result: Output): void;
  /** No answer, or one that leaves it open: it may have happened, may still happen, or never. */
  unknown(): void;
  /** Refused for certain: it has not happened and will not. */
  failed(): void;
}

/**
 * Writes down what the clients of one test do, in the order in which it is told. Call `call` before the request leaves
 * and the end's method after the answer came: an interval that is too long hides faults, one that is too short invents them.
 */
export class HistoryRecorder<Input, Output> {
  readonly #events: HistoryEvent<Input, Output>[] = [];
  readonly #busy = new Set<ProcessId>();
  readonly #nowMs: () => number;

  /** @param nowMs for people who read the timeline: a simulation hands in its own clock */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** @throws Error when the process has an operation under way: give each strand of a client a name of its own */
  call(process: ProcessId, op: Input, request?: string): PendingCall<Output> {
    if (this.#busy.has(process)) throw new Error(`Process ${process} calls while its last operation is under way.`);
    this.#busy.add(process);
    this.#events.push({
      type: 'call',
      process,
      time: this.#nowMs(),
      op,
      ...(request === undefined ? {} : { request }),
    });
    let ended = false;
    const end = (event: HistoryEvent<Input, Output>) => {
      if (ended) throw new Error(`An operation of process ${process} ended twice.`);
      ended = true;
      this.#busy.delete(process);
      this.#events.push(event);
    };
    return {
      returned: (result) => end({ type: 'return', process, time: this.#nowMs(), result }),
      unknown: () => end({ type: 'unknown', process, time: this.#nowMs() }),
      failed: () => end({ type: 'fail', process, time: this.#nowMs() }),
    };
  }

  get events(): readonly HistoryEvent<Input, Output>[] {
    return this.#events;
  }

  history(): History<Input, Output> {
    return historyOf(this.#events);
  }

  /** As JSON lines, for `npm run judge`. @param model name of the model, for the file's first line */
  toJsonLines(model: string, options?: Readonly<Record<string, unknown>>): string {
    const header = { type: 'history', model, ...(options ? { options } : {}) };
    return [header, ...this.#events].map((line) => `${JSON.stringify(line)}\n`).join('');
  }

  writeTo(path: string, model: string, options?: Readonly<Record<string, unknown>>): void {
    writeFileSync(path, this.toJsonLines(model, options));
  }
}

/** @throws Error when an operation ends that was not called: the reader of files checks this first, with line numbers */
export function historyOf<Input, Output>(events: readonly HistoryEvent<Input, Output>[]): History<Input, Output> {
  const operations: (Operation<Input, Output> | null)[] = [];
  const open = new Map<ProcessId, number>();
  for (const [at, event] of events.entries()) {
    if (event.type === 'call') {
      open.set(event.process, operations.length);
      operations.push({
        process: event.process,
        request: event.request ?? null,
        input: event.op,
        output: null,
        calledAt: at,
        returnedAt: Number.POSITIVE_INFINITY,
        calledMs: event.time,
        returnedMs: null,
      });
      continue;
    }
    const place = open.get(event.process);
    const operation = place === undefined ? undefined : operations[place];
    if (place === undefined || !operation) throw new Error(`Event ${at} ends an operation that was not called.`);
    open.delete(event.process);
    if (event.type === 'fail') operations[place] = null;
    if (event.type === 'return') {
      operations[place] = { ...operation, output: event.result, returnedAt: at, returnedMs: event.time };
    }
  }
  return operations.filter((operation) => operation !== null);
}
