import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  badRegistrations,
  badRequests,
  brokenStreams,
  registrationWith,
  validRegistration,
} from './bad-input-cases.ts';
import { Documented } from './documented.ts';
import type { FaceSettings, RestFace } from './faces.ts';
import { FakeRegistry } from './fake-registry.ts';
import { errorOf, type HttpRequest, send, sendRaw } from './http.ts';

type Start = (settings?: FaceSettings, fake?: FakeRegistry) => Promise<RestFace>;

/** What REST promises, wherever the gateway runs. */
export function restConformance(where: string, start: Start): void {
  describe(`REST ${where}`, () => {
    let face: RestFace;
    let documented: Documented | undefined;
    /** Every answer is to be as the API's description says, whatever else a test expects of it. */
    const ask = async (request: HttpRequest) => {
      documented ??= await Documented.at(face.url);
      const answer = await send(face.url, request);
      documented.check(request, answer);
      return answer;
    };
    const register = (change: Readonly<Record<string, unknown>> = {}) =>
      ask({ method: 'POST', path: '/v1/services', json: registrationWith(change) });
    const instance = '/v1/services/billing/billing-1';

    describe('answers', () => {
      beforeEach(async () => {
        face = await start();
        return () => face.close();
      });

      test('a new registration with 201, its place and what the contract lists', async () => {
        const { status, headers, body } = await register();
        expect(status).toBe(201);
        expect(headers.location).toBe(instance);
        expect(headers['x-manifest-index']).toBe('1');
        expect(body).toEqual({
          id: 'billing-1',
          name: 'billing',
          version: '1.0.0',
          status: 'up',
          registered_at: '2026-01-01T00:00:01.000Z',
          lease_id: 1,
          heartbeat_interval: 10,
          heartbeat_timeout: 30,
          revision: 1,
        });
      });

      test('a registration again with 200, the same record and a new lease', async () => {
        await register();
        const { status, headers, body } = await register({ version: '1.0.1' });
        expect(status).toBe(200);
        expect(headers.location).toBeUndefined();
        expect(body).toMatchObject({ version: '1.0.1', lease_id: 2, registered_at: '2026-01-01T00:00:01.000Z' });
      });

      test('a registration without id with one made of the name and eight hex digits', async () => {
        const { body } = await register({ id: undefined });
        expect(body).toMatchObject({ id: expect.stringMatching(/^billing-[0-9a-f]{8}$/) });
      });

      test('a registration without /v1, and one as application/vnd.x+json with a charset', async () => {
        const bare = await ask({ method: 'POST', path: '/services', json: validRegistration });
        expect(bare.status).toBe(201);
        const headers = { 'content-type': 'application/vnd.registry+json; charset=utf-8' };
        expect((await ask({ method: 'POST', path: '/services', json: validRegistration, headers })).status).toBe(200);
      });

      test('a record that was read when it is sent back', async () => {
        await register({
          metadata: { tags: ['a'], free: { deep: [1, null, true, 'x', { y: 0.5 }], empty: {}, none: [] } },
        });
        const { body } = await ask({ path: instance });
        expect((await ask({ method: 'POST', path: '/services', json: body })).status).toBe(200);
        const again = (await ask({ path: instance })).body;
        expect(again).toEqual({ ...(body as object), last_heartbeat: expect.any(String), revision: 2, lease_id: 2 });
      });

      test('a heartbeat with 204 and nothing, with and without a body and its type', async () => {
        await register();
        const path = `${instance}/heartbeat`;
        const requests: HttpRequest[] = [
          { method: 'PUT', path },
          { method: 'PUT', path, headers: { 'content-type': 'application/json' } },
          { method: 'PUT', path, headers: { 'content-type': 'application/json', 'content-length': '0' } },
          { method: 'PUT', path, headers: { 'content-length': '0' } },
          { method: 'PUT', path, json: {} },
          { method: 'PUT', path, json: null },
          { method: 'PUT', path, json: { lease_id: 1 } },
          { method: 'PUT', path, json: { name: 'billing', id: 'billing-1', lease_id: 1 } },
          { method: 'PUT', path: path.slice(3) },
          { method: 'PUT', path: `${path}/` },
          { method: 'PUT', path: '/heartbeat', json: { name: 'billing', id: 'billing-1' } },
          { method: 'PUT', path: '/v1/heartbeat', json: { name: 'billing', id: 'billing-1', lease_id: 1 } },
        ];
        for (const request of requests) {
          const { status, text } = await ask(request);
          expect({ request, status, text }).toEqual({ request, status: 204, text: '' });
        }
      });

      test('a heartbeat that wants to see the result with it', async () => {
        await register();
        for (const prefer of [
          'return=representation',
          'return=representation; note=x, wait=5',
          'respond-async, return=representation',
          'Return="representation"',
        ]) {
          const answer = await ask({ method: 'PUT', path: `${instance}/heartbeat`, headers: { prefer } });
          expect(answer.status).toBe(200);
          expect(answer.headers['preference-applied']).toBe('return=representation');
          expect(answer.body).toEqual({
            status: 'up',
            last_heartbeat: expect.stringMatching(/Z$/),
            lease_renewed: true,
            ttl_remaining: 30,
          });
        }
        for (const prefer of ['return=minimal', 'return=minimal, return=representation', 'x; return=representation']) {
          const answer = await ask({ method: 'PUT', path: `${instance}/heartbeat`, headers: { prefer } });
          expect({ prefer, status: answer.status }).toEqual({ prefer, status: 204 });
        }
      });

      test('a heartbeat of another lease with 409, one after the deregistration with 410 and its time', async () => {
        await register();
        const mismatch = await ask({ method: 'PUT', path: `${instance}/heartbeat`, json: { lease_id: 9 } });
        expect(mismatch.status).toBe(409);
        expect(mismatch.body).toMatchObject({
          error: 'lease_mismatch',
          field: 'lease_id',
          value: 9,
          details: { current_lease_id: 1 },
          retryable: false,
        });
        await ask({ method: 'DELETE', path: instance });
        const gone = await ask({ method: 'PUT', path: `${instance}/heartbeat` });
        expect(gone.status).toBe(410);
        const deregistered_at = '2026-01-01T00:00:02.000Z';
        expect(gone.body).toMatchObject({ error: 'service_gone', deregistered_at, details: { deregistered_at } });
      });

      test('many heartbeats at once with what was renewed and what was not', async () => {
        await register();
        const instances = [
          { name: 'billing', id: 'billing-1', lease_id: 1 },
          { name: 'billing', id: 'nobody' },
          { name: 'billing', id: 'billing-1', lease_id: 5 },
        ];
        const { status, body } = await ask({ method: 'POST', path: '/v1/heartbeats', json: { instances } });
        expect(status).toBe(200);
        expect(body).toEqual({
          renewed: 1,
          failed: [
            { name: 'billing', id: 'nobody', error: 'service_not_found', message: expect.any(String) },
            { name: 'billing', id: 'billing-1', error: 'lease_mismatch', message: expect.any(String) },
          ],
        });
        expect((await ask({ method: 'POST', path: '/v1/heartbeats', json: { instances: [] } })).body).toEqual({
          renewed: 0,
          failed: [],
        });
      });

      test('a deregistration with 204, or with the result where it is wanted, and 404 the second time', async () => {
        await register();
        expect(await ask({ method: 'DELETE', path: instance })).toMatchObject({ status: 204, text: '' });
        expect(await ask({ method: 'DELETE', path: instance })).toMatchObject({ status: 404 });
        await register();
        const shown = await ask({ method: 'DELETE', path: instance, headers: { prefer: 'return=representation' } });
        expect(shown.status).toBe(200);
        expect(shown.body).toEqual({ message: expect.any(String), deregistered_at: expect.stringMatching(/Z$/) });
      });

      test('a service with its record when it has one instance, with an array when it has several', async () => {
        await register();
        expect((await ask({ path: '/v1/services/billing' })).body).toMatchObject({ id: 'billing-1', status: 'up' });
        expect((await ask({ path: '/services/billing' })).body).toMatchObject({ id: 'billing-1' });
        await register({ id: 'billing-2' });
        const several = await ask({ path: '/v1/services/billing' });
        expect(several.body).toMatchObject([{ id: 'billing-1' }, { id: 'billing-2' }]);
        expect((await ask({ path: '/v1/services/billing?instance_id=billing-2' })).body).toMatchObject({
          id: 'billing-2',
        });
        const none = await ask({ path: '/v1/services/billing?status=unhealthy' });
        expect([none.status, errorOf(none)]).toEqual([404, { error: 'service_not_found' }]);
        expect(none.headers['x-manifest-index']).toBe('2');
      });

      test('the instances of a service always with an array', async () => {
        expect(await ask({ path: '/v1/services/billing/instances' })).toMatchObject({ status: 200, body: [] });
        await register();
        expect((await ask({ path: '/services/billing/instances' })).body).toMatchObject([{ id: 'billing-1' }]);
      });

      test('one instance with its record', async () => {
        await register({ metadata: { tags: ['core'] }, ttl: { unhealthy_after: 20 } });
        expect((await ask({ path: instance })).body).toEqual({
          ...validRegistration,
          metadata: { tags: ['core'] },
          ttl: { heartbeat_interval: 10, unhealthy_after: 20, remove_after: 60 },
          status: 'up',
          last_heartbeat: '2026-01-01T00:00:01.000Z',
          registered_at: '2026-01-01T00:00:01.000Z',
          revision: 1,
          lease_id: 1,
        });
        const other = await ask({ path: '/v1/services/billing/billing-2' });
        expect([other.status, errorOf(other)]).toEqual([404, { error: 'service_not_found' }]);
      });

      test('a list with all that meet every condition', async () => {
        await register({ metadata: { tags: ['a', 'b'], environment: 'staging', dependencies: ['orchestrator'] } });
        await register({ name: 'shipping', id: 's-1', interfaces: { CLI: 'ship' }, metadata: { tags: ['a'] } });
        const idsFor = async (query: string) => {
          const { body } = await ask({ path: `/v1/services${query}` });
          return (body as { id: string }[]).map(({ id }) => id);
        };
        expect(await idsFor('')).toEqual(['billing-1', 's-1']);
        expect(await idsFor('?tag=a')).toEqual(['billing-1', 's-1']);
        expect(await idsFor('?tag=a&tag=b')).toEqual(['billing-1']);
        expect(await idsFor('?environment=staging&status=up')).toEqual(['billing-1']);
        expect(await idsFor('?dependency=orchestrator')).toEqual(['billing-1']);
        expect(await idsFor('?interface=CLI')).toEqual(['s-1']);
        expect(await idsFor('?instance_id=s-1')).toEqual(['s-1']);
        expect(await idsFor('?name=ship')).toEqual(['s-1']);
        expect(await idsFor('?status=down')).toEqual([]);
      });

      test('a page with the number of all and the way to the next', async () => {
        for (const id of ['a', 'b', 'c']) await register({ id, metadata: { tags: ['x'] } });
        const first = await ask({ path: '/v1/services?tag=x&limit=2' });
        expect(first.headers['x-total-count']).toBe('3');
        expect(first.headers.link).toBe('</v1/services?tag=x&limit=2&offset=2>; rel="next"');
        const second = await ask({ path: '/v1/services?tag=x&limit=2&offset=2' });
        expect(second.body).toMatchObject([{ id: 'c' }]);
        expect(second.headers.link).toBeUndefined();
        expect((await ask({ path: '/v1/services?offset=9' })).headers.link).toBeUndefined();
        await register({ id: 'd', interfaces: { 'a?b&c': 'x' } });
        await register({ id: 'e', interfaces: { 'a?b&c': 'x' } });
        const odd = await ask({ path: '/v1/services?limit=1&interface=a?b%26c' });
        expect(odd.headers.link).toBe('</v1/services?limit=1&interface=a%3Fb%26c&offset=1>; rel="next"');
      });

      test('a read with how fresh it is', async () => {
        await register();
        const { headers } = await ask({ path: '/v1/services' });
        expect(headers).toMatchObject({
          'x-manifest-index': '1',
          'x-manifest-leader': 'node-1',
          'cache-control': 'no-cache',
        });
        expect(headers['x-manifest-staleness-ms']).toBeUndefined();
        const stale = await ask({ path: `${instance}?consistency=stale` });
        expect(stale.headers['x-manifest-staleness-ms']).toBe('7');
        expect(face.fake.seen.at(-1)).toMatchObject({ consistency: 'stale' });
      });

      test('a question asked before with 304 until something changes', async () => {
        await register();
        for (const path of ['/v1/services', '/v1/services/billing', '/v1/services/billing/instances', instance]) {
          const { headers } = await ask({ path });
          const etag = headers.etag ?? '';
          expect(etag).toMatch(/^W\/".+"$/);
          for (const known of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
            const again = await ask({ path, headers: { 'if-none-match': known } });
            expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag]);
            expect(again.headers['x-manifest-index']).toBe('1');
          }
          expect((await ask({ path, headers: { 'if-none-match': '"other"' } })).status).toBe(200);
        }
        const before = (await ask({ path: '/v1/services' })).headers.etag ?? '';
        const asked = () => ask({ path: '/v1/services', headers: { 'if-none-match': before } });
        await ask({ method: 'PUT', path: `${instance}/heartbeat` });
        expect((await asked()).status).toBe(304);
        face.fake.turn('unhealthy');
        const turned = await asked();
        expect([turned.status, turned.body]).toMatchObject([200, [{ status: 'unhealthy' }]]);
        expect(turned.headers.etag).not.toBe(before);
      });

      test('the same tag for the same question in another order, another for another question', async () => {
        await register();
        const tagOf = async (path: string) => (await ask({ path })).headers.etag;
        const tag = await tagOf('/v1/services?status=up&tag=a&tag=b');
        expect(await tagOf('/services?tag=b&status=up&tag=a&consistency=stale')).toBe(tag);
        expect(await tagOf('/v1/services?status=up&tag=a')).not.toBe(tag);
        expect(await tagOf('/v1/services/billing/instances')).not.toBe(await tagOf('/v1/services/billing'));
      });

      test('with the fields that were asked for, and whose they are', async () => {
        await register({ metadata: { tags: ['a'] } });
        const picked = { name: 'billing', id: 'billing-1', version: '1.0.0', status: 'up' };
        const fields = 'fields=status,version';
        for (const path of ['/v1/services/billing', instance]) {
          expect((await ask({ path: `${path}?${fields}` })).body).toEqual(picked);
        }
        for (const path of ['/v1/services', '/v1/services/billing/instances']) {
          expect((await ask({ path: `${path}?${fields}&consistency=stale` })).body).toEqual([picked]);
        }
        expect((await ask({ path: `${instance}?fields=version,%20status,version` })).text).toBe(JSON.stringify(picked));
        const tags = new Map<string, string | undefined>();
        for (const query of ['', '?fields=status', '?fields=status,version', '?fields=version,status,name']) {
          for (const path of ['/v1/services', '/v1/services/billing', '/v1/services/billing/instances', instance]) {
            tags.set(path + query, (await ask({ path: path + query })).headers.etag);
          }
        }
        // Two questions that differ in their order only are one; any others are two.
        expect(new Set(tags.values()).size).toBe(12);
        const whole = tags.get(instance) ?? '';
        const known = await ask({ path: `${instance}?fields=status`, headers: { 'if-none-match': whole } });
        expect(known.status).toBe(200);
        await register({ id: 'billing-2' });
        const { headers } = await ask({ path: '/v1/services?fields=status&limit=1' });
        expect(headers.link).toBe('</v1/services?fields=status&limit=1&offset=1>; rel="next"');
      });

      test('HEAD as GET, without the body', async () => {
        await register();
        const get = await ask({ path: instance });
        const head = await ask({ method: 'HEAD', path: instance });
        expect(head).toMatchObject({ status: 200, text: '' });
        expect(head.headers.etag).toBe(get.headers.etag);
        expect(head.headers['content-length']).toBe(get.headers['content-length']);
        expect(await ask({ method: 'HEAD', path: '/v1/services/nobody' })).toMatchObject({ status: 404, text: '' });
      });

      test('health with 200, or with 503 and the reason', async () => {
        await register();
        const healthy = await ask({ path: '/v1/health' });
        expect(healthy.status).toBe(200);
        expect(healthy.body).toEqual({
          status: 'healthy',
          version: '0.1.0',
          uptime_seconds: 5,
          services_registered: 1,
          services_healthy: 1,
          services_unhealthy: 0,
          services_unknown: 0,
          storage_backend: 'memory',
          storage_healthy: true,
          node: 'node-1',
          leader: 'node-1',
          term: 3,
        });
        face.fake.healthReason = 'no leader';
        const unhealthy = await ask({ path: '/v1/health' });
        expect(unhealthy.status).toBe(503);
        expect(unhealthy.headers['retry-after']).toBe('1');
        expect(unhealthy.body).toMatchObject({ status: 'unhealthy', reason: 'no leader', leader: null });
      });

      test('whether it is alive and ready, in words or JSON, with and without /v1', async () => {
        expect(await ask({ path: '/livez' })).toMatchObject({ status: 200, text: 'alive\n' });
        expect(await ask({ path: '/v1/readyz' })).toMatchObject({ status: 200, text: 'ready\n' });
        face.fake.healthReason = 'no leader';
        expect(await ask({ path: '/v1/livez' })).toMatchObject({ status: 200 });
        expect(await ask({ path: '/readyz' })).toMatchObject({ status: 503, text: 'not ready: no leader\n' });
        const json = await ask({ path: '/readyz', headers: { accept: 'application/json' } });
        expect(json).toMatchObject({ status: 503, body: { status: 'not ready', reason: 'no leader' } });
      });

      test('the cluster, with the hash where it is wanted', async () => {
        expect((await ask({ path: '/v1/cluster' })).body).toEqual(await new FakeRegistry().status());
        expect((await ask({ path: '/v1/cluster?hash=true' })).body).toMatchObject({ state: { hash: 'abc' } });
        expect((await ask({ path: '/v1/cluster?hash=false' })).body).toMatchObject({ state: { hash: null } });
      });

      test('metrics with the numbers of services, requests and heartbeats', async () => {
        await register();
        await ask({ method: 'PUT', path: `${instance}/heartbeat` });
        await ask({ method: 'PUT', path: '/v1/services/billing/nobody/heartbeat' });
        await ask({ path: '/v1/some/unknown/path' });
        const { status, headers, text } = await ask({ path: '/v1/metrics' });
        expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
        const lines = text.split('\n');
        expect(lines).toContain('manifest_services_total{status="up"} 1');
        expect(lines).toContain('manifest_services_total{status="unhealthy"} 0');
        expect(lines).toContain('manifest_heartbeat_success_rate 0.5');
        expect(lines).toContain('manifest_http_requests_total{endpoint="/v1/services",method="POST",status="201"} 1');
        expect(lines).toContain('manifest_http_requests_total{endpoint="unmatched",method="GET",status="404"} 1');
        expect(text).toMatch(/^manifest_http_request_duration_seconds_count\{.*endpoint="\/v1\/services".*\} 1$/m);
      });

      test('with the request id that it was given, or with one of its own', async () => {
        const given = await ask({ path: '/v1/services/UP', headers: { 'x-request-id': 'trace-1.a:b' } });
        expect(given.headers['x-request-id']).toBe('trace-1.a:b');
        expect(given.body).toMatchObject({ request_id: 'trace-1.a:b' });
        await ask({ path: '/v1/services', headers: { 'x-request-id': 'trace-2' } });
        expect(face.fake.seen.at(-1)).toMatchObject({ requestId: 'trace-2' });
        for (const bad of ['a b', 'x'.repeat(129), '"}{', 'ä']) {
          const made = await ask({ path: '/livez', headers: { 'x-request-id': Buffer.from(bad).toString('latin1') } });
          expect(made.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
        }
      });

      test('a missing dependency with 422 and which', async () => {
        const { status, body } = await register({ metadata: { dependencies: ['missing-one'] } });
        expect(status).toBe(422);
        const missing_dependencies = ['missing-one'];
        expect(body).toMatchObject({
          error: 'dependency_not_found',
          missing_dependencies,
          details: { missing_dependencies },
        });
      });

      test('an error of the inside with 500 and nothing of the inside', async () => {
        face.fake.failure = new Error('secret path /var/lib');
        const { status, body, text } = await ask({ path: '/v1/services' });
        expect(status).toBe(500);
        expect(body).toMatchObject({ error: 'internal_error', retryable: true });
        expect(text).not.toContain('secret');
      });
    });

    describe('refuses', () => {
      beforeAll(async () => {
        face = await start();
        await register();
        return () => face.close();
      });

      const goesOn = async () => expect((await ask({ path: '/v1/services' })).status).toBe(200);

      test.each(badRegistrations)('a registration with $title', async ({ change, code, field }) => {
        const answer = await register(change);
        expect(errorOf(answer)).toEqual({ error: code, field });
        expect(answer.status).toBe(code === 'invalid_version' ? 422 : code === 'payload_too_large' ? 413 : 400);
        expect(answer.body).toMatchObject({
          message: expect.any(String),
          request_id: expect.any(String),
          retryable: false,
        });
        await goesOn();
      });

      test.each(badRequests)('$title', async ({ title: _, status, code, field, ...request }) => {
        const answer = await ask(request);
        expect({ status: answer.status, ...errorOf(answer) }).toEqual({
          status,
          error: code,
          ...(field === undefined ? {} : { field }),
        });
        if (status === 405) expect(answer.headers.allow).toBeTruthy();
        await goesOn();
      });

      test.each(brokenStreams)('$title on the wire', async ({ bytes, status, code, field }) => {
        const [head = '', body = ''] = (await sendRaw(face.url, bytes)).split('\r\n\r\n');
        expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
        expect(JSON.parse(body)).toMatchObject({
          error: code,
          message: expect.stringMatching(/\.$/),
          request_id: expect.any(String),
          retryable: false,
          ...(field === undefined ? {} : { field }),
        });
        expect(/^allow: /im.test(head)).toBe(status === 405);
        await goesOn();
      });

      test('nothing for absurd headers that are allowed', async () => {
        const headers = {
          prefer: ';;,=,return=',
          'if-none-match': ',,W/,"',
          authorization: 'Basic ????',
          accept: 'x'.repeat(5_000),
          'x-request-id': '',
        };
        expect((await ask({ path: '/v1/services', headers })).status).toBe(200);
      });

      test('no part of what it refused: only the one instance is listed', async () => {
        const { body } = await ask({ path: '/v1/services' });
        expect(body).toMatchObject([{ name: 'billing', id: 'billing-1' }]);
      });

      afterAll(() => expect((Object.prototype as Record<string, unknown>).polluted).toBeUndefined());
    });

    describe('with a token', () => {
      const token = 'a-long-secret';
      beforeEach(async () => {
        face = await start({ authToken: token });
        return () => face.close();
      });

      const writes: HttpRequest[] = [
        { method: 'POST', path: '/v1/services', json: validRegistration },
        { method: 'PUT', path: `${instance}/heartbeat` },
        { method: 'PUT', path: '/heartbeat', json: { name: 'billing', id: 'billing-1' } },
        { method: 'POST', path: '/v1/heartbeats', json: { instances: [] } },
        { method: 'DELETE', path: instance },
      ];

      test.each(writes)('$method $path needs it', async (request) => {
        for (const authorization of [
          undefined,
          'Bearer wrong',
          `Basic ${token}`,
          token,
          'Bearer',
          `Bearer ${token}x`,
        ]) {
          const answer = await ask({ ...request, headers: authorization === undefined ? {} : { authorization } });
          expect([authorization, answer.status, errorOf(answer)]).toEqual([
            authorization,
            401,
            { error: 'unauthorized' },
          ]);
          expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
        }
      });

      test('writes that bring it are taken', async () => {
        for (const request of writes) {
          const answer = await ask({ ...request, headers: { authorization: `bearer ${token}` } });
          expect(answer.status).toBeLessThan(300);
        }
      });

      test('reads need none', async () => {
        for (const path of ['/v1/services', '/v1/health', '/v1/cluster', '/v1/metrics', '/livez']) {
          expect((await ask({ path })).status).toBe(200);
        }
      });
    });
  });
}
