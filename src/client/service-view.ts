import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryError } from '../registry/errors.ts';
import { matchesAs } from '../registry/filters.ts';
import type { InstanceRecord, WatchEvent, WatchedRecord } from '../registry/records.ts';
import type { InstanceFilter, WatchOptions, WatchQuery } from '../registry/service.ts';
import { ChangeFeed, type ViewChange } from './change-feed.ts';
import { Ending, longestTimerMs } from './ending.ts';
import { InstanceTable } from './instance-table.ts';
import { Rotation } from './rotation.ts';

const defaultKeepMs = 300_000;

/** Between two watches that found no member, each of which has tried for the client's whole timeout. */
const againMs = 500;

export interface FollowOptions {
  /** Milliseconds for which the last known answer is given while no member can be reached; 5 minutes when absent. */
  readonly keepMs?: number | undefined;
  /** Closes the view. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * - `starting`: no answer yet
 * - `live`: the watch is open, and the view changes with the registry
 * - `stale`: the watch broke, or what came back is in doubt: the last known answer is given
 * - `failed`: the registry refused the watch
 * - `closed`
 */
export type ViewState = 'starting' | 'live' | 'stale' | 'failed' | 'closed';

/** What a view needs of its client. */
export interface Watchable {
  readonly closing: AbortSignal;
  watch(query: WatchQuery, options: WatchOptions, onBreak: () => void): AsyncIterable<WatchEvent>;
}

/**
 * The instances that match a filter, kept in memory by a watch. Reads cost no request. While no member can be reached the
 * last known answer is given, for a while, and `ageMs` says how old it is; an empty answer that is not confirmed never
 * replaces a full one.
 *
 * Its stream keeps the process alive: end it with `close`, or declare it with `using`.
 */
export class ServiceView implements AsyncIterable<ViewChange>, Disposable {
  readonly #watchable: Watchable;
  readonly #filter: InstanceFilter;
  /** Milliseconds for which the last known answer is given. */
  readonly keepMs: number;
  readonly #end = new AbortController();
  readonly #rotation = new Rotation();
  readonly #feeds = new Set<ChangeFeed>();
  readonly #waiting = new Set<() => void>();
  readonly #close = () => this.close();
  readonly #signals: readonly AbortSignal[];
  #state: ViewState = 'starting';
  #failure: unknown = null;
  /** What reads are answered from. */
  #served = new InstanceTable();
  /** Of which revision that is; `null` before the first answer. */
  #revision: number | null = null;
  /** A whole state that is arriving. It counts once all of it is there. */
  #arriving: InstanceTable | null = null;
  /**
   * An empty state of an earlier revision than the full one that is served: the registry lost its data, or is another one.
   * It is followed, and served once an instance is in it, or when the full one is too old.
   */
  #doubted: InstanceTable | null = null;
  #doubtTimer: NodeJS.Timeout | undefined;
  /** Where the watch goes on; `null` while no state was whole. */
  #position: number | null = null;
  /** Since then the answer may be out of date, on the clock of `performance.now`. */
  #staleSinceMs: number | null = null;

  /** @internal Made by `ManifestGrpcClient.follow`. */
  constructor(watchable: Watchable, filter: InstanceFilter, { keepMs = defaultKeepMs, signal }: FollowOptions) {
    if (!(keepMs >= 0)) {
      throw new RegistryError('invalid_parameter', 'keepMs must be a number of milliseconds, 0 or more.', {
        field: 'keepMs',
        value: keepMs,
      });
    }
    this.#watchable = watchable;
    this.#filter = filter;
    this.keepMs = keepMs;
    this.#signals = signal ? [signal, watchable.closing] : [watchable.closing];
    for (const each of this.#signals) each.addEventListener('abort', this.#close);
    if (this.#signals.some(({ aborted }) => aborted)) this.close();
    else void this.#run();
  }

  get state(): ViewState {
    return this.#state;
  }

  /** Milliseconds since the answer was last known to be level with the registry: 0 while live; `null` before the first one. */
  get ageMs(): number | null {
    if (this.#revision === null) return null;
    return this.#staleSinceMs === null ? 0 : performance.now() - this.#staleSinceMs;
  }

  /** The revision of the registry that it shows; `null` before the first answer. */
  get revision(): number | null {
    return this.#revision;
  }

  /** Instances in the view. @throws as `get` */
  get size(): number {
    return this.#answer().size;
  }

  /** Services that have an instance in the view, sorted. @throws as `get` */
  get names(): readonly string[] {
    return this.#answer().names;
  }

  /**
   * The instances of one service: those that are up first, then by id. Empty when there is none. A list is never changed.
   * @throws RegistryError `service_unavailable` before the first answer, and once the last one is older than `keepMs`
   */
  get(name: string): readonly InstanceRecord[] {
    return this.#answer().get(name);
  }

  /** The instances of all services, by name, then as `get`. @throws as `get` */
  all(): readonly InstanceRecord[] {
    const answer = this.#answer();
    return answer.names.flatMap((name) => answer.get(name));
  }

  /**
   * One instance of a service, in turn: of those that are up, or, where none is, of those that are `unknown`.
   * @returns `null` where there is none that could be well
   * @throws as `get`
   */
  pick(name: string): InstanceRecord | null {
    return this.#rotation.choose(this.get(name));
  }

  /**
   * Waits for the first answer.
   * @throws the registry's refusal of the watch, the signal's reason, or RegistryError `service_unavailable` after `timeoutMs`
   */
  async ready({
    timeoutMs,
    signal,
  }: {
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
  } = {}): Promise<this> {
    const ending = new Ending([signal], timeoutMs);
    try {
      while (this.#revision === null) {
        signal?.throwIfAborted();
        if (this.#state === 'failed') throw this.#failure;
        if (this.#state === 'closed') throw this.#noAnswer();
        if (ending.timedOut) {
          throw new RegistryError('service_unavailable', `No member answered the watch within ${timeoutMs} ms.`, {
            retryAfterSeconds: 1,
          });
        }
        await this.next(ending.signal);
      }
      return this;
    } finally {
      ending.release();
    }
  }

  /** Resolves when an instance or the state of the view changes next, or when the signal is aborted. */
  next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      if (signal?.aborted || this.#state === 'closed' || this.#state === 'failed') return resolve();
      this.#waiting.add(done);
      signal?.addEventListener('abort', done);
    });
  }

  /**
   * What changes in the view, beginning with the present instances as `added`. Several changes of one instance may come as
   * one. Ends when the view is closed or the signal aborted.
   * @throws the registry's refusal of the watch
   */
  async *changes(signal?: AbortSignal): AsyncGenerator<ViewChange, void> {
    const feed = new ChangeFeed();
    for (const record of this.#served) feed.note(null, record);
    if (this.#state === 'failed' || this.#state === 'closed') feed.end(this.#failure);
    this.#feeds.add(feed);
    try {
      yield* feed.read(signal);
    } finally {
      this.#feeds.delete(feed);
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<ViewChange, void> {
    return this.changes();
  }

  /** Ends the watch. Reads fail afterwards. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#finish('closed', this.#failure);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #finish(state: 'failed' | 'closed', failure: unknown): void {
    this.#state = state;
    this.#failure = failure;
    this.#staleSinceMs ??= performance.now();
    this.#end.abort();
    this.#forgetDoubt();
    for (const each of this.#signals) each.removeEventListener('abort', this.#close);
    for (const feed of this.#feeds) feed.end(failure);
    this.#notify();
  }

  #answer(): InstanceTable {
    const ageMs = this.ageMs;
    if (ageMs === null || this.#state === 'closed') throw this.#noAnswer();
    if (ageMs > this.keepMs) {
      if (!this.#doubted) throw this.#noAnswer();
      this.#believe();
    }
    return this.#served;
  }

  #noAnswer(): unknown {
    const why =
      this.#state === 'closed'
        ? 'This view is closed: follow again.'
        : this.#revision === null
          ? 'This view has no answer yet: await ready() before the first read.'
          : `The last known answer is ${Math.round((this.ageMs ?? 0) / 1_000)} s old, and keepMs is ${this.keepMs}: no member could be reached since.`;
    if (this.#state === 'failed') return this.#failure;
    return new RegistryError('service_unavailable', why, { retryAfterSeconds: 1 });
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        for await (const event of this.#watchable.watch(this.#query(), { signal }, () => this.#broken())) {
          if (signal.aborted) return;
          this.#take(event);
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#broken();
        if (!(error instanceof RegistryError) || !error.retryable) return this.#finish('failed', error);
      }
      await sleep(againMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    }
  }

  #query(): WatchQuery {
    this.#arriving = null;
    if (this.#position === null) return { ...this.#filter, initial: true };
    return { ...this.#filter, from: this.#position };
  }

  #broken(): void {
    this.#staleSinceMs ??= performance.now();
    if (this.#state === 'live') this.#turn('stale');
  }

  #take(event: WatchEvent): void {
    switch (event.type) {
      case 'compacted':
        this.#arriving = new InstanceTable();
        return;
      case 'current':
        this.#arriving ??= new InstanceTable();
        this.#arriving.set(event.record);
        return;
      case 'synced':
        this.#synced(this.#arriving ?? new InstanceTable(), event.revision);
        return;
      case 'progress':
        this.#level(event.revision);
        return;
      default:
        this.#change(event.record);
        this.#level(event.revision);
    }
  }

  #synced(whole: InstanceTable, revision: number): void {
    this.#arriving = null;
    this.#forgetDoubt();
    if (whole.size === 0 && this.#served.size > 0 && revision < (this.#revision ?? 0)) {
      this.#doubted = whole;
      this.#position = revision;
      this.#broken();
      const leftMs = this.keepMs - (this.ageMs ?? 0);
      this.#doubtTimer = setTimeout(() => this.#believe(), Math.min(Math.max(0, leftMs), longestTimerMs));
      return;
    }
    this.#replace(whole);
    this.#level(revision);
  }

  /** The state in doubt is the truth. */
  #believe(): void {
    const { position, whole } = { position: this.#position, whole: this.#doubted };
    this.#forgetDoubt();
    if (!whole || position === null || this.#end.signal.aborted) return;
    this.#replace(whole);
    this.#level(position);
  }

  #forgetDoubt(): void {
    this.#doubted = null;
    clearTimeout(this.#doubtTimer);
  }

  #change({ changed: _, status, ...facts }: WatchedRecord): void {
    const table = this.#doubted ?? this.#served;
    const { name, id } = facts;
    const before = table.find(name, id);
    const isMember = status !== 'down' && matchesAs(facts, status, this.#filter);
    const after = isMember ? { ...facts, status } : null;
    if (after) table.set(after);
    else table.delete(name, id);
    if (table === this.#served) this.#tell(before, after);
    else if (after) this.#believe();
  }

  #replace(whole: InstanceTable): void {
    const before = this.#served;
    this.#served = whole;
    for (const record of before) if (!whole.find(record.name, record.id)) this.#tell(record, null);
    for (const record of whole) {
      const known = before.find(record.name, record.id);
      if (known?.revision !== record.revision || known.lease_id !== record.lease_id) this.#tell(known, record);
    }
  }

  #tell(before: InstanceRecord | null, after: InstanceRecord | null): void {
    for (const feed of this.#feeds) feed.note(before, after);
    this.#notify();
  }

  /** Everything through this revision is known. */
  #level(revision: number): void {
    this.#position = revision;
    if (this.#doubted) return;
    this.#revision = revision;
    this.#staleSinceMs = null;
    this.#turn('live');
  }

  #turn(state: ViewState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#notify();
  }

  #notify(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
