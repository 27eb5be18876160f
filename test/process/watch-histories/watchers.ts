import type { ManifestGrpcClient } from '../../../src/client/index.ts';
import { openEvents, type SentEvent } from '../../event-source.ts';
import { type Change, isChange, type Part, toChange } from './change.ts';

/** What all watchers saw, kept once: they must agree on what happened at a revision. */
export class Sightings {
  readonly #texts = new Map<number, string>();
  readonly violations: string[] = [];

  saw(watcher: string, { revision, text }: Change): void {
    const known = this.#texts.get(revision);
    if (known === undefined) this.#texts.set(revision, text);
    else if (known !== text) this.violation(`${watcher} saw "${text}" at ${revision}, another "${known}"`);
  }

  get texts(): ReadonlyMap<number, string> {
    return this.#texts;
  }

  violation(text: string): void {
    if (this.violations.length < 50) this.violations.push(text);
  }
}

/** Watches one part of the registry from some revision on, whatever happens to its connections. */
export interface HistoryWatcher {
  readonly label: string;
  readonly part: Part;
  /** It is to see everything after this; `null` as long as no member has told it where it begins. */
  readonly from: number | null;
  /** Of every change that it heard of, in the order of their arrival. */
  readonly revisions: readonly number[];
  /** Streams that were opened after the first. */
  readonly resumptions: number;
  readonly done: Promise<void>;
}

export interface WatcherPlan {
  readonly label: string;
  readonly part: Part;
  /** `null`: from whenever the registry lets it in. */
  readonly from: number | null;
}

/** Over Server-Sent Events. Goes on at the next member when a stream ends, as an EventSource would. */
export class SseWatcher implements HistoryWatcher {
  readonly label: string;
  readonly part: Part;
  readonly done: Promise<void>;
  readonly revisions: number[] = [];
  readonly #sightings: Sightings;
  readonly #urls: readonly string[];
  readonly #resumesBy: 'header' | 'address';
  #from: number | null;
  #lastEventId: number | null;
  #streams = 0;

  /** @param urls in the order in which they are tried */
  constructor(
    { label, part, from }: WatcherPlan,
    urls: readonly string[],
    resumesBy: 'header' | 'address',
    sightings: Sightings,
    signal: AbortSignal,
  ) {
    this.label = label;
    this.part = part;
    this.#from = from;
    this.#lastEventId = from;
    this.#urls = urls;
    this.#resumesBy = resumesBy;
    this.#sightings = sightings;
    this.done = this.#run(signal);
  }

  get from(): number | null {
    return this.#from;
  }

  get resumptions(): number {
    return Math.max(0, this.#streams - 1);
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn++) {
      try {
        const stream = await openEvents(this.#address(turn), signal, this.#headers());
        if (stream.status === 200) {
          this.#streams++;
          for await (const event of stream.events) this.#take(event);
        }
      } catch {
        // Cut off: the next member knows as much.
      }
      await pauseBriefly(signal);
    }
  }

  #address(turn: number): string {
    const query = new URLSearchParams();
    if (this.part.service !== undefined) query.set('service', this.part.service);
    if (this.part.tag !== undefined) query.set('tag', this.part.tag);
    if (this.#resumesBy === 'address' && this.#lastEventId !== null) query.set('from', String(this.#lastEventId));
    return `${this.#urls[turn % this.#urls.length]}/v1/watch?${query}`;
  }

  #headers(): Record<string, string> {
    return this.#resumesBy === 'header' && this.#lastEventId !== null
      ? { 'last-event-id': String(this.#lastEventId) }
      : {};
  }

  #take({ id, event, data }: SentEvent): void {
    if (id !== null) {
      this.#lastEventId = id;
      this.#from ??= isChange(event) ? id - 1 : id;
    }
    if (isChange(event)) {
      this.revisions.push(id ?? 0);
      this.#sightings.saw(this.label, toChange(event, id ?? 0, data));
    } else if (event !== 'progress' && event !== 'closed') {
      this.#sightings.violation(`${this.label} was sent "${event}", which it did not ask for`);
    }
  }
}

/** Over gRPC, with the TypeScript client, which goes on at another member by itself. */
export class GrpcWatcher implements HistoryWatcher {
  readonly label: string;
  readonly part: Part;
  readonly from: number;
  readonly done: Promise<void>;
  readonly revisions: number[] = [];
  /** The client does not tell. */
  readonly resumptions = 0;

  constructor(
    { label, part, from }: WatcherPlan & { readonly from: number },
    client: ManifestGrpcClient,
    sightings: Sightings,
    signal: AbortSignal,
  ) {
    this.label = label;
    this.part = part;
    this.from = from;
    this.done = this.#run(client, sightings, signal);
  }

  async #run(client: ManifestGrpcClient, sightings: Sightings, signal: AbortSignal): Promise<void> {
    const { service, tag } = this.part;
    const query = { service, tags: tag === undefined ? undefined : [tag], from: this.from };
    try {
      for await (const event of client.watch(query, { signal })) {
        if (event.type === 'progress') continue;
        if (isChange(event.type) && 'record' in event && 'revision' in event) {
          this.revisions.push(event.revision);
          sightings.saw(this.label, toChange(event.type, event.revision, event.record));
        } else sightings.violation(`${this.label} was sent "${event.type}", which it did not ask for`);
      }
    } catch (error) {
      if (!signal.aborted) sightings.violation(`${this.label} gave up: ${String(error)}`);
    }
  }
}

/** A crowd does not come back all in one breath. */
async function pauseBriefly(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 180));
}
