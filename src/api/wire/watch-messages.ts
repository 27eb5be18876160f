import { madeOnce } from '../../registry/made-once.ts';
import type { ChangeEvent, WatchEvent } from '../../registry/records.ts';
import type { WatchOptions, WatchQuery } from '../../registry/service.ts';
import {
  type FilterMessage,
  fromFilter,
  fromInstance,
  type InstanceMessage,
  toFilter,
  toInstance,
} from './messages.ts';

/** The messages of `Watch` in `proto/registry.proto`, and the way between them and the registry's own shapes. */

export interface WatchRequest {
  readonly filter?: FilterMessage | null | undefined;
  readonly name?: string | undefined;
  readonly service?: string | undefined;
  readonly from?: number | undefined;
  readonly initial?: boolean | undefined;
  readonly consistency?: string | undefined;
}

type WatchedMessage = Omit<InstanceMessage, 'status'> & { readonly status: string };

export interface WatchEventMessage {
  readonly type: WatchEvent['type'];
  readonly revision: number;
  readonly instance?: WatchedMessage | null | undefined;
  readonly changed: readonly string[];
}

export function toWatchRequest(query: WatchQuery, options: WatchOptions): WatchRequest {
  const { name, service, from, initial } = query;
  return { filter: toFilter(query), name, service, from, initial, consistency: options.consistency };
}

/** The request in the form of a query string, so that one validation serves both faces. */
export function fromWatchRequest({ filter, consistency: _, ...request }: WatchRequest): Record<string, unknown> {
  return { ...fromFilter(filter), ...request };
}

/** A change is the same object for everybody who watches it, so its message is made once, and one object, too. */
const toChangeMessage = madeOnce(
  new WeakMap<ChangeEvent, WatchEventMessage>(),
  ({ type, revision, record: { changed = [], ...record } }: ChangeEvent): WatchEventMessage => ({
    type,
    revision,
    instance: toInstance(record),
    changed,
  }),
);

export function toWatchEvent(event: WatchEvent): WatchEventMessage {
  if (event.type === 'current') {
    return { type: event.type, revision: 0, instance: toInstance(event.record), changed: [] };
  }
  if (!('record' in event)) return { type: event.type, revision: event.revision, changed: [] };
  return toChangeMessage(event);
}

/** @throws Error for a message that no registry sends */
export function fromWatchEvent({ type, revision, instance, changed }: WatchEventMessage): WatchEvent {
  if (type === 'synced' || type === 'compacted' || type === 'progress') return { type, revision };
  if (!instance) throw new Error(`An event of the kind '${type}' carries no instance.`);
  const record = fromInstance(instance as InstanceMessage);
  if (type === 'current') return { type, record };
  const parts = type === 'registered' ? {} : { changed };
  return { type, revision, record: { ...record, ...parts } };
}
