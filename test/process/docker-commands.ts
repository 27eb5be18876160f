import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const projectDirectory = fileURLToPath(new URL('../../', import.meta.url));

const execute = promisify(execFile);

/**
 * What a command printed. Never runs it synchronously: a build takes longer than the minute for which a test runner's
 * worker may keep silent.
 * @throws with the end of all it printed when it failed or took longer than ten minutes
 */
export async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  try {
    const { stdout } = await execute(command, args, {
      cwd: projectDirectory,
      env,
      timeout: 600_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout.slice(-2_000)}\n${stderr.slice(-2_000)}`, {
      cause: error,
    });
  }
}

export async function succeeds(command: string, ...args: readonly string[]): Promise<boolean> {
  return execute(command, args, { timeout: 180_000, maxBuffer: 64 * 1024 * 1024 }).then(
    () => true,
    () => false,
  );
}
