import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { environmentOfMembers, type PlannedMember, restartDelayMs } from './dev-plan.ts';
import { printable } from './output.ts';
import { exitWithParentFlag } from './parent-end.ts';
import { within } from './stop-signals.ts';

const program = fileURLToPath(new URL('./main.js', import.meta.url));

export interface MemberListener {
  /** The process ended by itself, or was ended by somebody; it is started again after `restartMs`. */
  ended(id: string, how: string, restartMs: number): void;
  startedAgain(id: string, processId: number | undefined): void;
}

/** One member as a process of its own, started again whenever it ends. */
export class DevMember {
  readonly plan: PlannedMember;
  readonly #listener: MemberListener;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #restartTimer: NodeJS.Timeout | null = null;
  #restartMs: number | null = null;
  #stopping = false;

  constructor(plan: PlannedMember, listener: MemberListener) {
    this.plan = plan;
    this.#listener = listener;
  }

  get processId(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  start(): void {
    const startedMs = performance.now();
    const log = openSync(this.plan.logFile, 'a');
    const child = spawn(process.execPath, [program, 'serve', ...this.plan.serveArguments, exitWithParentFlag], {
      stdio: ['ignore', log, log, 'ipc'],
      env: environmentOfMembers(process.env),
      // A process group of its own: Ctrl+C is for the parent alone, which stops its members in order.
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      const end = (how: string) => {
        if (this.#child !== child) return;
        this.#child = null;
        resolve();
        if (!this.#stopping) this.#startAgain(how, performance.now() - startedMs);
      };
      child.once('exit', (code, signal) => end(this.#howItEnded(code, signal)));
      child.once('error', (error) => end(`cannot be started: ${error.message}`));
    });
  }

  /** Orderly, then by force. Resolves to whether force was needed, when the process is gone. */
  async stop(graceMs: number): Promise<boolean> {
    this.#stopping = true;
    if (this.#restartTimer) clearTimeout(this.#restartTimer);
    // A member that was suspended must wake up to hear that it is to stop.
    this.#child?.kill('SIGCONT');
    this.#child?.kill('SIGTERM');
    if (
      await within(
        this.#exited.then(() => true),
        graceMs,
        false,
      )
    )
      return false;
    this.kill();
    await this.#exited;
    return true;
  }

  kill(): void {
    this.#stopping = true;
    this.#child?.kill('SIGKILL');
  }

  #startAgain(how: string, ranMs: number): void {
    this.#restartMs = restartDelayMs(this.#restartMs, ranMs);
    this.#listener.ended(this.plan.id, how, this.#restartMs);
    this.#restartTimer = setTimeout(() => {
      this.start();
      this.#listener.startedAgain(this.plan.id, this.processId);
    }, this.#restartMs);
  }

  #howItEnded(code: number | null, signal: string | null): string {
    if (signal !== null) return `was ended by ${signal}`;
    const words = lastError(this.plan.logFile);
    return `ended with code ${code}${words === null ? '' : `: ${words}`}`;
  }
}

const tailBytes = 4_096;
const maxErrorCharacters = 300;

/** What the member said last of what went wrong; `null` when its log does not tell. */
function lastError(logFile: string): string | null {
  try {
    const lines = readFileSync(logFile).subarray(-tailBytes).toString('utf8').split('\n');
    const error = lines.findLast((line) => line.startsWith('error: '));
    return error === undefined ? null : printable(error.slice('error: '.length, maxErrorCharacters));
  } catch {
    // The log is there to help: without it the exit code has to do.
    return null;
  }
}
