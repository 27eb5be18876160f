import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LoadPlan, RestRequest } from '../../scripts/bench/load/load.ts';
import { runRestLoad } from '../../scripts/bench/load/rest-load.ts';

let server: Server;
let target: string;
const asked: string[] = [];
let failEvery = Number.POSITIVE_INFINITY;

beforeEach(async () => {
  asked.length = 0;
  failEvery = Number.POSITIVE_INFINITY;
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${body}`);
      response.writeHead(asked.length % failEvery === 0 ? 503 : 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function planOf(changed: Partial<LoadPlan> = {}): LoadPlan & { readonly request: RestRequest } {
  return {
    targets: [target],
    inFlight: 8,
    durationMs: 10_000,
    requests: 200,
    numbers: { first: 0, count: 1_000 },
    ...changed,
    request: { kind: 'rest', method: 'POST', path: '/s-###', body: '{"id":"###"}' },
  };
}

test('the own REST generator sends every number once, in path and body', async () => {
  const { operations, failures } = await runRestLoad(planOf());
  expect({ operations, failures }).toEqual({ operations: 200, failures: 0 });
  const digits = Array.from({ length: 200 }, (_, i) => String(i).padStart(3, '0'));
  expect([...asked].sort()).toEqual(digits.map((number) => `POST /s-${number} {"id":"${number}"}`));
});

test('and counts answers with an error status', async () => {
  failEvery = 10;
  const { operations, failures, firstFailure } = await runRestLoad(planOf());
  expect({ operations, failures }).toEqual({ operations: 180, failures: 20 });
  expect(firstFailure).toBe('an answer has status 503');
});
