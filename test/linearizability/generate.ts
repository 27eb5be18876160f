import type { History } from './history.ts';
import { HistoryRecorder } from './recorder.ts';

/** A number from 0 up to 1, without 1; the same seed gives the same numbers (xorshift, Marsaglia 2003). */
export type Draw = () => number;

export function drawFrom(seed: number): Draw {
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

export function pick<T>(draw: Draw, from: readonly [T, ...T[]]): T {
  return from[Math.floor(draw() * from.length)] ?? from[0];
}

export interface GeneratorOptions<Input, Output> {
  readonly draw: Draw;
  readonly processes: number;
  readonly operations: number;
  /** Share of operations whose answer is lost. Half of them take effect, some of these long after. */
  readonly lost: number;
  readonly nextInput: () => Input;
  /** The object itself: takes effect at once. */
  readonly apply: (input: Input) => Output;
  /** Changes that no client asks for; called now and then. */
  readonly meddle?: () => void;
}

type Strand<Input, Output> =
  | { readonly phase: 'idle' }
  | {
      readonly phase: 'called';
      readonly input: Input;
      readonly call: ReturnType<HistoryRecorder<Input, Output>['call']>;
    }
  | {
      readonly phase: 'effected';
      readonly output: Output;
      readonly call: ReturnType<HistoryRecorder<Input, Output>['call']>;
    };

/**
 * A history of concurrent processes that use one sequential object. Each operation takes effect at one moment between its
 * call and its return, so the history is linearizable if the object keeps to its specification.
 */
export function generateHistory<Input, Output>(options: GeneratorOptions<Input, Output>): History<Input, Output> {
  const { draw, processes, operations, lost, nextInput, apply, meddle } = options;
  let clockMs = 0;
  const recorder = new HistoryRecorder<Input, Output>(() => clockMs++);
  const strands: Strand<Input, Output>[] = Array.from({ length: processes }, () => ({ phase: 'idle' }));
  const wandering: Input[] = [];
  let called = 0;
  while (called < operations || strands.some(({ phase }) => phase !== 'idle')) {
    const process = Math.floor(draw() * processes);
    const strand = strands[process];
    if (!strand) continue;
    if (meddle && draw() < 0.1) meddle();
    if (wandering.length > 0 && draw() < 0.1) {
      const [input] = wandering.splice(Math.floor(draw() * wandering.length), 1);
      if (input !== undefined) apply(input);
    }
    if (strand.phase === 'idle') {
      if (called >= operations) continue;
      const input = nextInput();
      strands[process] = { phase: 'called', input, call: recorder.call(`p${process}`, input, `r${called++}`) };
    } else if (strand.phase === 'called') {
      if (draw() < lost) {
        strand.call.unknown();
        if (draw() < 0.5) wandering.push(strand.input);
        strands[process] = { phase: 'idle' };
      } else strands[process] = { phase: 'effected', output: apply(strand.input), call: strand.call };
    } else {
      strand.call.returned(strand.output);
      strands[process] = { phase: 'idle' };
    }
  }
  return recorder.history();
}
