/** Something that happens at a moment of virtual time. */
export interface ScheduledEvent {
  readonly atMs: number;
  /** Events of the same moment happen in the order in which they were scheduled. */
  readonly order: number;
  /** `null` once it is cancelled. */
  run: (() => void) | null;
}

function isBefore(left: ScheduledEvent, right: ScheduledEvent): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}

/** Events by time: a binary heap. */
export class EventQueue {
  readonly #heap: ScheduledEvent[] = [];
  #nextOrder = 0;

  get size(): number {
    return this.#heap.length;
  }

  get nextAtMs(): number | null {
    return this.#heap[0]?.atMs ?? null;
  }

  add(atMs: number, run: () => void): ScheduledEvent {
    const event = { atMs, order: this.#nextOrder++, run };
    const heap = this.#heap;
    let position = heap.length;
    heap.push(event);
    while (position > 0) {
      const parentPosition = (position - 1) >> 1;
      const parent = heap[parentPosition];
      if (!parent || !isBefore(event, parent)) break;
      heap[position] = parent;
      position = parentPosition;
    }
    heap[position] = event;
    return event;
  }

  takeNext(): ScheduledEvent | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last) return null;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(event: ScheduledEvent): void {
    const heap = this.#heap;
    let position = 0;
    for (;;) {
      const left = heap[2 * position + 1];
      if (!left) break;
      const right = heap[2 * position + 2];
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (!isBefore(child, event)) break;
      heap[position] = child;
      position = 2 * position + (isRight ? 2 : 1);
    }
    heap[position] = event;
  }
}
