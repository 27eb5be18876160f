import type { History } from './history.ts';
import { HistoryRecorder, type PendingCall } from './recorder.ts';

/**
 * Writes a history down as a test's sentence: `[process, input, output]` is an operation all by itself,
 * `[process, input]` a call, `[process, output]` (for a process with a call under way) its return, and
 * `[process, 'lost']` its end without an answer.
 */
export type ScriptLine<Input, Output> = readonly [string, Input, Output] | readonly [string, Input | Output | 'lost'];

export function historyFrom<Input, Output>(lines: readonly ScriptLine<Input, Output>[]): History<Input, Output> {
  let clockMs = 0;
  const recorder = new HistoryRecorder<Input, Output>(() => clockMs++);
  const open = new Map<string, PendingCall<Output>>();
  for (const line of lines) {
    const [process, said] = line;
    const pending = open.get(process);
    if (pending) {
      open.delete(process);
      if (said === 'lost') pending.unknown();
      else pending.returned(said as Output);
    } else {
      const call = recorder.call(process, said as Input, `request-${recorder.events.length}`);
      if (line.length === 3) call.returned(line[2]);
      else open.set(process, call);
    }
  }
  return recorder.history();
}
