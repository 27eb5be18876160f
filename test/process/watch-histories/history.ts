import type { Log } from './change.ts';
import type { HistoryWatcher } from './watchers.ts';

/** What one watcher heard, beside what the log has for it through the log's last revision. */
export class History {
  readonly #watcher: HistoryWatcher;
  readonly #due: readonly number[];
  readonly #lastRevision: number;

  constructor(watcher: HistoryWatcher, log: Log) {
    this.#watcher = watcher;
    this.#due = log.concerning(watcher.part, watcher.from ?? 0);
    this.#lastRevision = log.lastRevision;
  }

  /** It heard as much as it should. */
  get isThrough(): boolean {
    return this.#watcher.revisions.length >= this.#due.length;
  }

  /** Where they differ first; `null` where they are the same. */
  get difference(): string | null {
    const due = this.#due;
    const heard = this.#watcher.revisions.filter((revision) => revision <= this.#lastRevision);
    const length = Math.max(due.length, heard.length);
    for (let at = 0; at < length; at++) {
      if (heard[at] === due[at]) continue;
      return `${this.#watcher.label}: event ${at} of ${due.length} is ${heard[at]}, and should be ${due[at]}`;
    }
    return null;
  }
}
