import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../process/wait-for.ts';
import { registrationWith, validRegistration } from './bad-input-cases.ts';
import { Conversation } from './conversation.ts';
import { type FaceSettings, type RestFace, startInside } from './faces.ts';
import { type HttpAnswer, type HttpRequest, send } from './http.ts';

let face: RestFace;

async function start(settings: FaceSettings = {}): Promise<void> {
  face = await startInside(settings);
}

afterEach(() => face.close());

const ask = (request: HttpRequest): Promise<HttpAnswer> => send(face.url, request);

const get = 'GET /v1/services HTTP/1.1\r\nHost: x\r\n\r\n';

describe('a connection', () => {
  beforeEach(() => start());

  test('on which nonsense follows a request gets the answer to the request, then that to the nonsense, and is ended', async () => {
    const letGo = face.fake.hold();
    const conversation = await Conversation.with(face.url);
    conversation.say(get);
    await face.fake.held(1);
    conversation.say(`${get}nonsense nonsense\r\n\r\n`);
    letGo();
    await conversation.untilOver();
    expect(conversation.statuses).toEqual([200, 200, 400]);
    expect(conversation.heard).toMatch(/"error":"validation_error"[^{}]*}$/);
  });

  test('whose request was answered before its body turned out to be nonsense is ended without another answer', async () => {
    const conversation = await Conversation.with(face.url);
    conversation.say('POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n');
    await conversation.untilAnswers(1);
    conversation.say('zz\r\n');
    await conversation.untilOver();
    expect(conversation.statuses).toEqual([404]);
  });

  test('answers requests that arrive together in their order', async () => {
    const conversation = await Conversation.with(face.url);
    conversation.say(`${get}GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n${get}`);
    await conversation.untilAnswers(3);
    expect(conversation.statuses).toEqual([200, 404, 200]);
    conversation.hangUp();
  });

  test('that breaks in the middle of a body harms nobody', async () => {
    const conversation = await Conversation.with(face.url);
    conversation.say(
      'POST /v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"n',
    );
    conversation.hangUp();
    await conversation.untilOver();
    expect((await ask({ path: '/v1/services' })).body).toEqual([]);
  });
});

test('a request that does not arrive in time is answered with 408, and its connection ended', async () => {
  await start({ limits: { receiveTimeoutMs: 100 } });
  for (const beginning of [
    'GET /livez HT',
    'POST /v1/services HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  ]) {
    const conversation = await Conversation.with(face.url);
    conversation.say(beginning);
    await conversation.untilOver();
    expect(conversation.statuses).toEqual([408]);
    expect(conversation.heard).toContain('"error":"service_unavailable"');
    expect(conversation.heard).toContain('"retryable":true');
  }
});

describe('under too many requests', () => {
  beforeEach(() => start({ limits: { requestsInFlight: 5 } }));

  test('what has no place is refused with 503 and a time to wait, heartbeats have places of their own, and the member is seen', async () => {
    await ask({ method: 'POST', path: '/v1/services', json: validRegistration });
    const letGo = face.fake.hold();
    const waiting = Array.from({ length: 4 }, () => ask({ path: '/v1/services' }));
    await face.fake.held(4);
    const refused = await ask({ path: '/v1/services' });
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect(refused.body).toMatchObject({ error: 'service_unavailable', retryable: true });
    const heartbeat = ask({ method: 'PUT', path: '/v1/services/billing/billing-1/heartbeat' });
    await face.fake.held(5);
    for (const path of ['/livez', '/readyz', '/v1/health', '/v1/metrics', '/v1/cluster']) {
      expect((await ask({ path })).status).toBe(200);
    }
    letGo();
    expect((await Promise.all([...waiting, heartbeat])).map(({ status }) => status)).toEqual([200, 200, 200, 200, 204]);
    expect((await ask({ path: '/v1/services' })).status).toBe(200);
  });

  test('a client that goes away leaves its place taken until the work for it is done', async () => {
    const letGo = face.fake.hold();
    const gone = await Promise.all(Array.from({ length: 4 }, () => Conversation.with(face.url)));
    for (const conversation of gone) conversation.say(get);
    await face.fake.held(4);
    for (const conversation of gone) conversation.hangUp();
    await waitFor(async () => ((await face.metrics.render()).includes('status="499"} 4') ? true : undefined), {
      timeoutMs: 5_000,
      what: 'the clients to be seen gone',
    });
    expect((await ask({ path: '/v1/services' })).status).toBe(503);
    letGo();
    await face.fake.held(0);
    expect((await ask({ path: '/v1/services' })).status).toBe(200);
  });
});

describe('the log', () => {
  const token = 'a-long-secret-0451';
  let lines: string[];
  beforeEach(() => {
    lines = [];
    return start({
      authToken: token,
      logger: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
    });
  });

  test('has each request by its id, and no token, right or wrong, whatever becomes of the request', async () => {
    const write = (authorization: string, more: Partial<HttpRequest> = {}) =>
      ask({
        method: 'POST',
        path: '/v1/services',
        json: registrationWith({}),
        ...more,
        headers: { authorization, 'x-request-id': 'trace-7' },
      });
    expect((await write(`Bearer ${token}`)).status).toBe(201);
    expect((await write(`Bearer wrong-${token}`)).status).toBe(401);
    expect((await write(`Basic ${token}`)).status).toBe(401);
    expect((await write(`Bearer ${token}`, { json: {} })).status).toBe(400);
    expect((await write(`Bearer ${token}`, { path: '/nothing' })).status).toBe(404);
    face.fake.failure = new Error('disk on fire');
    const failed = await write(`Bearer ${token}`);
    expect([failed.status, failed.text.includes('fire')]).toEqual([500, false]);
    await waitFor(() => (lines.filter((line) => line.includes('"answered"')).length === 6 ? true : undefined), {
      timeoutMs: 5_000,
      what: 'six lines',
    });
    const log = lines.join('');
    expect(log).toContain('disk on fire');
    expect(log).toContain('"requestId":"trace-7"');
    expect(log).not.toContain(token);
  });
});
