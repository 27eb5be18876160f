/** Width of a bucket in milliseconds of lease time: detection is exact to well under a second. */
const bucketMs = 100;

/**
 * Finds leases whose deadline may have passed without looking at the others. Lazy: a renewal does not move an entry;
 * whoever takes a lease out compares it with the state and puts it back where it now belongs. So a heartbeat costs
 * nothing here, and a lease is looked at about once a period.
 */
export class DeadlineWheel {
  readonly #buckets = new Map<number, number[]>();
  #nextBucket: number;
  #size = 0;

  constructor(nowMs: number) {
    this.#nextBucket = Math.floor(nowMs / bucketMs);
  }

  /** Leases that are scheduled. */
  get size(): number {
    return this.#size;
  }

  /** Schedules a look at `leaseId` at or after `atMs`, no later than one bucket after it. */
  add(leaseId: number, atMs: number): void {
    // Rounded up, so that a lease is never looked at just before it is due and put off for another round.
    const bucket = Math.max(this.#nextBucket, Math.ceil(atMs / bucketMs));
    this.#size++;
    const leases = this.#buckets.get(bucket);
    if (leases) leases.push(leaseId);
    else this.#buckets.set(bucket, [leaseId]);
  }

  /** Takes out every lease scheduled up to `nowMs`. */
  takeDue(nowMs: number): number[] {
    const due: number[] = [];
    for (; this.#nextBucket * bucketMs <= nowMs; this.#nextBucket++) {
      const leases = this.#buckets.get(this.#nextBucket);
      if (!leases) continue;
      this.#buckets.delete(this.#nextBucket);
      for (const leaseId of leases) due.push(leaseId);
    }
    this.#size -= due.length;
    return due;
  }
}
