import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { endedChildrenCpuSeconds } from '../process-usage.ts';

export interface Ended {
  readonly output: string;
  readonly errorOutput: string;
}

/** Whether `program` is on the PATH. */
export function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Runs programs at the same time, to their ends. Nothing else may end children meanwhile, since their CPU time is told
 * by what this process has waited for.
 * @throws Error with its output when one fails or outlasts `timeoutMs`
 */
export async function runPrograms(
  program: string,
  argumentLists: readonly (readonly string[])[],
  options: { readonly timeoutMs: number; readonly env?: Readonly<Record<string, string>> },
): Promise<{ readonly ended: readonly Ended[]; readonly cpuSeconds: number }> {
  const cpuBefore = endedChildrenCpuSeconds();
  const ended = await Promise.all(argumentLists.map((list) => runOne(program, list, options)));
  return { ended, cpuSeconds: endedChildrenCpuSeconds() - cpuBefore };
}

function runOne(
  program: string,
  argumentList: readonly string[],
  { timeoutMs, env }: { readonly timeoutMs: number; readonly env?: Readonly<Record<string, string>> },
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argumentList, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH ?? '', ...env },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let output = '';
    let errorOutput = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errorOutput += text;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve({ output, errorOutput });
      else reject(new Error(`${program} ended with ${signal ?? code}: ${errorOutput || output}`));
    });
  });
}
