import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../test/process/wait-for.ts';
import type { Latency } from './load/load.ts';

const module = new URL('loop-monitor.mjs', import.meta.url).href;

export interface Looked {
  /** How much later than planned timers ran, since the last look. */
  readonly delayMs: Latency;
  /** In use after a collection of garbage, the heap and what hangs on it outside. */
  readonly heapBytes: number;
  readonly residentBytes: number;
}

/** Looks into members from within: their event loops and memory. */
export class LoopMonitor {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = join(directory, 'loop-monitor');
    mkdirSync(this.#directory, { recursive: true });
  }

  /** Variables for the members. @param heapMib how much they may use */
  environment(heapMib: number): Record<string, string> {
    return {
      NODE_OPTIONS: `--max-old-space-size=${heapMib} --import ${module}`,
      BENCH_MONITOR_DIRECTORY: this.#directory,
    };
  }

  /** What was seen since the last look; begins anew. Stops the process for a collection of garbage. */
  async look(pid: number): Promise<Looked> {
    const file = join(this.#directory, `${pid}.json`);
    rmSync(file, { force: true });
    process.kill(pid, 'SIGUSR2');
    return waitFor(() => JSON.parse(readFileSync(file, 'utf8')) as Looked, {
      timeoutMs: 60_000,
      what: `member ${pid} to tell of itself`,
    });
  }
}
