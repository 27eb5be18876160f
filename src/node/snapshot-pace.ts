import type { MemberSettings } from './settings.ts';

export interface StateSize {
  readonly instances: number;
  /** Of the last snapshot; 0 when there is none. */
  readonly snapshotBytes: number;
}

/**
 * Says when it is time for the next snapshot.
 *
 * A snapshot writes the whole state, however little has changed. So before the next one comes, the log has grown by about
 * as much, where that is more than the settings ask for: an entry then pays for about one instance, whether there are a
 * thousand or a million of them, and a restart reads about as much log as state.
 */
export class SnapshotPace {
  readonly #settings: Pick<MemberSettings, 'snapshotEveryEntries' | 'snapshotEveryBytes'>;
  #entries = 0;
  #bytes = 0;

  constructor(settings: Pick<MemberSettings, 'snapshotEveryEntries' | 'snapshotEveryBytes'>) {
    this.#settings = settings;
  }

  /** An entry of so many bytes was applied. */
  applied(bytes: number): void {
    this.#entries++;
    this.#bytes += bytes;
  }

  /** @param size asked for only when the settings alone would have a snapshot taken */
  isDue(size: () => StateSize): boolean {
    const { snapshotEveryEntries, snapshotEveryBytes } = this.#settings;
    if (this.#entries < snapshotEveryEntries && this.#bytes < snapshotEveryBytes) return false;
    const { instances, snapshotBytes } = size();
    return (
      this.#entries >= Math.max(snapshotEveryEntries, instances) ||
      this.#bytes >= Math.max(snapshotEveryBytes, snapshotBytes)
    );
  }

  /** The state is about to be in a snapshot: what comes is counted from here on. */
  begin(): void {
    this.#entries = 0;
    this.#bytes = 0;
  }
}
