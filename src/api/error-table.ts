import { status as grpcStatus } from '@grpc/grpc-js';
import { type ErrorCode, RegistryError } from '../registry/errors.ts';

interface FaceCodes {
  readonly http: number;
  readonly grpc: grpcStatus;
}

/** What each error is called in HTTP and in gRPC. The only such table. */
export const errorTable: Readonly<Record<ErrorCode, FaceCodes>> = {
  validation_error: { http: 400, grpc: grpcStatus.INVALID_ARGUMENT },
  invalid_parameter: { http: 400, grpc: grpcStatus.INVALID_ARGUMENT },
  invalid_version: { http: 422, grpc: grpcStatus.INVALID_ARGUMENT },
  unauthorized: { http: 401, grpc: grpcStatus.UNAUTHENTICATED },
  forbidden: { http: 403, grpc: grpcStatus.PERMISSION_DENIED },
  not_found: { http: 404, grpc: grpcStatus.UNIMPLEMENTED },
  method_not_allowed: { http: 405, grpc: grpcStatus.UNIMPLEMENTED },
  service_not_found: { http: 404, grpc: grpcStatus.NOT_FOUND },
  lease_mismatch: { http: 409, grpc: grpcStatus.FAILED_PRECONDITION },
  service_gone: { http: 410, grpc: grpcStatus.FAILED_PRECONDITION },
  payload_too_large: { http: 413, grpc: grpcStatus.RESOURCE_EXHAUSTED },
  unsupported_media_type: { http: 415, grpc: grpcStatus.INVALID_ARGUMENT },
  dependency_not_found: { http: 422, grpc: grpcStatus.FAILED_PRECONDITION },
  rate_limit_exceeded: { http: 429, grpc: grpcStatus.RESOURCE_EXHAUSTED },
  internal_error: { http: 500, grpc: grpcStatus.INTERNAL },
  service_unavailable: { http: 503, grpc: grpcStatus.UNAVAILABLE },
  outcome_unknown: { http: 504, grpc: grpcStatus.DEADLINE_EXCEEDED },
};

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorTable, text);
}

/** Seconds that a client should wait before it asks again; `null` where waiting does not help. */
export function retryAfterSeconds({ code, retryAfterSeconds: asked }: RegistryError): number | null {
  const { http } = errorTable[code];
  return http === 429 || http === 503 ? Math.max(1, Math.ceil(asked ?? 1)) : null;
}

/** An error as every face shows it. */
export interface ErrorBody {
  readonly error: ErrorCode;
  readonly message: string;
  readonly field?: string;
  readonly value?: unknown;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly request_id: string;
  readonly retryable: boolean;
}

/** The contract's answer. A few facts that it names beside the message stand at the top level too. */
export function errorBody(error: RegistryError, requestId: string): ErrorBody & Readonly<Record<string, unknown>> {
  const { code, message, field, value, details, retryable } = error;
  const { missing_dependencies, deregistered_at } = details ?? {};
  return {
    error: code,
    message,
    ...(field === undefined ? {} : { field }),
    ...(value === undefined ? {} : { value }),
    ...(details === undefined ? {} : { details }),
    ...(missing_dependencies === undefined ? {} : { missing_dependencies }),
    ...(deregistered_at === undefined ? {} : { deregistered_at }),
    request_id: requestId,
    retryable,
  };
}

/** Whatever was thrown, as an error that may be shown: the inside of an unexpected one stays in the log. */
export function asRegistryError(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;
  return new RegistryError(
    'internal_error',
    'Something went wrong inside the registry. The log has the cause, under this request id.',
  );
}
