import { openSync, readSync } from 'node:fs';

/**
 * Looks at every turn of this thread's event loop, and tells how much processor time the longest took: for so long
 * nothing else could happen. Time in which the system let another process run is not counted.
 */
export class LoopWatch {
  readonly #cpuMs = threadCpuMs();
  #longestMs = 0;
  #lastMs = 0;
  #running = false;

  start(): void {
    this.#running = true;
    this.#longestMs = 0;
    this.#lastMs = this.#cpuMs();
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    const nowMs = this.#cpuMs();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    if (this.#running) setImmediate(this.#look);
  };

  /** @returns the longest turn since `start`, milliseconds of processor time */
  stop(): number {
    this.#look();
    this.#running = false;
    return this.#longestMs;
  }
}

/** Where the system tells it, of this thread alone; else of the whole process, which is more. */
function threadCpuMs(): () => number {
  const processMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  };
  if (process.platform !== 'linux') return processMs;
  const file = openSync('/proc/thread-self/schedstat', 'r');
  const text = Buffer.alloc(64);
  return () => {
    // The system brings its books up to date when it is asked for the whole process.
    process.cpuUsage();
    return Number.parseInt(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0)), 10) / 1e6;
  };
}
