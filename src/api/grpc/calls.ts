import type { Metadata, MethodDefinition, ServerUnaryCall, sendUnaryData, UntypedHandleCall } from '@grpc/grpc-js';
import { status as grpcStatus, Metadata as MetadataClass } from '@grpc/grpc-js';
import { RegistryError } from '../../registry/errors.ts';
import type { CallOptions } from '../../registry/service.ts';
import type { AdmissionGate, RequestKind } from '../admission.ts';
import { bearerToken } from '../auth.ts';
import { asRegistryError, errorTable } from '../error-table.ts';
import type { FaceLimits, FaceOptions } from '../face.ts';
import { requestIdFrom, requestIdHeader } from '../request-id.ts';
import { toStatus } from '../wire/error-detail.ts';

/** What every call passes through. */
export interface CallContext extends FaceOptions {
  readonly limits: FaceLimits;
  readonly gate: AdmissionGate;
  /** Throws `unauthorized` unless the header allows to write. */
  readonly guard: (authorization: string | undefined) => void;
  /** Aborted when the server begins to stop: streams end then. */
  readonly closing: AbortSignal;
}

export interface CallRules {
  /** Name of the method, for the metrics. */
  readonly name: string;
  readonly writes: boolean;
  /** `null`: answered even when there are too many calls. */
  readonly admission: RequestKind | null;
}

/** What a handler may ask of its call beside the message. */
export interface UnaryCall {
  /** Aborted when the client is gone, its time is over, or the server closes. */
  endSignal(): AbortSignal;
}

/** A request that was refused before its message could be made, and why. */
export class Undecodable {
  readonly error: RegistryError;

  constructor(error: RegistryError) {
    this.error = error;
  }
}

/**
 * Hands on what cannot be decoded, and what is too long, to be answered as other mistakes are: the library would call the
 * one an internal error, and say of the other nothing that a program could read.
 */
export function tolerant<Request, Response>(
  method: MethodDefinition<Request, Response>,
  limitBytes: number,
): MethodDefinition<Request | Undecodable, Response> {
  return {
    ...method,
    requestSerialize: method.requestSerialize as (request: Request | Undecodable) => Buffer,
    requestDeserialize(bytes) {
      if (bytes.length > limitBytes) return new Undecodable(tooLong(bytes.length, limitBytes));
      try {
        return method.requestDeserialize(bytes);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return new Undecodable(
          new RegistryError('validation_error', `The request is not a message of its type: ${reason}.`),
        );
      }
    },
  };
}

function tooLong(sizeBytes: number, limit_bytes: number): RegistryError {
  return new RegistryError(
    'payload_too_large',
    `The message has ${sizeBytes} bytes; at most ${limit_bytes} are taken.`,
    { details: { limit_bytes } },
  );
}

/** @throws RegistryError `validation_error` or `payload_too_large` */
export function decoded<Request>(request: Request | Undecodable): Request {
  if (request instanceof Undecodable) throw request.error;
  return request;
}

/** What a call says about itself beside its message. */
export function callOptionsOf(metadata: Metadata, deadline: Date | number, passTokenOn: boolean): CallOptions {
  const deadlineMs = Number(deadline);
  return {
    requestId: requestIdFrom(first(metadata, requestIdHeader)),
    authToken: passTokenOn ? (bearerToken(first(metadata, 'authorization')) ?? undefined) : undefined,
    // A deadline that has passed is left to the registry to fail by: it alone knows whether something happened.
    timeoutMs: Number.isFinite(deadlineMs) ? Math.max(1, deadlineMs - Date.now()) : undefined,
  };
}

export function first(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}

/** Makes the handler of a call with one request and one response. */
export function unary<Request, Response>(
  context: CallContext,
  rules: CallRules,
  answer: (request: Request, options: CallOptions, call: UnaryCall) => Promise<Response>,
  isHeld: (request: Request) => boolean = () => false,
): UntypedHandleCall {
  return (call: ServerUnaryCall<Request | Undecodable, Response>, callback: sendUnaryData<Response>): void => {
    const options = callOptionsOf(call.metadata, call.getDeadline(), context.passTokenOn);
    const work = async () => {
      if (rules.writes) context.guard(first(call.metadata, 'authorization'));
      const request = decoded(call.request);
      // Calls that are held wait for long and have a limit of their own.
      const admission = isHeld(request) ? null : rules.admission;
      const leave = admission === null ? () => {} : context.gate.enter(admission);
      const end = new EndOfCall(call, context.closing);
      try {
        return await answer(request, options, end);
      } finally {
        end.forget();
        leave();
      }
    };
    work().then(
      (response) => {
        context.metrics?.grpcAnswered(rules.name, grpcStatus.OK);
        const trailer = new MetadataClass();
        trailer.set(requestIdHeader, options.requestId ?? '');
        callback(null, response, trailer);
      },
      (thrown: unknown) => {
        callback(failure(context, rules.name, thrown, options.requestId ?? ''));
      },
    );
  };
}

/** Listens for the end of a call only once somebody wants to know of it. */
class EndOfCall implements UnaryCall {
  readonly #call: ServerUnaryCall<unknown, unknown>;
  readonly #closing: AbortSignal;
  #end: AbortController | null = null;
  readonly #abort = () => this.#end?.abort();

  constructor(call: ServerUnaryCall<unknown, unknown>, closing: AbortSignal) {
    this.#call = call;
    this.#closing = closing;
  }

  endSignal(): AbortSignal {
    if (this.#end) return this.#end.signal;
    this.#end = new AbortController();
    this.#call.on('cancelled', this.#abort);
    this.#closing.addEventListener('abort', this.#abort);
    if (this.#call.cancelled || this.#closing.aborted) this.#abort();
    return this.#end.signal;
  }

  forget(): void {
    if (!this.#end) return;
    this.#call.off('cancelled', this.#abort);
    this.#closing.removeEventListener('abort', this.#abort);
  }
}

/** Counts and logs an error, and says how a call ends with it. */
export function failure(context: CallContext, method: string, thrown: unknown, requestId: string) {
  const error = asRegistryError(thrown);
  if (error.code === 'internal_error') context.logger.error({ err: thrown, requestId, method }, 'a call failed inside');
  context.metrics?.grpcAnswered(method, errorTable[error.code].grpc);
  return toStatus(error, requestId);
}
