/** What a script can tell from how the command ended. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  unavailable: 4,
  unauthorized: 5,
  timedOut: 6,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesHelp = `
Exit codes:
  0 done   1 failed   2 wrong usage or invalid input   3 not found
  4 no member or no leader could be reached   5 unauthorized
  6 what was waited for did not come in time`;

/** Ends the command with a message for people and a code for scripts. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;
  /** What to do about it. */
  readonly hint: string | null;
  /** The registry's answer where this is one; `null` where it is not. */
  readonly status: number | null;

  constructor(
    message: string,
    exitCode: ExitCode = exitCodes.failure,
    hint: string | null = null,
    status: number | null = null,
  ) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
    this.status = status;
  }
}

/** Ends the command with the exit code of another one that it ran, and without a word. */
export class CommandEnded extends Error {
  override readonly name = 'CommandEnded';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`the command that was run ended with ${exitCode}`);
    this.exitCode = exitCode;
  }
}
