import { setMaxListeners } from 'node:events';

/** setTimeout takes no longer delay: about 24 days. */
export const longestTimerMs = 2 ** 31 - 1;

/**
 * A signal that is aborted by the first of several others, or when its time is up; until it is released.
 *
 * Instead of `AbortSignal.any`, which holds its sources weakly: in Node 20, one of `AbortSignal.timeout` is never aborted
 * once the garbage collector came by (nodejs/node, issue 57736), so that what it limits waits for ever; some later
 * versions lose the abort of a source that is collected (issue 65995).
 */
export class Ending {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];
  readonly #timer: NodeJS.Timeout | undefined;
  #timedOut = false;

  /** @param timeoutMs counted from now, and the process goes on for as long; left out, time ends nothing */
  constructor(sources: readonly (AbortSignal | undefined)[], timeoutMs?: number) {
    // As many as wait for one thing listen.
    setMaxListeners(0, this.#controller.signal);
    this.#sources = sources.filter((source) => source !== undefined);
    for (const source of this.#sources) source.addEventListener('abort', this.#follow);
    if (timeoutMs !== undefined) this.#timer = setTimeout(this.#expire, Math.min(longestTimerMs, Math.ceil(timeoutMs)));
    if (this.#sources.some(({ aborted }) => aborted)) this.#follow();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it was the time that ended it. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** Lets go of the others and of the timer. To be called when what this limits is over, however it ended. */
  release(): void {
    clearTimeout(this.#timer);
    for (const source of this.#sources) source.removeEventListener('abort', this.#follow);
  }

  readonly #follow = (): void => {
    this.release();
    this.#controller.abort(this.#sources.find(({ aborted }) => aborted)?.reason);
  };

  readonly #expire = (): void => {
    this.#timedOut = true;
    this.release();
    this.#controller.abort(new DOMException('The time is up.', 'TimeoutError'));
  };
}
