import { matchesAs } from './filters.ts';
import type { Instance, RegistryEvent } from './machine.ts';
import { madeOnce } from './made-once.ts';
import type { ChangeEvent, WatchedRecord } from './records.ts';
import type { InstanceFilter } from './service.ts';
import { toRecord } from './views.ts';

/**
 * Whether an event is of interest to whoever watches by `filter`: the instance met the conditions after the change, or
 * before it. The latter tells a watcher that an instance left its selection.
 */
export function concerns({ type, instance, previous }: RegistryEvent, filter: InstanceFilter): boolean {
  const gone = type === 'deregistered' || type === 'expired';
  if (matchesAs(instance.registration, gone ? 'down' : instance.status, filter)) return true;
  return previous !== null && matchesAs(previous.registration, previous.status, filter);
}

/** Everybody who watches is woken by topics: an event wakes those of its own topics and nobody else (trap 38). */
export type Topic = string;

/** The narrowest topic that has every event that `filter` may be concerned with. */
export function topicOf({ service, dependency, tags }: InstanceFilter): Topic {
  if (service !== undefined) return `service ${service}`;
  if (dependency !== undefined) return `dependency ${dependency}`;
  const tag = tags?.[0];
  return tag === undefined ? 'all' : `tag ${tag}`;
}

/** Each topic once. */
export function topicsOf({ instance, previous }: RegistryEvent): ReadonlySet<Topic> {
  const topics = new Set<Topic>(['all', `service ${instance.registration.name}`]);
  for (const side of [instance, previous]) {
    for (const tag of side?.registration.metadata.tags ?? []) topics.add(`tag ${tag}`);
    for (const dependency of side?.registration.metadata.dependencies ?? []) topics.add(`dependency ${dependency}`);
  }
  return topics;
}

/** The event as every watcher sees it. One object for all of them, so that what is made of it can be kept, too. */
export const toChangeEvent = madeOnce(
  new WeakMap<RegistryEvent, ChangeEvent>(),
  (event: RegistryEvent): ChangeEvent => ({
    type: event.type,
    revision: event.revision,
    record: watchedRecord(event),
  }),
);

function watchedRecord({ type, revision, instance, previous }: RegistryEvent): WatchedRecord {
  const gone = type === 'deregistered' || type === 'expired';
  const record = { ...toRecord(instance), ...(gone ? { status: 'down' as const, revision } : {}) };
  return previous === null ? record : { ...record, changed: changedFields(instance, previous, gone) };
}

/** Names the parts of the record that a reader sees differ; times and numbers that change with every step are left out. */
function changedFields(instance: Instance, previous: Instance, gone: boolean): readonly string[] {
  const changed: string[] = [];
  if (gone || instance.status !== previous.status) changed.push('status');
  if (instance.leaseId !== previous.leaseId) changed.push('lease_id');
  const [after, before] = [instance.registration, previous.registration];
  for (const field of ['version', 'interfaces', 'metadata', 'ttl'] as const) {
    if (after !== before && JSON.stringify(after[field]) !== JSON.stringify(before[field])) changed.push(field);
  }
  return changed;
}
