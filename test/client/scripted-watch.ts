import type { InstanceRecord, Status, WatchEvent } from '../../src/registry/records.ts';
import type { WatchOptions, WatchQuery } from '../../src/registry/service.ts';
import { FakeRegistry } from '../api/fake-registry.ts';
import { waitFor } from '../process/wait-for.ts';

/** A registry whose watches say what the test says, to all that are open. */
export class ScriptedWatch extends FakeRegistry {
  readonly #open = new Set<(event: WatchEvent | Error) => void>();
  /** What a watch is told when it begins. */
  greeting: (query: WatchQuery) => readonly WatchEvent[] = () => [];

  get open(): number {
    return this.#open.size;
  }

  /** Waits until a watch is open, so that it hears what is said next. */
  async isWatched(times = 1): Promise<void> {
    await waitFor(() => (this.watches.length >= times && this.open > 0 ? true : undefined), {
      timeoutMs: 8_000,
      what: 'a watch',
      everyMs: 5,
    });
  }

  say(...events: readonly WatchEvent[]): void {
    for (const event of events) for (const hear of this.#open) hear(event);
  }

  /** Ends every watch with an error. */
  breakWith(error: Error): void {
    for (const hear of this.#open) hear(error);
  }

  override async *watch(query: WatchQuery, options: WatchOptions = {}): AsyncGenerator<WatchEvent, void> {
    if (this.failure) throw this.failure;
    const heard: (WatchEvent | Error)[] = [...this.greeting(query)];
    let wake = () => {};
    const hear = (event: WatchEvent | Error) => {
      heard.push(event);
      wake();
    };
    options.signal?.addEventListener('abort', () => wake());
    this.#open.add(hear);
    this.watches.push(query);
    try {
      while (!options.signal?.aborted) {
        const event = heard.shift();
        if (event instanceof Error) throw event;
        if (event) yield event;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.#open.delete(hear);
    }
  }
}

export function record(name: string, id: string, revision = 1, status: Status = 'up', tags?: string[]): InstanceRecord {
  return {
    name,
    id,
    version: '1.0.0',
    interfaces: { REST: `http://${id}:80` },
    metadata: tags ? { tags } : {},
    ttl: { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 },
    status,
    last_heartbeat: '2026-01-01T00:00:00.000Z',
    registered_at: '2026-01-01T00:00:00.000Z',
    revision,
    lease_id: 1,
  };
}

export const current = (...records: readonly InstanceRecord[]): readonly WatchEvent[] =>
  records.map((each) => ({ type: 'current', record: each }));
export const synced = (revision: number): WatchEvent => ({ type: 'synced', revision });
export const compacted = (revision: number): WatchEvent => ({ type: 'compacted', revision });
export const progress = (revision: number): WatchEvent => ({ type: 'progress', revision });
export const registered = (each: InstanceRecord): WatchEvent => ({
  type: 'registered',
  revision: each.revision,
  record: each,
});
export const turned = (each: InstanceRecord): WatchEvent => ({
  type: 'status',
  revision: each.revision,
  record: { ...each, changed: ['status'] },
});
export const gone = (each: InstanceRecord, revision: number): WatchEvent => ({
  type: 'expired',
  revision,
  record: { ...each, status: 'down', revision, changed: ['status'] },
});
