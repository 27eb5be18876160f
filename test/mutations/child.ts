import { spawn } from 'node:child_process';

export interface ChildResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Killed, for it did not end in time. */
  readonly timedOut: boolean;
}

/** Runs a program to its end, and ends it with all that it started when it takes too long or `signal` says so. */
export function runChild(
  program: string,
  parameters: readonly string[],
  { cwd, timeoutMs, signal }: { readonly cwd: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ChildResult> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', PYTHONDONTWRITEBYTECODE: '1', NO_PROXY: '*' },
    });
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      stdout += piece;
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      stderr += piece;
    });
    const killAll = () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(() => {
      timedOut = true;
      killAll();
    }, timeoutMs);
    signal.addEventListener('abort', killAll);
    const settled = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', killAll);
    };
    child.once('error', (error) => {
      settled();
      reject(error);
    });
    child.once('close', (exitCode) => {
      settled();
      if (signal.aborted) reject(signal.reason);
      else resolve({ exitCode, stdout, stderr, timedOut });
    });
  });
}
