import type { ClientDuplexStream, MethodDefinition, ServiceError } from '@grpc/grpc-js';
import { isErrorCode } from '../api/error-table.ts';
import { type ErrorDetail, fromErrorDetail } from '../api/wire/error-detail.ts';
import type { HeartbeatsRequest, HeartbeatsResponse } from '../api/wire/messages.ts';
import { RegistryError } from '../registry/errors.ts';
import type { HeartbeatFailure, HeartbeatTarget } from '../registry/records.ts';
import { type AttemptFailure, readFailure } from './call-errors.ts';
import { type Caller, closedError, verdict } from './caller.ts';

/** A registry takes a few thousand at once. */
const maxBatch = 1_000;

type Method = MethodDefinition<HeartbeatsRequest, HeartbeatsResponse>;

interface Beat {
  readonly target: HeartbeatTarget;
  /** On the clock of `performance.now`. */
  readonly untilMs: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Renews the leases of one client over one stream. A member answers one batch after another, so one is under way at a
 * time, and what comes up meanwhile goes together with the next. A stream that breaks, or a member that does not answer
 * in time, is left for the next member with the same batch: a heartbeat is safe to repeat.
 */
export class HeartbeatLine {
  readonly #caller: Caller;
  readonly #method: Method;
  #waiting: Beat[] = [];
  #isSending = false;
  #isWanted = false;
  #open: Conversation | null = null;

  constructor(caller: Caller, method: Method) {
    this.#caller = caller;
    this.#method = method;
    caller.closing.addEventListener('abort', () => this.#end());
  }

  /**
   * @param timeoutMs for this heartbeat, whatever it waits for
   * @throws RegistryError the registry's own, or `service_unavailable` where no member answered
   */
  renew(target: HeartbeatTarget, timeoutMs: number): Promise<void> {
    this.#isWanted = true;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ target, untilMs: performance.now() + timeoutMs, resolve, reject });
      if (this.#isSending) return;
      this.#isSending = true;
      // At the end of the turn, so that what came up in it goes together.
      setImmediate(() => void this.#send());
    });
  }

  /** Ends the stream once what is under way is answered. A later heartbeat opens another. */
  rest(): void {
    this.#isWanted = false;
    if (!this.#isSending) this.#end();
  }

  #end(): void {
    this.#open?.end();
    this.#open = null;
  }

  async #send(): Promise<void> {
    for (let batch = this.#takeBatch(); batch.length > 0; batch = this.#takeBatch()) {
      try {
        settle(batch, await this.#exchange(batch));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isSending = false;
    if (!this.#isWanted) this.#end();
  }

  /** An answer names an instance and no lease, so that no instance may be twice in one batch. */
  #takeBatch(): readonly Beat[] {
    const batch = new Map<string, Beat>();
    const rest: Beat[] = [];
    for (const beat of this.#waiting) {
      const key = keyOf(beat.target);
      if (batch.size < maxBatch && !batch.has(key)) batch.set(key, beat);
      else rest.push(beat);
    }
    this.#waiting = rest;
    return [...batch.values()];
  }

  async #exchange(batch: readonly Beat[]): Promise<HeartbeatsResponse> {
    const request = { instances: batch.map(({ target }) => target) };
    const untilMs = Math.min(...batch.map((beat) => beat.untilMs));
    let last: AttemptFailure | null = null;
    for (let asked = 0; asked < this.#caller.memberCount; ) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) break;
      // A stream that was open may have been lost long ago: only what was opened just now speaks for its member.
      if (!this.#open) asked++;
      const conversation = this.#conversation();
      const limitMs = this.#caller.attemptMs(leftMs);
      try {
        const response = await conversation.ask(request, limitMs);
        if (!response.error) return response;
        last = refusal(response.error);
      } catch (thrown) {
        last =
          thrown instanceof RegistryError ? lost(thrown) : readFailure(thrown as ServiceError, conversation.address);
      }
      if (this.#caller.closing.aborted) throw closedError();
      if (!last.worthAnother) throw last.error;
      this.#leave(conversation);
    }
    throw verdict(last, false);
  }

  #conversation(): Conversation {
    if (this.#open) return this.#open;
    const opened: Conversation = new Conversation(this.#caller, this.#method, () => this.#leave(opened));
    this.#open = opened;
    return opened;
  }

  #leave(conversation: Conversation): void {
    conversation.end();
    if (this.#open !== conversation) return;
    this.#open = null;
    this.#caller.leave(conversation.address);
  }
}

/** One stream: a question at a time, each answered within its time or never. */
class Conversation {
  readonly address: string;
  readonly #stream: ClientDuplexStream<HeartbeatsRequest, HeartbeatsResponse>;
  #answer: { resolve(response: HeartbeatsResponse): void; reject(error: unknown): void } | null = null;
  #failure: unknown = null;

  /** @param onLost the stream broke while nobody asked anything */
  constructor(caller: Caller, method: Method, onLost: () => void) {
    const { address, stream } = caller.duplex(method);
    this.address = address;
    this.#stream = stream;
    const lost = (error: unknown) => {
      this.#failure ??= error;
      if (this.#answer) this.#answer.reject(this.#failure);
      else onLost();
    };
    stream.on('data', (response: HeartbeatsResponse) => this.#answer?.resolve(response));
    stream.on('error', lost);
    stream.on('end', () => lost(silence(`${address} ended the stream of heartbeats.`)));
  }

  /** @throws ServiceError from the library, or RegistryError `service_unavailable` */
  async ask(request: HeartbeatsRequest, timeoutMs: number): Promise<HeartbeatsResponse> {
    if (this.#failure) throw this.#failure;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<HeartbeatsResponse>((resolve, reject) => {
        this.#answer = { resolve, reject };
        const late = () => reject(silence(`${this.address} gave no answer within ${Math.round(timeoutMs)} ms.`));
        timer = setTimeout(late, timeoutMs);
        this.#stream.write(request);
      });
    } finally {
      clearTimeout(timer);
      this.#answer = null;
    }
  }

  end(): void {
    this.#stream.cancel();
  }
}

function keyOf({ name, id }: HeartbeatTarget | HeartbeatFailure): string {
  return `${name}/${id}`;
}

function settle(batch: readonly Beat[], { failed }: HeartbeatsResponse): void {
  const failures = new Map(failed.map((failure) => [keyOf(failure), failure]));
  for (const { target, resolve, reject } of batch) {
    const failure = failures.get(keyOf(target));
    if (!failure) resolve();
    else reject(new RegistryError(isErrorCode(failure.error) ? failure.error : 'internal_error', failure.message));
  }
}

/** The registry took nothing of a batch and said why. */
function refusal(detail: ErrorDetail): AttemptFailure {
  const error = fromErrorDetail(detail) ?? new RegistryError('internal_error', detail.message);
  const worthAnother = error.code === 'service_unavailable' || error.code === 'outcome_unknown';
  return { error, fromRegistry: true, worthAnother, mayHaveHappened: false };
}

function lost(error: RegistryError): AttemptFailure {
  return { error, fromRegistry: false, worthAnother: true, mayHaveHappened: false };
}

function silence(message: string): RegistryError {
  return new RegistryError('service_unavailable', message);
}
