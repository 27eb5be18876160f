import type { RegistryError } from '../registry/errors.ts';
import type { ApplyOutcome, HeartbeatsCommand, RenewedLease } from '../registry/machine.ts';

/** Batches under way at a time: while they travel, the next one gathers, so batches grow with the load by themselves. */
const maxBatchesUnderWay = 2;

/** Leases in one log entry. */
const maxLeasesPerBatch = 8_192;

interface Waiter {
  readonly resolve: (renewed: RenewedLease | null) => void;
  readonly fail: (error: RegistryError) => void;
}

/**
 * Gathers this member's heartbeats into few log entries: a heartbeat costs bytes there, not an entry of its own.
 */
export class HeartbeatGatherer {
  readonly #submit: (command: HeartbeatsCommand) => Promise<ApplyOutcome>;
  readonly #wake: () => void;
  #gathering = new Map<number, Waiter[]>();
  #underWay = 0;

  constructor(submit: (command: HeartbeatsCommand) => Promise<ApplyOutcome>, wake: () => void) {
    this.#submit = submit;
    this.#wake = wake;
  }

  /**
   * Resolves when the renewal is applied here; with `null` when the lease is not listed any more.
   * @throws RegistryError `service_unavailable` or `outcome_unknown`
   */
  renew(leaseId: number): Promise<RenewedLease | null> {
    return new Promise((resolve, fail) => {
      const waiters = this.#gathering.get(leaseId);
      if (waiters) waiters.push({ resolve, fail });
      else this.#gathering.set(leaseId, [{ resolve, fail }]);
      this.#wake();
    });
  }

  flush(): void {
    while (this.#gathering.size > 0 && this.#underWay < maxBatchesUnderWay) this.#sendBatch();
  }

  #sendBatch(): void {
    const leaseIds = [...this.#gathering.keys()].sort((a, b) => a - b).slice(0, maxLeasesPerBatch);
    const waiters = leaseIds.map((leaseId) => this.#gathering.get(leaseId) ?? []);
    for (const leaseId of leaseIds) this.#gathering.delete(leaseId);
    this.#underWay++;
    this.#submit({ type: 'heartbeats', leaseIds }).then(
      ({ result }) => {
        this.#ended();
        const leases = result.type === 'heartbeats' ? result.leases : [];
        waiters.forEach((group, position) => {
          for (const waiter of group) waiter.resolve(leases[position] ?? null);
        });
      },
      (error) => {
        this.#ended();
        for (const group of waiters) for (const waiter of group) waiter.fail(error);
      },
    );
  }

  #ended(): void {
    this.#underWay--;
    if (this.#gathering.size > 0) this.#wake();
  }
}
