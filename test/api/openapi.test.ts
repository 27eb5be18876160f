import { Validator } from '@seriousme/openapi-schema-validator';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errorTable } from '../../src/api/error-table.ts';
import type { OpenApiParameter } from '../../src/api/rest/contract/openapi.ts';
import { createRestGateway } from '../../src/api/rest/gateway.ts';
import { exampleOf, parameterOf } from '../../src/api/rest/request-example.ts';
import { type ErrorCode, RegistryError } from '../../src/registry/errors.ts';
import type { ChangeEvent, InstanceRecord } from '../../src/registry/records.ts';
import { type OpenedEvents, openEvents } from '../event-source.ts';
import { badRegistrations, registrationWith, validRegistration } from './bad-input-cases.ts';
import { Conversation } from './conversation.ts';
import { codesIn, Documented } from './documented.ts';
import { type FaceSettings, type RestFace, startInFront, startInside } from './faces.ts';
import { FakeRegistry } from './fake-registry.ts';
import { type HttpAnswer, type HttpRequest, send, sendRaw } from './http.ts';

let face: RestFace;
let documented: Documented;

async function begin(settings: FaceSettings = {}): Promise<void> {
  face = await startInside(settings);
  documented = await Documented.at(face.url);
}

beforeEach(() => begin());
afterEach(() => face.close());

const instance = '/v1/services/billing/billing-1';
const register: HttpRequest = { method: 'POST', path: '/v1/services', json: validRegistration };

/** Asks, and holds the answer against the description. */
async function ask(request: HttpRequest): Promise<HttpAnswer> {
  const answer = await send(face.url, request);
  documented.check(request, answer);
  return answer;
}

function parametersAt(request: HttpRequest): readonly OpenApiParameter[] {
  const operation = documented.operationOf(request.method ?? 'GET', request.path.split('?', 1)[0] ?? '');
  return (operation?.parameters ?? []).map((each) => parameterOf(documented.document, each));
}

test('is a document of OpenAPI 3.1, the same from a gateway that stands alone', async () => {
  const validator = new Validator();
  const { document } = documented;
  expect(await validator.validate(JSON.parse(JSON.stringify(document)))).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
  const alone = await startInFront();
  expect((await Documented.at(alone.url)).document).toEqual(document);
  await alone.close();
});

test('has every route of the server, and the server every operation of it', async () => {
  const fake = new FakeRegistry();
  const logger = pino({ level: 'silent' });
  const app = createRestGateway({ registry: fake, cluster: fake, authToken: null, passTokenOn: false, logger });
  await app.ready();
  const routes = routesIn(app.printRoutes({ commonPrefix: false }));
  await app.close();
  const described = documented.operations.flatMap(({ method, path }) => {
    const route = path.replace(/\{(\w+)\}/g, ':$1');
    return method === 'GET' ? [`GET ${route}`, `HEAD ${route}`] : [`${method} ${route}`];
  });
  expect(routes.toSorted()).toEqual(described.toSorted());
});

/** The tree that the framework prints: each line goes on where the line above with less indentation stops. */
function routesIn(tree: string): string[] {
  const parts: string[] = [];
  return tree
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [, indentation = '', part = '', methods = ''] = /^([│├└─ ]*)(\S+)(?: \((.*)\))?$/.exec(line) ?? [];
      parts.length = indentation.length / 4 - 1;
      parts.push(part);
      return methods.split(', ').map((method) => `${method} ${parts.join('')}`);
    });
}

test('names every query parameter that an operation knows, and no other', async () => {
  await ask(register);
  for (const request of [...documented.examples(), { path: '/v1/watch' }]) {
    const [path = ''] = request.path.split('?', 1);
    const described = parametersAt(request)
      .filter((parameter) => parameter.in === 'query')
      .map(({ name }) => (name === 'metadata' ? 'metadata.KEY' : name));
    const { body } = await ask({ ...request, path: `${path}?nobody-knows=1` });
    const { message = '' } = (body ?? {}) as { message?: string };
    const known = /known are (.*)\.$/.exec(message)?.[1]?.split(', ') ?? [];
    expect([path, known.toSorted()]).toEqual([path, described.toSorted()]);
  }
});

test('gives an example of every operation that works', async () => {
  for (const request of documented.examples()) {
    if (request.method === 'DELETE') await ask(register);
    const { status } = await ask(request);
    expect([request, status]).toEqual([request, expect.toSatisfy((code: number) => code < 300)]);
  }
  const { path } = exampleOf(documented.document, '/v1', '/watch', 'get', documented.operationNamed('watch'));
  const end = new AbortController();
  expect(await openEvents(face.url + path, end.signal)).toMatchObject({ status: 200 });
  end.abort();
});

function answerOf({ status, headers }: OpenedEvents): HttpAnswer {
  return { status, headers: { ...headers }, text: '', body: null };
}

test('describes successes that there are', async () => {
  await ask(register);
  await ask(register);
  await ask({ method: 'PUT', path: `${instance}/heartbeat` });
  for (const request of documented.examples()) {
    const answer = await ask({ ...request, headers: { prefer: 'return=representation' } });
    const { etag } = answer.headers;
    if (etag !== undefined) await ask({ ...request, headers: { 'if-none-match': etag } });
    if (request.method === 'DELETE') await ask(register);
  }
  await ask({ method: 'PUT', path: '/heartbeat', json: { name: 'billing', id: 'billing-1' } });
  await ask({ path: '/readyz', headers: { accept: 'application/json' } });
  await ask({ method: 'DELETE', path: instance });
  const end = new AbortController();
  const watched = await openEvents(`${face.url}/v1/watch`, end.signal);
  end.abort();
  documented.check({ path: '/v1/watch' }, answerOf(watched));
  const described = documented.operations.flatMap(({ operation }) =>
    Object.keys(operation.responses)
      .filter((code) => Number(code) < 400)
      .map((code) => `${operation.operationId} ${code}`),
  );
  const seen = [...documented.seen].filter((each) => Number(each.split(' ')[1]) < 400);
  expect(seen.toSorted()).toEqual([...new Set(described)].toSorted());
});

test('describes an instance whole where no part of it is asked for', async () => {
  await ask(register);
  const whole = await ask({ path: instance });
  const part = await ask({ path: `${instance}?fields=status` });
  expect(() => documented.check({ path: instance }, part)).toThrow('must have required property');
  const { lease_id: _, ...lessThanWhole } = whole.body as InstanceRecord;
  expect(() => documented.check({ path: instance }, { ...whole, body: lessThanWhole })).toThrow('lease_id');
});

test('is held against answers strictly', async () => {
  const request = { path: '/v1/cluster' };
  const answer = await ask(request);
  const wrong: readonly (readonly [Partial<HttpAnswer>, string])[] = [
    [{ status: 202 }, 'this status'],
    [{ headers: { ...answer.headers, 'x-new': '1' } }, 'the header x-new'],
    [{ headers: { ...answer.headers, 'cache-control': undefined as never } }, 'cache-control is missing'],
    [{ headers: { ...answer.headers, 'content-type': 'text/plain' } }, 'the type text/plain'],
    [{ body: { ...(answer.body as object), more: 1 } }, 'additional properties'],
    [{ body: { ...(answer.body as object), members: [{ id: 'x' }] } }, 'required property'],
  ];
  for (const [change, message] of wrong) {
    expect(() => documented.check(request, { ...answer, ...change })).toThrow(message);
  }
});

describe('names every error', () => {
  const codes = Object.keys(errorTable) as ErrorCode[];

  test('that there is, with its status', () => {
    const named = new Map<string, Set<number>>();
    for (const [key, response] of Object.entries(documented.document.components.responses)) {
      for (const code of codesIn(response)) {
        named.set(code, (named.get(code) ?? new Set()).add(Number.parseInt(key, 10)));
      }
    }
    expect([...named.keys()].toSorted()).toEqual(codes.toSorted());
    for (const code of codes) expect([code, named.get(code)?.has(errorTable[code].http)]).toEqual([code, true]);
  });

  test('that the registry gives an operation, as it is answered', async () => {
    await ask(register);
    for (const request of documented
      .examples()
      .filter(({ path }) => /\/(services|heartbeats?|dependencies|sd)\b/.test(path))) {
      const operation = documented.operationOf(request.method ?? 'GET', request.path.split('?', 1)[0] ?? '');
      if (!operation) throw new Error(`${request.path} is not described.`);
      const isRead = request.method === 'GET';
      for (const [code, status] of documented.errorsOf(operation)) {
        // A read says that there is nothing, and it is not told so.
        if (isRead && code === 'service_not_found') continue;
        if (status === 408 || status === 431) continue;
        face.fake.failure = new RegistryError(code as ErrorCode, 'No.', { field: 'x', value: { a: 1 }, details: {} });
        const { status: answered, body } = await ask(request);
        expect([request.path, answered, body]).toMatchObject([request.path, status, { error: code }]);
      }
    }
  });

  test('with what it tells beside its message', async () => {
    await ask(register);
    await ask({ ...register, json: registrationWith({ metadata: { dependencies: ['missing-one'] } }) });
    await ask({ method: 'PUT', path: `${instance}/heartbeat`, json: { lease_id: 9 } });
    await ask({ method: 'DELETE', path: instance });
    await ask({ method: 'PUT', path: `${instance}/heartbeat` });
    await ask({ path: '/v1/services/nobody' });
    await ask({ method: 'POST', path: '/v1/services', body: '{', headers: { 'content-type': 'application/json' } });
    await ask({ method: 'POST', path: '/v1/services', body: 'x', headers: { 'content-type': 'text/plain' } });
    face.fake.healthReason = 'no leader';
    await ask({ path: '/v1/health' });
    await ask({ path: '/readyz' });
    await face.close();
    await begin({ authToken: 'secret' });
    expect((await ask(register)).status).toBe(401);
  });

  test('of a request that cannot be read', async () => {
    await face.close();
    await begin({ limits: { receiveTimeoutMs: 200 } });
    const slow = await Conversation.with(face.url);
    slow.say('GET /livez HTTP/1.1\r\nHost: x\r\n');
    await slow.untilOver();
    const long = await sendRaw(face.url, `GET /livez HTTP/1.1\r\nHost: x\r\nx-a: ${'a'.repeat(20_000)}\r\n\r\n`);
    for (const [status, heard] of [
      [408, slow.heard],
      [431, long],
    ] as const) {
      const [head = '', text = ''] = heard.split('\r\n\r\n');
      const fields = head
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(': ', 2));
      const headers = Object.fromEntries(fields.map(([name = '', value = '']) => [name.toLowerCase(), value]));
      documented.check({ path: '/livez' }, { status, headers, text, body: JSON.parse(text) });
    }
    expect([...documented.seen]).toEqual(['getLiveness 408', 'getLiveness 431']);
  });
});

test('describes the events of a watch, each with its data', async () => {
  const { document } = documented;
  const events = documented.eventsOf('watch');
  await ask(register);
  const record = (await ask({ path: instance })).body as InstanceRecord;
  const change = (type: ChangeEvent['type'], more: Partial<ChangeEvent['record']> = {}): ChangeEvent => ({
    type,
    revision: 7,
    record: { ...record, ...more },
  });
  face.fake.watched = [
    { type: 'compacted', revision: 5 },
    { type: 'current', record },
    { type: 'synced', revision: 5 },
    { type: 'progress', revision: 6 },
    change('registered'),
    change('updated', { changed: ['version'] }),
    change('status', { changed: ['status'], status: 'unhealthy' }),
    change('deregistered', { changed: ['status'], status: 'down' }),
    change('expired', { changed: ['status'], status: 'down' }),
  ];
  face.fake.watchFailure = new RegistryError('service_unavailable', 'No.', { details: { reason: 'cut_off' } });
  const stream = await openEvents(`${face.url}/v1/watch`, new AbortController().signal);
  documented.check({ path: '/v1/watch' }, answerOf(stream));
  const seen = new Set<string>();
  for await (const { event, data } of stream.events) {
    seen.add(event);
    expect([event, documented.eventProblem('watch', event, data)]).toEqual([event, null]);
  }
  expect([...seen].toSorted()).toEqual(events.toSorted());
  expect(document.components.schemas.WatchedInstance).toBeDefined();
});

test('describes what is sent as it is validated', async () => {
  const schema = { $ref: '#/components/schemas/Registration' };
  await ask(register);
  const { body } = await ask({ path: instance });
  for (const good of [validRegistration, body]) expect(documented.problem(schema, good)).toBeNull();
  // What no pattern can say is left to the registry.
  const refused = badRegistrations.filter(
    ({ change }) => documented.problem(schema, registrationWith(change)) !== null,
  );
  expect(refused.length).toBeGreaterThan(badRegistrations.length / 2);
  for (const { requestBody } of documented.operations.map(({ operation }) => operation)) {
    const content = requestBody?.content['application/json'];
    if (content) expect(documented.problem(content.schema, content.example)).toBeNull();
  }
});

test('is asked for again only when it has changed', async () => {
  for (const path of ['/v1/openapi.json', '/docs']) {
    const { headers, text } = await ask({ path });
    expect(text.length).toBeGreaterThan(1_000);
    const again = await ask({ path, headers: { 'if-none-match': headers.etag ?? '' } });
    expect([again.status, again.text]).toEqual([304, '']);
  }
});
