import { Agent, request } from 'undici';

export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly body: any;
}

const agent = new Agent({ connections: 64, keepAliveTimeout: 1_000, connect: { timeout: 1_000 } });

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request, one answer, no retries. @throws when no answer came */
export async function call(
  url: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  options: CallOptions = {},
): Promise<RestAnswer> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const response = await request(`${url}${path}`, {
    method,
    dispatcher: agent,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.body.text();
  const isJson = String(response.headers['content-type'] ?? '').includes('json');
  return { status: response.statusCode, headers: response.headers, body: isJson && text ? JSON.parse(text) : text };
}

/** A complete registration of a service that nobody serves. */
export function registration(name: string, id: string, more: Readonly<Record<string, unknown>> = {}) {
  return { name, id, version: '1.0.0', interfaces: { REST: 'http://127.0.0.1:9' }, ...more };
}
