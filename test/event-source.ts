import { Agent, request } from 'undici';

export interface SentEvent {
  readonly id: number | null;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into data of many shapes
  readonly data: any;
}

export interface OpenedEvents {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body of an answer that is no stream. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly body: any;
  /** Comments that came so far. */
  readonly comments: () => number;
  /** Ends where the stream does. @throws when it is torn off */
  readonly events: AsyncIterable<SentEvent>;
}

const agent = new Agent({ connections: 1_000, connect: { timeout: 1_000 }, bodyTimeout: 0 });

/** Opens a stream of Server-Sent Events, and reads it as the HTML Standard (9.2.6) says. */
export async function openEvents(
  url: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<OpenedEvents> {
  const response = await request(url, { dispatcher: agent, signal, headers: { ...headers }, headersTimeout: 10_000 });
  const { statusCode: status } = response;
  let comments = 0;
  const isStream = String(response.headers['content-type']).startsWith('text/event-stream');
  const body = isStream ? null : JSON.parse(await response.body.text());
  async function* events(): AsyncGenerator<SentEvent, void> {
    let text = '';
    response.body.setEncoding('utf8');
    for await (const chunk of response.body) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        if (block.startsWith(':')) comments++;
        const event = parseBlock(block);
        if (event) yield event;
      }
    }
  }
  return { status, headers: response.headers, body, comments: () => comments, events: events() };
}

function parseBlock(block: string): SentEvent | null {
  const fields = new Map(block.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]));
  const [event, data, id] = [fields.get('event'), fields.get('data'), fields.get('id')];
  if (event === undefined || data === undefined) return null;
  return { id: id === undefined ? null : Number(id), event, data: JSON.parse(data) };
}
