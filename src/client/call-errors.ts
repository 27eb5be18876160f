import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { fromTrailer } from '../api/wire/error-detail.ts';
import { type ErrorCode, RegistryError } from '../registry/errors.ts';

/** What a failed attempt means for the call. */
export interface AttemptFailure {
  readonly error: RegistryError;
  /** The registry said so itself; otherwise the transport did. */
  readonly fromRegistry: boolean;
  /** Another member, or the same one later, may do better. */
  readonly worthAnother: boolean;
  /** The request may have been carried out though the attempt failed. */
  readonly mayHaveHappened: boolean;
}

const codeOfStatus: Readonly<Partial<Record<grpcStatus, ErrorCode>>> = {
  [grpcStatus.INVALID_ARGUMENT]: 'validation_error',
  [grpcStatus.NOT_FOUND]: 'service_not_found',
  [grpcStatus.UNAUTHENTICATED]: 'unauthorized',
  [grpcStatus.PERMISSION_DENIED]: 'forbidden',
  [grpcStatus.UNIMPLEMENTED]: 'not_found',
  [grpcStatus.UNAVAILABLE]: 'service_unavailable',
  [grpcStatus.CANCELLED]: 'service_unavailable',
  [grpcStatus.DEADLINE_EXCEEDED]: 'service_unavailable',
};

/** Reads a failed call: the registry's own error where it came back, else what the transport says. */
export function readFailure(failed: ServiceError, endpoint: string): AttemptFailure {
  const own = failed.metadata ? fromTrailer(failed.metadata) : null;
  if (own) {
    const { code } = own;
    return {
      error: own,
      fromRegistry: true,
      worthAnother: code === 'service_unavailable' || code === 'outcome_unknown',
      mayHaveHappened: code === 'outcome_unknown',
    };
  }
  const code = codeOf(failed);
  const error = new RegistryError(code, `${endpoint}: ${failed.details || failed.message}.`);
  const worthAnother = code === 'service_unavailable';
  return { error, fromRegistry: false, worthAnother, mayHaveHappened: worthAnother && !neverSent(failed) };
}

function codeOf({ code, details }: ServiceError): ErrorCode {
  if (code === grpcStatus.RESOURCE_EXHAUSTED) {
    return /larger than max/.test(details) ? 'payload_too_large' : 'rate_limit_exceeded';
  }
  return codeOfStatus[code] ?? 'internal_error';
}

/** The library says so only in words: there was no connection to send on. */
function neverSent({ code, details }: ServiceError): boolean {
  return code === grpcStatus.UNAVAILABLE && /^(No connection established|Name resolution failed)/.test(details);
}
