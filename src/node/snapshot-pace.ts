import type { Random } from './environment.ts';
import type { MemberSettings } from './settings.ts';

/** About what writing one instance to a snapshot takes where processor and disk are busy, in ms. */
const msPerInstance = 0.02;

/**
 * Says when it is time for the next snapshot.
 *
 * A snapshot writes the whole state, however little has changed. So before the next one comes, the log has grown by as much
 * as the last one held, where that is more than the settings ask for: an entry then pays for one or two instances, whether
 * there are a thousand or a million of them, and a restart reads about as much log as state.
 *
 * All members count the same entries. Were all of them to begin at the same one, no quorum would be left that is not busy
 * with a snapshot; so each waits for a random time first, within what it would take to write all snapshots one by one.
 */
export class SnapshotPace {
  readonly #settings: Pick<MemberSettings, 'snapshotEveryEntries' | 'snapshotEveryBytes'>;
  /** In the last snapshot. */
  #instances: number;
  readonly #random: Random;
  #entries = 0;
  #bytes = 0;
  /** When the one that is due begins; `null` while none is due. */
  #beginsAtMs: number | null = null;

  /** @param instances in the snapshot that this member began with; 0 where there was none */
  constructor(
    settings: Pick<MemberSettings, 'snapshotEveryEntries' | 'snapshotEveryBytes'>,
    instances: number,
    random: Random,
  ) {
    this.#settings = settings;
    this.#instances = instances;
    this.#random = random;
  }

  /** An entry of so many bytes was applied. */
  applied(bytes: number): void {
    this.#entries++;
    this.#bytes += bytes;
  }

  /**
   * Whether to begin one now.
   * @param now members of the cluster, and instances in this one's state
   * @param snapshotBytes size of the last snapshot, 0 where there is none; asked for only when the settings alone would say so
   */
  mayBegin(
    nowMs: number,
    now: () => Readonly<{ members: number; instances: number }>,
    snapshotBytes: () => number,
  ): boolean {
    if (this.#beginsAtMs === null) {
      if (!this.#isDue(snapshotBytes)) return false;
      const { members, instances } = now();
      const spreadMs = Math.floor((members - 1) * instances * msPerInstance);
      this.#beginsAtMs = nowMs + (spreadMs > 0 ? this.#random.integer(spreadMs) : 0);
    }
    return nowMs >= this.#beginsAtMs;
  }

  #isDue(snapshotBytes: () => number): boolean {
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
    this.#beginsAtMs = null;
  }
}
