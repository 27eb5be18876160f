import { Ending } from '../client/ending.ts';
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts';

export interface Connection {
  /** Base URLs of members; the first is asked first. */
  readonly urls: readonly string[];
  readonly token: string | null;
  /** For one member's answer. */
  readonly timeoutMs: number;
}

export interface Question {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Asking twice does what asking once does, so that another member may be asked when one went silent half way. */
  readonly repeatable: boolean;
  /** Ends the question, as if no member had answered. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  /** Of the member that gave it. */
  readonly url: string;
  /** Another member had been asked and went silent: the question may have been carried out twice. */
  readonly isRepeated: boolean;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

type Attempt =
  | { readonly type: 'answer'; readonly answer: Answer }
  /** The registry said no, and every other member would say the same. */
  | { readonly type: 'refused'; readonly error: CommandError }
  /** This member did nothing; another one may. */
  | { readonly type: 'elsewhere'; readonly error: CommandError }
  /** The request was on its way when the member went silent: it may have been carried out. */
  | { readonly type: 'unknown'; readonly error: CommandError };

const exitCodeOf: Readonly<Record<number, ExitCode>> = {
  400: exitCodes.usage,
  401: exitCodes.unauthorized,
  403: exitCodes.unauthorized,
  404: exitCodes.notFound,
  410: exitCodes.notFound,
  413: exitCodes.usage,
  422: exitCodes.usage,
  429: exitCodes.unavailable,
  503: exitCodes.unavailable,
  504: exitCodes.unavailable,
};

/** Errors from before a connection stood: the member never saw the request. */
const neverSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * One request over REST. The next member is asked when one cannot be reached or has no leader.
 * @throws CommandError with the registry's message and the exit code
 */
export async function ask(connection: Connection, question: Question): Promise<Answer> {
  const failures: CommandError[] = [];
  let isRepeated = false;
  for (const url of connection.urls) {
    const attempt = await askMember(url, connection, question);
    if (attempt.type === 'answer') return { ...attempt.answer, isRepeated };
    if (attempt.type === 'refused') throw attempt.error;
    if (attempt.type === 'unknown' && !question.repeatable) throw attempt.error;
    if (attempt.type === 'unknown') isRepeated = true;
    failures.push(attempt.error);
    if (question.signal?.aborted) break;
  }
  throw noneAnswers(failures);
}

/** One error for those of several members. */
export function noneAnswers(failures: readonly CommandError[]): CommandError {
  const [first] = failures;
  if (failures.length === 1 && first) return first;
  return new CommandError(
    `none of the ${failures.length} members could answer:\n${failures.map(({ message }) => `  ${message}`).join('\n')}`,
    exitCodes.unavailable,
    first?.hint ?? null,
  );
}

async function askMember(url: string, { token, timeoutMs }: Connection, question: Question): Promise<Attempt> {
  const headers: Record<string, string> = { accept: 'application/json', ...authorizationOf(token) };
  if (question.body !== undefined) headers['content-type'] = 'application/json';
  const ending = new Ending([question.signal], timeoutMs);
  try {
    // Loaded when somebody asks: a member comes by these modules, too, and starts without it.
    const { request } = await import('undici');
    const response = await request(`${url}${question.path}`, {
      method: question.method,
      headers,
      body: question.body === undefined ? null : JSON.stringify(question.body),
      signal: ending.signal,
      // The time of the whole answer is limited already, and may be longer than what the library allows its parts.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    return judge(url, response.statusCode, response.headers, await response.body.text());
  } catch (error) {
    return unanswered(url, timeoutMs, error, question.method === 'GET');
  } finally {
    ending.release();
  }
}

export function authorizationOf(token: string | null): Readonly<Record<string, string>> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** What an answer with this status means. */
export function judge(url: string, status: number, headers: Answer['headers'], text: string): Attempt {
  const body = parsed(text);
  if (body === undefined || (status >= 300 && status < 400)) {
    return { type: 'refused', error: noRegistry(url, status) };
  }
  if (status < 300) return { type: 'answer', answer: { url, isRepeated: false, body, headers } };
  const { error, message } = (body ?? {}) as { readonly error?: unknown; readonly message?: unknown };
  const said = typeof message === 'string' ? message : `the registry answered ${status}`;
  const code = typeof error === 'string' ? ` [${error}]` : '';
  const failure = new CommandError(`${said}${code}`, exitCodeOf[status] ?? exitCodes.failure, hintFor(status), status);
  if (status === 503 || status === 429) return { type: 'elsewhere', error: failure };
  return { type: status === 504 ? 'unknown' : 'refused', error: failure };
}

export function noRegistry(url: string, status: number): CommandError {
  return new CommandError(
    `what answers at ${url} (status ${status}) is not a registry`,
    exitCodes.failure,
    'give the REST address of a member with --url',
  );
}

function noHttp(url: string): CommandError {
  return new CommandError(
    `what answers at ${url} does not speak HTTP/1.1`,
    exitCodes.failure,
    'is it the gRPC port? Give the REST port with --url: 8500 where gRPC has 8502',
  );
}

function hintFor(status: number): string | null {
  if (status === 401 || status === 403) return 'give the token with MANIFEST_AUTH_TOKEN or --token';
  if (status === 504) return 'it may have been carried out: look with "chora-manifest list" before you repeat it';
  return status === 503 ? 'a majority of the members must run; see "chora-manifest status"' : null;
}

/** What it means that no answer came. @param isRead so that nothing can have been carried out */
export function unanswered(
  url: string,
  timeoutMs: number,
  error: unknown,
  isRead: boolean,
): Exclude<Attempt, { type: 'answer' }> {
  const { code, name, message } = error as { readonly code?: string; readonly name: string; readonly message: string };
  if (code !== undefined && neverSent.has(code)) {
    return {
      type: 'elsewhere',
      error: new CommandError(
        `no registry answers at ${url} (${code})`,
        exitCodes.unavailable,
        'is it running? "chora-manifest dev" starts one on this machine; --url names another',
      ),
    };
  }
  if (name === 'HTTPParserError') return { type: 'refused', error: noHttp(url) };
  const what =
    name === 'TimeoutError' ? `did not answer within ${timeoutMs / 1_000} s` : `went silent (${code ?? message})`;
  return {
    type: 'unknown',
    error: new CommandError(`${url} ${what}`, exitCodes.unavailable, isRead ? null : hintFor(504)),
  };
}

/** `undefined` for what is not JSON. An empty body is `null`. */
function parsed(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
