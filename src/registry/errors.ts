/** Every way in which the registry says no. The faces map a code to its HTTP status and gRPC code in one table. */
export type ErrorCode =
  | 'validation_error'
  | 'invalid_parameter'
  | 'invalid_version'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'service_not_found'
  | 'lease_mismatch'
  | 'service_gone'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'dependency_not_found'
  | 'rate_limit_exceeded'
  | 'internal_error'
  | 'service_unavailable'
  | 'outcome_unknown';

const retryableCodes: ReadonlySet<ErrorCode> = new Set([
  'rate_limit_exceeded',
  'service_unavailable',
  'outcome_unknown',
  'internal_error',
]);

export interface ErrorFacts {
  /** Path of the field that is wrong, such as `interfaces.REST`. */
  readonly field?: string | undefined;
  /** The value that was refused, shortened for the log and the answer. */
  readonly value?: unknown;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** An error with a stable code for programs and a message for people that names the fix. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly value: unknown;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message);
    this.code = code;
    this.field = facts.field;
    this.value = facts.value;
    this.details = facts.details;
    this.retryAfterSeconds = facts.retryAfterSeconds;
  }

  /** Whether the very same request may succeed later; repeating it is safe. */
  get retryable(): boolean {
    return retryableCodes.has(this.code);
  }
}
