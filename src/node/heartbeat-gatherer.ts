import type { RegistryError } from '../registry/errors.ts';
import type { ApplyOutcome, HeartbeatsCommand, RenewedLease } from '../registry/machine.ts';

/** Batches under way at a time: while they travel, the next one gathers, so batches grow with the load by themselves. */
const maxBatchesUnderWay = 2;

/** Leases in one log entry. */
const maxLeasesPerBatch = 8_192;

/** One call's leases, answered together. */
interface Caller {
  readonly leaseIds: readonly number[];
  readonly resolve: (renewed: readonly (RenewedLease | null)[]) => void;
  readonly fail: (error: RegistryError) => void;
}

/**
 * Gathers this member's heartbeats into few log entries: a heartbeat costs bytes there, not an entry of its own.
 */
export class HeartbeatGatherer {
  readonly #submit: (command: HeartbeatsCommand) => Promise<ApplyOutcome>;
  readonly #wake: () => void;
  #gathering: Caller[] = [];
  #underWay = 0;

  constructor(submit: (command: HeartbeatsCommand) => Promise<ApplyOutcome>, wake: () => void) {
    this.#submit = submit;
    this.#wake = wake;
  }

  /**
   * Resolves when the renewals are applied here, in the order of `leaseIds`; with `null` for a lease that is not listed
   * any more.
   * @throws RegistryError `service_unavailable` or `outcome_unknown`
   */
  renew(leaseIds: readonly number[]): Promise<readonly (RenewedLease | null)[]> {
    return new Promise((resolve, fail) => {
      this.#gathering.push({ leaseIds, resolve, fail });
      this.#wake();
    });
  }

  flush(): void {
    while (this.#gathering.length > 0 && this.#underWay < maxBatchesUnderWay) this.#sendBatch(this.#takeCallers());
  }

  /** The first, and as many more as fit into one entry. */
  #takeCallers(): Caller[] {
    let count = 0;
    let leases = 0;
    for (const { leaseIds } of this.#gathering) {
      leases += leaseIds.length;
      if (count > 0 && leases > maxLeasesPerBatch) break;
      count++;
    }
    return this.#gathering.splice(0, count);
  }

  #sendBatch(callers: readonly Caller[]): void {
    const leaseIds = [...new Set(callers.flatMap((caller) => caller.leaseIds))].sort((a, b) => a - b);
    this.#underWay++;
    this.#submit({ type: 'heartbeats', leaseIds }).then(
      ({ result }) => {
        this.#ended();
        const leases = result.type === 'heartbeats' ? result.leases : [];
        const renewed = new Map(leaseIds.map((leaseId, position) => [leaseId, leases[position] ?? null]));
        for (const caller of callers) caller.resolve(caller.leaseIds.map((leaseId) => renewed.get(leaseId) ?? null));
      },
      (error) => {
        this.#ended();
        for (const caller of callers) caller.fail(error);
      },
    );
  }

  #ended(): void {
    this.#underWay--;
    if (this.#gathering.length > 0) this.#wake();
  }
}
