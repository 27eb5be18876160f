import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadPlan, LoadResult, PacedPlan, PacedResult } from './load.ts';

const program = fileURLToPath(new URL('load-process.ts', import.meta.url));
const runTypescript = new URL('../../run-typescript.mjs', import.meta.url).href;

/** The benchmark's own generators, in a process of their own. The one for gRPC gives every request a message of its own. */
export class OwnGenerator {
  #child: ChildProcess | null = null;

  run(plan: LoadPlan): Promise<LoadResult> {
    return this.#ask(plan);
  }

  /** @param measuring called when the warm-up is over */
  runPaced(plan: PacedPlan, measuring: () => void): Promise<PacedResult> {
    return this.#ask(plan, measuring);
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
    this.#child = null;
  }

  async #ask<Result>(plan: object, measuring: () => void = () => {}): Promise<Result> {
    this.#child ??= fork(program, { execArgv: ['--import', runTypescript] });
    const child = this.#child;
    const settled = new AbortController();
    child.send(plan);
    try {
      for (;;) {
        const [said] = (await Promise.race([
          once(child, 'message', { signal: settled.signal }),
          once(child, 'exit', { signal: settled.signal }).then(([code]) => [{ error: `its process ended: ${code}` }]),
        ])) as [{ result: Result } | { error: string } | { phase: 'measuring' }];
        if ('error' in said) throw new Error(`The load failed: ${said.error}`);
        if ('result' in said) return said.result;
        measuring();
      }
    } finally {
      settled.abort();
    }
  }
}
