import type { Instance } from './machine.ts';
import type { QueryableStatus, Registration } from './records.ts';
import type { InstanceFilter } from './service.ts';

/** Whether an instance meets every condition of the filter. */
export function matches({ registration, status }: Instance, filter: InstanceFilter): boolean {
  return matchesAs(registration, status, filter);
}

/** As `matches`, for an instance in the status that it is asked about: one that is no longer listed is `down`. */
export function matchesAs(registration: Registration, status: QueryableStatus, filter: InstanceFilter): boolean {
  const { name, id, interfaces, metadata } = registration;
  if (filter.service !== undefined && filter.service !== name) return false;
  if (filter.status !== undefined && filter.status !== status) return false;
  if (filter.instance_id !== undefined && filter.instance_id !== id) return false;
  if (filter.name !== undefined && !name.startsWith(filter.name)) return false;
  if (filter.environment !== undefined && filter.environment !== metadata.environment) return false;
  if (filter.interface !== undefined && !Object.hasOwn(interfaces, filter.interface)) return false;
  if (filter.dependency !== undefined && !metadata.dependencies?.includes(filter.dependency)) return false;
  return filter.tags?.every((tag) => metadata.tags?.includes(tag) === true) ?? true;
}
