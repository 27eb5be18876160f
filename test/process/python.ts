import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The project's own directory. */
export const projectDirectory = fileURLToPath(new URL('../../', import.meta.url));

const program = process.env.PYTHON ?? 'python3';

/** Variables that a Python program gets: not those that would lead its client elsewhere. */
function environment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { MANIFEST_URL: _url, MANIFEST_AUTH_TOKEN: _token, ...rest } = process.env;
  return { ...rest, NO_PROXY: '*', PYTHONDONTWRITEBYTECODE: '1', PYTHONOPTIMIZE: '', PYTHONUNBUFFERED: '1', ...more };
}

/** Starts `python3` with these arguments in the project's directory. */
export function startPython(
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  return spawn(program, parameters, { cwd: projectDirectory, env: environment(env) });
}

/**
 * Runs `python3` to its end and returns what it printed.
 * @throws when it fails, with all that it said, and when there is no Python
 */
export async function runPython(
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
  timeoutMs = 120_000,
): Promise<string> {
  const child = startPython(parameters, env);
  child.stdin.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  try {
    return await outputOf(child, parameters.join(' '));
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for the end of the process and returns its standard output. @throws when it fails */
export function outputOf(child: ChildProcessWithoutNullStreams, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    let complaints = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      output += piece;
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      complaints += piece;
    });
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const hint = 'These tests need Python 3.9 or newer as "python3", or its path in the variable PYTHON.';
      reject(cause.code === 'ENOENT' ? new Error(hint, { cause }) : cause);
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${what} ended with ${signal ?? code}:\n${output}\n${complaints}`));
    });
  });
}
