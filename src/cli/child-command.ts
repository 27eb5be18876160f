import { type ChildProcess, spawn } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { access, constants as modes, stat } from 'node:fs/promises';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';

/** What a service may be told by signals. */
const forwarded = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

/** A terminal sends these to every process in front of it: forwarded, they would come twice. */
const fromTerminal: ReadonlySet<string> = new Set(['SIGINT', 'SIGHUP', 'SIGQUIT']);

/** As shells say it (POSIX, Shell Command Language, 2.8.2). */
const cannotRun = { notFound: 127, notExecutable: 126, signalled: 128 };

/** Where programs are looked for when no PATH says so. */
const defaultPath = '/usr/bin:/bin';

/** Why a command cannot be run, and what it ends with. */
export interface Obstacle {
  readonly message: string;
  readonly exitCode: number;
}

/** Looks for a program as the operating system will. @returns `null` when nothing stands in the way of running it */
export async function obstacleTo([program = '']: readonly string[]): Promise<Obstacle | null> {
  // Windows also tries endings, and has no permission to run.
  if (process.platform === 'win32') return null;
  const directories = program.includes('/') ? [''] : (process.env.PATH ?? defaultPath).split(delimiter);
  let error = errorOf('ENOENT');
  for (const directory of program === '' ? [] : directories) {
    const found = await executable(join(directory, program));
    if (found === null) return null;
    if (found.code !== 'ENOENT' && found.code !== 'ENOTDIR') error = found;
  }
  return obstacle(program, error);
}

async function executable(file: string): Promise<NodeJS.ErrnoException | null> {
  try {
    if ((await stat(file)).isDirectory()) return errorOf('EACCES');
    await access(file, modes.X_OK);
    return null;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

function errorOf(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

function obstacle(program: string, error: NodeJS.ErrnoException): Obstacle {
  const isMissing = error.code === 'ENOENT';
  return {
    message: `cannot run ${program}: ${isMissing ? 'no such program' : `it is none that may be run (${error.code})`}`,
    exitCode: isMissing ? cannotRun.notFound : cannotRun.notExecutable,
  };
}

/** A command with the streams of this process, to which the signals of this process are forwarded. */
export class ChildCommand {
  readonly #signals: EventEmitter;
  readonly #hasTerminal: boolean;
  readonly #handlers = new Map<string, () => void>();
  #child: ChildProcess | null = null;
  #stoppedBy: string | null = null;

  /** From now on, signals no longer end this process. */
  constructor(signals: EventEmitter, hasTerminal: boolean) {
    this.#signals = signals;
    this.#hasTerminal = hasTerminal;
    for (const name of forwarded) {
      const handle = () => this.#forward(name);
      this.#handlers.set(name, handle);
      signals.on(name, handle);
    }
  }

  /**
   * Runs it to its end. @returns its exit code, 128 and the number of the signal that ended it, or 126 or 127 where it
   * cannot be run
   */
  async run([program = '', ...args]: readonly string[], tell: (text: string) => void): Promise<number> {
    // Stopped before it began.
    if (this.#stoppedBy !== null) return exitCodeOf(null, this.#stoppedBy);
    const child = spawn(program, args, { stdio: 'inherit' });
    this.#child = child;
    return new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        // Also said of a signal that could not be sent; then it runs.
        if (child.pid !== undefined) return;
        const { message, exitCode } = obstacle(program, error);
        tell(message);
        resolve(exitCode);
      });
      child.once('exit', (code, signal) => resolve(exitCodeOf(code, signal)));
    });
  }

  /** Signals are this process's own again. */
  release(): void {
    for (const [name, handle] of this.#handlers) this.#signals.off(name, handle);
  }

  #forward(name: (typeof forwarded)[number]): void {
    if (this.#child === null) this.#stoppedBy ??= name;
    else if (!this.#hasTerminal || !fromTerminal.has(name)) this.#child.kill(name);
  }
}

function exitCodeOf(code: number | null, signal: string | null): number {
  if (signal === null) return code ?? 1;
  return cannotRun.signalled + ((constants.signals as Readonly<Record<string, number>>)[signal] ?? 0);
}
