import type { MemberSettings } from './settings.ts';

/**
 * A snapshot writes the whole state, however little has changed. So before the next one comes, the log has grown by at
 * least this share of what that will hold: an entry then pays for no more than two instances, whether there are a
 * thousand or a million of them, and a restart reads no more than half a state's worth of log beside the state.
 */
const leastGrowth = 1 / 2;

export interface StateSize {
  readonly instances: number;
  /** Of the last snapshot; 0 when there is none. */
  readonly snapshotBytes: number;
}

/** Says when it is time for the next snapshot. */
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
      this.#entries >= Math.max(snapshotEveryEntries, instances * leastGrowth) ||
      this.#bytes >= Math.max(snapshotEveryBytes, snapshotBytes * leastGrowth)
    );
  }

  /** The state is about to be in a snapshot: what comes is counted from here on. */
  begin(): void {
    this.#entries = 0;
    this.#bytes = 0;
  }
}
