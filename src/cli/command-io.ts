import type { EventEmitter } from 'node:events';

/** Where a command reads and writes: the process's own streams, or a test's. */
export interface CommandIo {
  /** Results: what a script may read. */
  write(text: string): void;
  /** Errors and hints. */
  writeError(text: string): void;
  /** All of standard input. */
  readInput(): string;
  /** Whether results may be coloured. */
  readonly colour: boolean;
  /** Whether a person reads the results. Where none does, a command says nothing beside them. */
  readonly isTerminal: boolean;
  /** Emits the signals of the operating system: the process itself. */
  readonly signals: EventEmitter;
}

/** Colours are for people at a terminal that has not declined them (no-color.org). */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb';
}

/** A word to a person; none to a script. */
export function hint(io: CommandIo, text: string): void {
  if (io.isTerminal) io.writeError(text);
}
