import { cursorAfter } from '../../registry/cursor.ts';
import type { HeartbeatsResult, InstanceRecord, Metadata } from '../../registry/records.ts';
import type { InstanceFilter, InstancePage, ListQuery, ReadAnswer, ReadOptions } from '../../registry/service.ts';
import type { RegistrationBody } from '../../registry/validation.ts';
import type { ErrorDetail } from './error-detail.ts';
import { fromStruct, type StructMessage, toStruct } from './struct.ts';

/** The messages of `proto/registry.proto` that are not the registry's own shapes, and the way between the two. */

export interface RegisterRequest {
  readonly name?: string | undefined;
  readonly id?: string | undefined;
  readonly version?: string | undefined;
  readonly interfaces: Readonly<Record<string, string>>;
  readonly metadata?: StructMessage | null | undefined;
  readonly ttl?: TtlMessage | null | undefined;
}

interface TtlMessage {
  readonly heartbeat_interval?: number | undefined;
  readonly unhealthy_after?: number | undefined;
  readonly remove_after?: number | undefined;
}

export interface TargetMessage {
  readonly name?: string;
  readonly id?: string;
  readonly lease_id?: number | undefined;
}

export interface HeartbeatsRequest {
  readonly instances: readonly TargetMessage[];
}

export interface HeartbeatsResponse extends HeartbeatsResult {
  readonly error?: ErrorDetail | null | undefined;
}

export interface FilterMessage {
  readonly status?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly environment?: string | undefined;
  readonly dependency?: string | undefined;
  readonly interface?: string | undefined;
  readonly instance_id?: string | undefined;
  readonly version?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

interface HoldMessage {
  readonly hold_after?: number | undefined;
  readonly hold_ms?: number | undefined;
}

export interface GetServiceRequest extends HoldMessage {
  readonly name?: string;
  readonly filter?: FilterMessage | null;
  readonly consistency?: string | undefined;
}

export interface ListServicesRequest extends HoldMessage {
  readonly filter?: FilterMessage | null;
  readonly name?: string | undefined;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly cursor?: string | undefined;
  readonly consistency?: string | undefined;
}

export type InstanceMessage = Omit<InstanceRecord, 'metadata'> & { readonly metadata: StructMessage | null };

export interface InstancesResponse {
  readonly instances: readonly InstanceMessage[];
  readonly total: number;
  readonly revision: number;
  readonly leader?: string | undefined;
  readonly staleness_ms?: number | undefined;
  readonly next_cursor?: string | undefined;
}

export function toRegisterRequest(body: RegistrationBody): RegisterRequest {
  const { name, id, version, interfaces, metadata, ttl } = body;
  return { name, id, version, interfaces, metadata: metadata && toStruct(metadata), ttl };
}

/** What the sender said, for the validation. @throws RegistryError `validation_error` for what JSON cannot say */
export function fromRegisterRequest({ metadata, ttl, ...request }: RegisterRequest): unknown {
  return {
    ...request,
    ...(metadata ? { metadata: fromStruct(metadata, 'metadata') } : {}),
    ...(ttl ? { ttl } : {}),
  };
}

export function toGetServiceRequest(name: string, filter: InstanceFilter, options: ReadOptions): GetServiceRequest {
  return { name, filter: toFilter(filter), consistency: options.consistency, ...toHold(options) };
}

export function toListServicesRequest(query: ListQuery, options: ReadOptions): ListServicesRequest {
  const { name, limit, offset, after } = query;
  const page = after ? { cursor: after.name === '' ? '' : cursorAfter(after) } : { offset };
  return { filter: toFilter(query), name, limit, ...page, consistency: options.consistency, ...toHold(options) };
}

function toHold({ hold }: ReadOptions): HoldMessage {
  return hold ? { hold_after: hold.after, hold_ms: hold.waitMs } : {};
}

/** The hold in the form of a query string, as `fromFilter`. */
export function fromHold({ hold_after, hold_ms }: HoldMessage): Record<string, unknown> {
  return {
    ...(hold_after === undefined ? {} : { index: hold_after }),
    ...(hold_ms === undefined ? {} : { wait: `${hold_ms}ms` }),
  };
}

export function toFilter(filter: InstanceFilter): FilterMessage {
  const { status, tags, environment, dependency, interface: type, instance_id, version, metadata } = filter;
  return { status, tags, environment, dependency, interface: type, instance_id, version, metadata };
}

/** The conditions in the form of a query string, so that one validation serves both faces. */
export function fromFilter(filter: FilterMessage | null | undefined): Record<string, unknown> {
  if (!filter) return {};
  const { tags, metadata = {}, ...others } = filter;
  const conditions = Object.entries(metadata).map(([key, value]) => [`metadata.${key}`, value]);
  return { ...others, ...(tags && tags.length > 0 ? { tag: tags } : {}), ...Object.fromEntries(conditions) };
}

export function toInstancesResponse(answer: ReadAnswer<InstancePage>): InstancesResponse {
  const { value, revision, leader, staleness_ms } = answer;
  return {
    instances: value.instances.map(toInstance),
    total: value.total,
    revision,
    ...(leader === null ? {} : { leader }),
    ...(staleness_ms === null ? {} : { staleness_ms }),
    ...(value.next === null ? {} : { next_cursor: value.next }),
  };
}

export function fromInstancesResponse(response: InstancesResponse): ReadAnswer<InstancePage> {
  return {
    value: {
      instances: response.instances.map(fromInstance),
      total: response.total,
      next: response.next_cursor ?? null,
    },
    revision: response.revision,
    leader: response.leader ?? null,
    staleness_ms: response.staleness_ms ?? null,
  };
}

export function toInstance<T extends { readonly metadata: Metadata }>(
  record: T,
): Omit<T, 'metadata'> & { readonly metadata: StructMessage } {
  return { ...record, metadata: toStruct(record.metadata) };
}

export function fromInstance(message: InstanceMessage): InstanceRecord {
  // Named one by one: the order of the fields in the message's class is not that of the record's JSON.
  const { name, id, version, interfaces, metadata, ttl, status, last_heartbeat, registered_at, revision, lease_id } =
    message;
  return {
    name,
    id,
    version,
    interfaces,
    metadata: metadata ? fromStruct(metadata, 'metadata') : {},
    ttl,
    status,
    last_heartbeat,
    registered_at,
    revision,
    lease_id,
  };
}
