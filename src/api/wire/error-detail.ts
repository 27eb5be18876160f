import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { RegistryError } from '../../registry/errors.ts';
import { errorTable, isErrorCode } from '../error-table.ts';
import { messageOf } from './protocol.ts';
import { fromStruct, fromValue, type StructMessage, toStruct, toValue, type ValueMessage } from './struct.ts';

/** The trailer of gRPC's richer error model: a serialized `google.rpc.Status`. */
const detailsKey = 'grpc-status-details-bin';
const detailType = 'type.googleapis.com/manifest.v1.ErrorDetail';

/** `manifest.v1.ErrorDetail` */
export interface ErrorDetail {
  readonly error: string;
  readonly message: string;
  readonly field?: string;
  readonly value?: ValueMessage | null;
  readonly details?: StructMessage | null;
  readonly request_id: string;
  readonly retryable: boolean;
  readonly retry_after_seconds?: number;
}

interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly type_url: string; readonly value: Buffer }[];
}

const errorDetail = messageOf<ErrorDetail>('manifest.v1.ErrorDetail');
const rpcStatus = messageOf<RpcStatus>('google.rpc.Status');

export function toErrorDetail(error: RegistryError, requestId: string): ErrorDetail {
  const { code, message, field, value, details, retryable, retryAfterSeconds } = error;
  return {
    error: code,
    message,
    ...(field === undefined ? {} : { field }),
    ...(value === undefined ? {} : { value: toValue(value) }),
    ...(details === undefined ? {} : { details: toStruct(details) }),
    request_id: requestId,
    retryable,
    ...(retryAfterSeconds === undefined ? {} : { retry_after_seconds: retryAfterSeconds }),
  };
}

/** @returns `null` for a code that this version does not know */
export function fromErrorDetail(detail: ErrorDetail): RegistryError | null {
  if (!isErrorCode(detail.error)) return null;
  return new RegistryError(detail.error, detail.message, {
    field: detail.field,
    value: detail.value ? fromValue(detail.value, 'value') : undefined,
    details: detail.details ? fromStruct(detail.details, 'details') : undefined,
    retryAfterSeconds: detail.retry_after_seconds,
  });
}

/** How a call ends with this error. */
export function toStatus(error: RegistryError, requestId: string): StatusObject {
  const code = errorTable[error.code].grpc;
  const value = errorDetail.serialize(toErrorDetail(error, requestId));
  const metadata = new Metadata();
  metadata.set('x-request-id', requestId);
  metadata.set(
    detailsKey,
    rpcStatus.serialize({ code, message: error.message, details: [{ type_url: detailType, value }] }),
  );
  return { code, details: error.message, metadata };
}

/** The registry's own error behind a failed call; `null` when the call did not reach it, or no detail came back. */
export function fromTrailer(trailer: Metadata): RegistryError | null {
  const [bytes] = trailer.get(detailsKey);
  if (!Buffer.isBuffer(bytes)) return null;
  try {
    const detail = rpcStatus.deserialize(bytes).details.find(({ type_url }) => type_url === detailType);
    return detail ? fromErrorDetail(errorDetail.deserialize(detail.value)) : null;
  } catch {
    // Not ours: the code of the call says what can be said.
    return null;
  }
}
