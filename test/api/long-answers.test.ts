import { get } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { type RestFace, startInFront, startInside } from './faces.ts';
import { FakeRegistry } from './fake-registry.ts';
import { sendRaw } from './http.ts';

const faces: RestFace[] = [];
afterEach(async () => {
  for (const face of faces.splice(0)) await face.close();
});

const count = 1_500;

async function started(start: typeof startInside): Promise<RestFace> {
  const fake = new FakeRegistry();
  const metadata = { description: 'ü'.repeat(300) };
  for (let i = 0; i < count; i++) {
    await fake.register({ name: 'web', id: `web-${i}`, version: '1.0.0', interfaces: { CLI: 'web' }, metadata });
  }
  const face = await start({}, fake);
  faces.push(face);
  return face;
}

test.each([
  ['inside a member', startInside],
  ['in front of a member', startInFront],
])('an answer longer than any page comes whole, %s', async (_place, start) => {
  const { url, fake } = await started(start);
  const response = await fetch(`${url}/v1/services/web/instances`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const { value } = await fake.getInstances('web', {});
  expect(value).toHaveLength(count);
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(value)));
  const again = await fetch(`${url}/v1/services/web/instances`, {
    headers: { 'if-none-match': response.headers.get('etag') ?? '' },
  });
  expect(again.status).toBe(304);
});

test('a page says how long it is', async () => {
  const { url } = await started(startInside);
  const response = await fetch(`${url}/v1/services?limit=1000`);
  const text = await response.arrayBuffer();
  expect(response.headers.get('content-length')).toBe(String(text.byteLength));
});

test('HEAD has the headers of a long answer and nothing else', async () => {
  const { url } = await started(startInside);
  const response = await fetch(`${url}/v1/services/web/instances`, { method: 'HEAD' });
  expect(response.status).toBe(200);
  expect(response.headers.get('etag')).toMatch(/^W\//);
  expect(await response.text()).toBe('');
});

test('a client of HTTP/1.0 gets a long answer up to the end of its connection', async () => {
  const { url } = await started(startInside);
  const text = await sendRaw(url, 'GET /v1/services/web HTTP/1.0\r\nHost: x\r\n\r\n');
  const body = JSON.parse(text.slice(text.indexOf('\r\n\r\n')));
  expect(body).toHaveLength(count);
});

test('a client that goes away in the middle of a long answer leaves nothing behind', async () => {
  const { url, metrics } = await started(startInside);
  await new Promise<void>((resolve) => {
    const request = get(`${url}/v1/services/web/instances`, (response) => {
      response.once('data', () => {
        request.destroy();
        resolve();
      });
    });
    request.on('error', () => {});
  });
  // The member goes on serving, and the answer that nobody took is counted as such.
  await expect.poll(async () => (await metrics.render()).includes('status="499"'), { timeout: 10_000 }).toBe(true);
  expect((await fetch(`${url}/v1/services/web/web-1`)).status).toBe(200);
});
