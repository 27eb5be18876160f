import type { InstanceRecord } from '../registry/records.ts';

/** How one instance came into a view, differs in it, or left it. */
export interface ViewChange {
  readonly type: 'added' | 'changed' | 'removed';
  /** As it is now; for one that was removed, as it was last seen. */
  readonly record: InstanceRecord;
  /** As it was before; `null` for one that was added. */
  readonly before: InstanceRecord | null;
}

interface Difference {
  readonly before: InstanceRecord | null;
  readonly after: InstanceRecord | null;
}

/**
 * Hands the changes of a view to one reader. What happens to an instance while the reader is busy becomes one change, so
 * that a slow reader costs no more memory than the instances themselves, and always ends up with the truth.
 */
export class ChangeFeed {
  readonly #differences = new Map<string, Difference>();
  #wake: (() => void) | null = null;
  #end: { readonly error: unknown } | null = null;

  note(before: InstanceRecord | null, after: InstanceRecord | null): void {
    const record = after ?? before;
    if (!record || this.#end) return;
    const key = `${record.name}/${record.id}`;
    const earlier = this.#differences.get(key);
    const first = earlier ? earlier.before : before;
    this.#differences.delete(key);
    if (first || after) this.#differences.set(key, { before: first, after });
    this.#notify();
  }

  /** @param error why there will be no more; `null` when the view was closed */
  end(error: unknown): void {
    this.#end ??= { error };
    this.#notify();
  }

  async *read(signal: AbortSignal | undefined): AsyncGenerator<ViewChange, void> {
    const abort = () => this.#notify();
    signal?.addEventListener('abort', abort);
    try {
      while (!signal?.aborted) {
        const [next] = this.#differences;
        if (next) {
          this.#differences.delete(next[0]);
          const change = toChange(next[1]);
          if (change) yield change;
          continue;
        }
        if (this.#end?.error) throw this.#end.error;
        if (this.#end) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function toChange({ before, after }: Difference): ViewChange | null {
  if (after) return { type: before ? 'changed' : 'added', record: after, before };
  return before && { type: 'removed', record: before, before };
}
