const slotMs = 5_000;
const slotCount = 12;

/** Successes and failures of about the last minute, in slots: what a busy registry does costs one slot every five seconds. */
export class SuccessWindow {
  readonly #nowMs: () => number;
  readonly #slots: { readonly number: number; succeeded: number; failed: number }[] = [];

  /** @param nowMs a clock that never goes back */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(succeeded: number, failed: number): void {
    const number = Math.floor(this.#nowMs() / slotMs);
    let last = this.#slots.at(-1);
    if (last?.number !== number) {
      last = { number, succeeded: 0, failed: 0 };
      this.#slots.push(last);
      this.#forget();
    }
    last.succeeded += succeeded;
    last.failed += failed;
  }

  /** Successes among all, from 0 to 1; 1 when there was nothing. */
  share(): number {
    this.#forget();
    const succeeded = this.#slots.reduce((sum, slot) => sum + slot.succeeded, 0);
    const failed = this.#slots.reduce((sum, slot) => sum + slot.failed, 0);
    return succeeded + failed === 0 ? 1 : succeeded / (succeeded + failed);
  }

  #forget(): void {
    const oldest = Math.floor(this.#nowMs() / slotMs) - slotCount;
    while ((this.#slots[0]?.number ?? Number.POSITIVE_INFINITY) <= oldest) this.#slots.shift();
  }
}
