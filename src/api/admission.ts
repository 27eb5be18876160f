import { RegistryError } from '../registry/errors.ts';

/** A fifth of the places is kept for heartbeats: when there is not enough for all, nobody shall lose its lease. */
const keptForHeartbeats = 0.2;

export type RequestKind = 'heartbeat' | 'other';

/** Counts the requests under way and refuses those beyond the limit at once. */
export class AdmissionGate {
  readonly #limits: Readonly<Record<RequestKind, number>>;
  #underWay = 0;

  /** @param limit requests under way at once; those that are no heartbeats have four fifths of it */
  constructor(limit: number) {
    this.#limits = { heartbeat: limit, other: Math.max(1, Math.floor(limit * (1 - keptForHeartbeats))) };
  }

  get underWay(): number {
    return this.#underWay;
  }

  /**
   * @returns the function that gives the place back; calling it again does nothing
   * @throws RegistryError `service_unavailable` when there is no place
   */
  enter(kind: RequestKind): () => void {
    if (this.#underWay >= this.#limits[kind]) {
      throw new RegistryError(
        'service_unavailable',
        'This member is overloaded. Retry in a moment or ask another one.',
        {
          retryAfterSeconds: 1,
        },
      );
    }
    this.#underWay++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#underWay--;
    };
  }
}
