import type { EventEmitter } from 'node:events';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Ctrl+C under npm arrives twice: from the terminal, and passed on by npm. Two signals within this time are one wish.
 */
const oneWishMs = 500;

export interface StopSignals {
  /** Resolves with the name of the first signal. */
  readonly first: Promise<string>;
  /** Resolves when somebody asks again: the orderly stop takes too long for them. */
  readonly again: Promise<string>;
}

/** From now on the process no longer ends by itself at SIGINT, SIGTERM or SIGHUP. */
export function watchStopSignals(
  source: EventEmitter = process,
  nowMs: () => number = () => performance.now(),
): StopSignals {
  let firstMs: number | null = null;
  let wish: (signal: string) => void = () => {};
  let insist: (signal: string) => void = () => {};
  const first = new Promise<string>((resolve) => {
    wish = resolve;
  });
  const again = new Promise<string>((resolve) => {
    insist = resolve;
  });
  for (const name of names) {
    source.on(name, () => {
      if (firstMs === null) {
        firstMs = nowMs();
        wish(name);
      } else if (nowMs() - firstMs >= oneWishMs) insist(name);
    });
  }
  return { first, again };
}

/**
 * Ends this process as SIGKILL does. Its own way to exit waits for file operations under way, and one that a disk never
 * answers may be why the end is late.
 */
export function endAtOnce(reason: string): void {
  // Past the logger, which writes as files are written.
  process.stderr.write(`error: ${reason}: ended at once\n`);
  process.kill(process.pid, 'SIGKILL');
}

/** Resolves `late` after `delayMs`, unless `work` settles before; then as `work` does. */
export async function within<T, L>(work: Promise<T>, delayMs: number, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<L>((resolve) => {
    timer = setTimeout(() => resolve(late), delayMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
