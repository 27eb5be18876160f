import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  type ClientDuplexStream,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { RegistryError } from '../registry/errors.ts';
import type { CallOptions } from '../registry/service.ts';
import { type AttemptFailure, readFailure } from './call-errors.ts';
import { Endpoints } from './endpoints.ts';

const defaultTimeoutMs = 10_000;

/** Times that a call goes round all members before it gives up. */
const maxRounds = 3;

/** Between two rounds: doubled each time, and drawn from the upper half, so that many clients do not come at once. */
const firstWaitMs = 100;

/** A stream that finds no member tries on, with waits that stop growing after so many rounds. */
const maxStreamWaitRounds = 5;

/** With several members, one that does not answer gets at most this share of the time that is left. */
const attemptShare = 0.5;

/** What of an answer's way may be repeated. */
export interface CallRules<Response = never> {
  readonly writes: boolean;
  /** Milliseconds for which the registry may hold the answer back; they come on top of every time limit. */
  readonly heldMs?: number | undefined;
  /** Reads an error as success, when an attempt before it may have succeeded unseen. */
  doneAlready?(error: RegistryError): Response | null;
  /** Called when an attempt failed that may be carried out all the same, also after one that succeeds. */
  mayHappenTwice?(): void;
}

/** A stream of requests and answers at one member. */
export interface Duplex<Request, Response> {
  readonly address: string;
  readonly stream: ClientDuplexStream<Request, Response>;
}

export interface ClientCallOptions extends CallOptions {
  /** Ends the call; it fails with the signal's reason then. A write that was sent may have happened all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** Carries calls to one member after another until one answers. */
export class Caller {
  readonly #endpoints: Endpoints;
  readonly #authToken: string | null;
  readonly #timeoutMs: number;
  /**
   * One for each call under way, to end it by. Not an `Ending` that follows `#closing`: a signal keeps its listeners in a
   * list that it walks whenever one is added or removed, and ten thousand calls at once would be quadratic.
   */
  readonly #underWay = new Set<AbortController>();
  readonly #closing = new AbortController();

  constructor(addresses: readonly string[], authToken: string | null, timeoutMs = defaultTimeoutMs) {
    this.#endpoints = new Endpoints(addresses);
    this.#authToken = authToken;
    this.#timeoutMs = timeoutMs;
    // Every stream of this client listens.
    setMaxListeners(0, this.#closing.signal);
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  get memberCount(): number {
    return this.#endpoints.count;
  }

  /** Aborted when this client is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Ends the calls under way, as if no member had answered them, and refuses others. */
  close(): void {
    this.#closing.abort();
    for (const stop of this.#underWay) stop.abort();
    this.#endpoints.close();
  }

  /**
   * @throws RegistryError the registry's own, or `service_unavailable` or `outcome_unknown` where none answered
   * @throws the reason of `options.signal`, once that is aborted
   */
  async call<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    options: ClientCallOptions,
    rules: CallRules<Response>,
  ): Promise<Response> {
    const { signal } = options;
    signal?.throwIfAborted();
    const stop = new AbortController();
    const abort = () => stop.abort();
    signal?.addEventListener('abort', abort);
    this.#underWay.add(stop);
    try {
      return await this.#attempts(method, request, options, rules, stop.signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      this.#underWay.delete(stop);
      signal?.removeEventListener('abort', abort);
    }
  }

  async #attempts<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    options: CallOptions,
    rules: CallRules<Response>,
    stop: AbortSignal,
  ): Promise<Response> {
    const heldMs = rules.heldMs ?? 0;
    const deadlineMs = performance.now() + (options.timeoutMs ?? this.#timeoutMs) + heldMs;
    const metadata = this.#metadata(options);
    let mayHaveHappened = false;
    let last: AttemptFailure | null = null;
    for (let attempt = 0; attempt < maxRounds * this.#endpoints.count; attempt++) {
      if (!(await this.#waitTurn(attempt, deadlineMs, stop)) || this.#closed) break;
      const { address, client } = this.#endpoints.current();
      try {
        return await unary(client, method, request, metadata, this.#attemptMs(deadlineMs, heldMs), stop);
      } catch (thrown) {
        last = readFailure(thrown as ServiceError, address);
      }
      const done = mayHaveHappened ? rules.doneAlready?.(last.error) : null;
      if (done) return done;
      if (last.mayHaveHappened) rules.mayHappenTwice?.();
      if (!last.worthAnother) throw last.error;
      mayHaveHappened ||= last.mayHaveHappened;
      this.#endpoints.leave(address);
    }
    if (this.#closed && !(rules.writes && mayHaveHappened)) {
      throw closedError();
    }
    throw verdict(last, rules.writes && mayHaveHappened);
  }

  /** Before a new round there is a pause. @returns false when the time is over, or the call stopped */
  async #waitTurn(attempt: number, deadlineMs: number, stop: AbortSignal): Promise<boolean> {
    if (stop.aborted) return false;
    const leftMs = deadlineMs - performance.now();
    const round = Math.floor(attempt / this.#endpoints.count);
    if (round === 0 || attempt % this.#endpoints.count !== 0) return leftMs > 0;
    const waitMs = firstWaitMs * 2 ** (round - 1) * (0.5 + Math.random() / 2);
    if (waitMs >= leftMs) return false;
    return sleep(waitMs, true, { signal: stop }).catch(() => false);
  }

  #attemptMs(deadlineMs: number, heldMs: number): number {
    const leftMs = Math.max(1, deadlineMs - performance.now());
    return Math.min(leftMs, heldMs + this.attemptMs(leftMs - heldMs));
  }

  /** How much of the time that is left one member may take. */
  attemptMs(leftMs: number): number {
    return this.#endpoints.count === 1 ? leftMs : Math.min(leftMs, Math.max(250, leftMs * attemptShare));
  }

  /**
   * Opens a stream of requests and answers at the member that a call would ask now. Its user ends it, and says `leave`
   * when it found the member wanting.
   */
  duplex<Request, Response>(method: MethodDefinition<Request, Response>): Duplex<Request, Response> {
    if (this.#closed) throw closedError();
    const { address, client } = this.#endpoints.current();
    const { path, requestSerialize, responseDeserialize } = method;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.#metadata({}));
    return { address, stream };
  }

  /** The next call is to ask another member than this one. */
  leave(address: string): void {
    this.#endpoints.leave(address);
  }

  /**
   * Opens a stream of answers at one member after another, and again where it breaks, until `signal` says so.
   * @param requestNow what to ask for at the beginning, and at each new one
   * @param onBreak called whenever a stream broke, before the next one is tried
   * @throws RegistryError the registry's own, or `service_unavailable` where no member served it for the call's timeout
   */
  async *stream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    requestNow: () => Request,
    options: ClientCallOptions,
    onBreak: () => void = () => {},
  ): AsyncGenerator<Response, void> {
    const { signal } = options;
    const stop = new AbortController();
    const abort = () => stop.abort();
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    this.#underWay.add(stop);
    try {
      yield* this.#streams(method, requestNow, options, onBreak, stop.signal);
    } finally {
      this.#underWay.delete(stop);
      signal?.removeEventListener('abort', abort);
    }
  }

  async *#streams<Request, Response>(
    method: MethodDefinition<Request, Response>,
    requestNow: () => Request,
    options: CallOptions,
    onBreak: () => void,
    stop: AbortSignal,
  ): AsyncGenerator<Response, void> {
    const patienceMs = options.timeoutMs ?? this.#timeoutMs;
    let servedMs = performance.now();
    for (let failures = 0; !stop.aborted && !this.#closed; failures++) {
      const { address, client } = this.#endpoints.current();
      const { path, requestSerialize, responseDeserialize } = method;
      const call = client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        requestNow(),
        this.#metadata(options),
      );
      const cancel = () => call.cancel();
      stop.addEventListener('abort', cancel);
      // A member that took the connection and says nothing must not be waited for.
      const silent = setTimeout(cancel, Math.max(250, patienceMs * attemptShare));
      let last: AttemptFailure | null = null;
      try {
        for await (const response of call) {
          clearTimeout(silent);
          failures = 0;
          yield response as Response;
          servedMs = performance.now();
        }
      } catch (thrown) {
        last = readFailure(thrown as ServiceError, address);
      } finally {
        clearTimeout(silent);
        stop.removeEventListener('abort', cancel);
        call.cancel();
      }
      if (stop.aborted) break;
      onBreak();
      if (last && !last.worthAnother) throw last.error;
      this.#endpoints.leave(address);
      if (performance.now() - servedMs >= patienceMs) throw verdict(last, false);
      if (failures >= this.#endpoints.count) {
        const round = Math.min(Math.floor(failures / this.#endpoints.count), maxStreamWaitRounds);
        const waitMs = firstWaitMs * 2 ** (round - 1) * (0.5 + Math.random() / 2);
        await sleep(waitMs, undefined, { signal: stop }).catch(() => {});
      }
    }
    if (this.#closed) throw closedError();
  }

  #metadata({ requestId, authToken }: CallOptions): Metadata {
    const metadata = new Metadata();
    if (requestId !== undefined) metadata.set('x-request-id', requestId);
    const token = authToken ?? this.#authToken;
    if (token !== null) metadata.set('authorization', `Bearer ${token}`);
    return metadata;
  }
}

function unary<Request, Response>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<Request, Response>,
  request: Request,
  metadata: Metadata,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        stop.removeEventListener('abort', cancel);
        if (error) reject(error);
        else if (response === undefined) reject(new Error('The call ended without an answer.'));
        else resolve(response);
      },
    );
    const cancel = () => call.cancel();
    stop.addEventListener('abort', cancel);
  });
}

export function closedError(): RegistryError {
  return new RegistryError('service_unavailable', 'This client is closed.');
}

/** What a call failed with when no member was left to ask. */
export function verdict(last: AttemptFailure | null, mayHaveHappened: boolean): RegistryError {
  const reason = last ? ` The last attempt: ${last.error.message}` : '';
  if (mayHaveHappened) {
    return new RegistryError(
      'outcome_unknown',
      `No member confirmed it in time; it may or may not have happened. Sending the same name and id again is safe.${reason}`,
    );
  }
  if (last?.fromRegistry && last.error.code === 'service_unavailable') return last.error;
  return new RegistryError('service_unavailable', `No member of the registry could answer.${reason}`, {
    retryAfterSeconds: 1,
  });
}
