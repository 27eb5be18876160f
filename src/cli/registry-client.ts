import { request } from 'undici';
import { CommandError, exitCodes } from './exit-codes.ts';

export interface ConnectionOptions {
  /** One base URL, or several separated by commas. */
  readonly url: string;
  readonly token?: string | undefined;
  readonly timeout: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

const exitCodeOf: Readonly<Record<number, number>> = {
  400: exitCodes.usage,
  401: exitCodes.unauthorized,
  403: exitCodes.unauthorized,
  404: exitCodes.notFound,
  410: exitCodes.notFound,
  413: exitCodes.usage,
  422: exitCodes.usage,
  503: exitCodes.unavailable,
  504: exitCodes.unavailable,
};

/**
 * One request over REST; the next member is asked when one cannot be reached or has no leader.
 * @throws CommandError with the registry's message and the exit code
 */
export async function ask(
  connection: ConnectionOptions,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Answer> {
  const urls = connection.url.split(',').map((url) => url.trim().replace(/\/$/, ''));
  const timeoutMs = Number(connection.timeout) * 1_000;
  if (!(timeoutMs > 0))
    throw new CommandError(`--timeout must be a number of seconds, not ${connection.timeout}`, exitCodes.usage);
  let unreachable = new CommandError('no --url was given', exitCodes.usage);
  for (const url of urls) {
    const answer = await attempt(`${url}${path}`, method, body, connection.token, timeoutMs);
    if (answer instanceof CommandError) unreachable = answer;
    else if (answer.status < 400) return answer;
    else if (answer.status === 503) unreachable = refusal(answer);
    else throw refusal(answer);
  }
  throw unreachable;
}

async function attempt(
  url: string,
  method: 'GET' | 'POST' | 'DELETE',
  body: unknown,
  token: string | undefined,
  timeoutMs: number,
): Promise<Answer | CommandError> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token) headers.authorization = `Bearer ${token}`;
  try {
    const response = await request(url, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === 'ERR_INVALID_URL' || code === 'UND_ERR_INVALID_ARG') {
      return new CommandError(`--url must be like http://localhost:8500, not ${url}`, exitCodes.usage);
    }
    return new CommandError(
      `no registry answers at ${new URL(url).origin} (${code ?? message}). Is it running? Start one with: npm start`,
      exitCodes.unavailable,
    );
  }
}

function refusal({ status, body }: Answer): CommandError {
  const { error, message } = (body ?? {}) as { error?: string; message?: string };
  return new CommandError(
    `${message ?? `the registry answered ${status}`} [${error ?? status}]`,
    exitCodeOf[status] ?? exitCodes.failure,
  );
}
