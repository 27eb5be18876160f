import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { CommandError } from './exit-codes.ts';
import { authorizationOf, type Connection, judge, noRegistry, unanswered } from './registry-client.ts';

/** Why a stream could not be opened, or did not go on. */
export class StreamFailure extends Error {
  override readonly name = 'StreamFailure';
  /** Every other member would say no, too. */
  readonly isFinal: boolean;
  readonly error: CommandError;

  constructor(error: CommandError, isFinal: boolean) {
    super(error.message);
    this.error = error;
    this.isFinal = isFinal;
  }
}

/** No event of the registry comes near it. */
const maxEventCharacters = 1024 * 1024;

/**
 * Server-Sent Events from one member.
 * @param silenceMs a member that sends nothing for this long, not even a comment, is taken for gone
 * @throws StreamFailure
 */
export async function* eventsFrom(
  url: string,
  path: string,
  { token, timeoutMs }: Connection,
  lastEventId: number | null,
  silenceMs: number,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage, void> {
  const headers: Record<string, string> = { accept: 'text/event-stream', ...authorizationOf(token) };
  if (lastEventId !== null) headers['last-event-id'] = String(lastEventId);
  let isOpen = false;
  try {
    // Loaded when somebody asks: a member comes by these modules, too, and starts without it.
    const { request } = await import('undici');
    const response = await request(`${url}${path}`, {
      method: 'GET',
      headers,
      signal,
      headersTimeout: timeoutMs,
      bodyTimeout: silenceMs,
    });
    if (!String(response.headers['content-type']).startsWith('text/event-stream')) {
      const attempt = judge(url, response.statusCode, response.headers, await response.body.text());
      if (attempt.type !== 'answer') throw new StreamFailure(attempt.error, attempt.type === 'refused');
      throw new StreamFailure(noRegistry(url, response.statusCode), true);
    }
    isOpen = true;
    yield* messagesIn(response.body);
  } catch (error) {
    if (error instanceof StreamFailure) throw error;
    const attempt = unanswered(url, isOpen ? silenceMs : timeoutMs, error, true);
    throw new StreamFailure(attempt.error, attempt.type === 'refused');
  }
}

async function* messagesIn(body: AsyncIterable<Buffer>): AsyncGenerator<EventSourceMessage, void> {
  const decoder = new TextDecoder();
  let messages: EventSourceMessage[] = [];
  const parser = createParser({
    maxBufferSize: maxEventCharacters,
    onEvent: (message) => messages.push(message),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw error;
    },
  });
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    const arrived = messages;
    messages = [];
    yield* arrived;
  }
}
