import type { MemberSettings } from './settings.ts';

/**
 * Says when it is time for the next snapshot.
 *
 * A snapshot writes the whole state, however little has changed. So before the next one comes, the log has grown by as much
 * as the last one held, where that is more than the settings ask for: an entry then pays for one or two instances, whether
 * there are a thousand or a million of them, and a restart reads about as much log as state.
 */
export class SnapshotPace {
  readonly #settings: Pick<MemberSettings, 'snapshotEveryEntries' | 'snapshotEveryBytes'>;
  /** In the last snapshot. */
  #instances: number;
  #entries = 0;
  #bytes = 0;

  /** @param instances in the snapshot that this member began with; 0 where there was none */
  constructor(settings: Pick<MemberSettings, 'snapshotEveryEntries' | 'snapshotEveryBytes'>, instances: number) {
    this.#settings = settings;
    this.#instances = instances;
  }

  /** An entry of so many bytes was applied. */
  applied(bytes: number): void {
    this.#entries++;
    this.#bytes += bytes;
  }

  /** @param snapshotBytes size of the last snapshot, 0 where there is none; asked for only when the settings alone would say so */
  isDue(snapshotBytes: () => number): boolean {
    const { snapshotEveryEntries, snapshotEveryBytes } = this.#settings;
    return (
      this.#entries >= Math.max(snapshotEveryEntries, this.#instances) ||
      (this.#bytes >= snapshotEveryBytes && this.#bytes >= snapshotBytes())
    );
  }

  /** So many instances are about to be in a snapshot: what comes is counted from here on. */
  begin(instances: number): void {
    this.#instances = instances;
    this.#entries = 0;
    this.#bytes = 0;
  }
}
