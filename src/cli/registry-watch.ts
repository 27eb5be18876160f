import { setTimeout as delay } from 'node:timers/promises';
import type { ChangeType, WatchedRecord } from '../registry/records.ts';
import { eventsFrom, StreamFailure } from './event-stream.ts';
import type { CommandError } from './exit-codes.ts';
import { type Connection, noneAnswers } from './registry-client.ts';

/** One line of a watch. */
export type WatchedEvent =
  | { readonly event: ChangeType; readonly revision: number; readonly record: WatchedRecord }
  | { readonly event: 'current'; readonly record: WatchedRecord }
  | { readonly event: 'synced' | 'compacted'; readonly revision: number };

export interface WatchRequest {
  /** The conditions of the list, and `service` for one whole name. */
  readonly conditions: URLSearchParams;
  /** Begin after this revision; `null`: now. */
  readonly from: number | null;
  /** Begin with what there is. */
  readonly initial: boolean;
  /** A member that sends nothing for this long is left; members send a comment every 15 s. */
  readonly silenceMs?: number;
}

const defaultSilenceMs = 40_000;
const firstPauseMs = 100;
const lastPauseMs = 5_000;

/**
 * Every change, in order and once, for as long as `signal` lets it: where one member's stream ends, the next member's goes on
 * after the last event that came. What there is, at the beginning or after `compacted`, is given out as a whole when
 * all of it has come, so that a member that stops half way leaves nothing half told.
 * @param tell hears when no member answers, and when one does again
 * @throws CommandError when the registry refuses, or when no member answers at the beginning
 */
export async function* watchRegistry(
  connection: Connection,
  request: WatchRequest,
  signal: AbortSignal,
  tell: (text: string) => void,
): AsyncGenerator<WatchedEvent, void> {
  const { urls } = connection;
  const silenceMs = request.silenceMs ?? defaultSilenceMs;
  let position = request.from;
  let hasBegun = false;
  let failures: CommandError[] = [];
  for (let turn = 0; !signal.aborted; turn++) {
    const url = urls[turn % urls.length] ?? '';
    const path = pathOf(request.conditions, position === null && request.initial);
    /** What there is, as far as it has come. */
    let state: WatchedEvent[] = [];
    try {
      for await (const message of eventsFrom(url, path, connection, position, silenceMs, signal)) {
        if (failures.length >= urls.length) tell(`watching again, at ${url}`);
        failures = [];
        hasBegun = true;
        const event = eventIn(message.event, message.id, message.data);
        if (event?.event === 'compacted' || event?.event === 'current') state.push(event);
        else if (event) {
          yield* state;
          state = [];
          yield event;
        }
        // What is held back would be lost to a watch that went on behind it.
        if (message.id !== undefined && state.length === 0) position = Number(message.id);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof StreamFailure)) throw error;
      if (error.isFinal) throw error.error;
      failures.push(error.error);
    }
    if (failures.length === urls.length) {
      const none = noneAnswers(failures);
      if (!hasBegun) throw none;
      tell(`no member answers; the watch goes on as soon as one does: ${none.message}`);
    }
    await pause(failures.length, urls.length, signal);
  }
}

function pathOf(conditions: URLSearchParams, initial: boolean): string {
  const query = new URLSearchParams(conditions);
  if (initial) query.set('initial', 'true');
  return query.size === 0 ? '/v1/watch' : `/v1/watch?${query}`;
}

/** `null` for an event that says nothing to those who watch, or that only a later version of the registry knows. */
function eventIn(name: string | undefined, id: string | undefined, data: string): WatchedEvent | null {
  switch (name) {
    case 'registered':
    case 'updated':
    case 'status':
    case 'deregistered':
    case 'expired':
      return { event: name, revision: Number(id), record: JSON.parse(data) };
    case 'current':
      return { event: name, record: JSON.parse(data) };
    case 'synced':
    case 'compacted':
      return { event: name, revision: JSON.parse(data).revision };
    default:
      return null;
  }
}

/** The other members are asked soon; once all have failed, ever more slowly. */
async function pause(failures: number, members: number, signal: AbortSignal): Promise<void> {
  const rounds = Math.floor(failures / members);
  const longestMs = Math.min(lastPauseMs, firstPauseMs * 2 ** Math.min(rounds, 10));
  // Spread, so that many watchers of one member do not all come to the next at once.
  await delay(longestMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
}
