import { afterEach, expect, test } from 'vitest';
import { Documented } from '../api/documented.ts';
import { type HttpAnswer, type HttpRequest, send } from '../api/http.ts';
import { openEvents } from '../event-source.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { registration } from './rest.ts';
import { waitFor } from './wait-for.ts';

let cluster: Cluster | undefined;
const end = new AbortController();
afterEach(async () => {
  end.abort();
  await cluster?.stop();
});

test('real members answer as their description says: well, badly, and without a majority', async () => {
  cluster = await startCluster({
    nodes: 2,
    env: {
      MANIFEST_VALIDATE_DEPENDENCIES: 'true',
      MANIFEST_LEADER_WAIT_MS: '300',
      MANIFEST_REQUEST_TIMEOUT_MS: '2000',
    },
  });
  const [url = '', other = ''] = cluster.urls;
  const documented = await Documented.at(url);
  expect((await Documented.at(other)).document).toEqual(documented.document);
  const ask = async (request: HttpRequest, at = url): Promise<HttpAnswer> => {
    const answer = await send(at, request);
    documented.check(request, answer);
    return answer;
  };

  const watched = await openEvents(`${other}/v1/watch?initial=true`, end.signal);
  const events = new Set<string>();
  const watching = (async () => {
    for await (const { event, data } of watched.events) {
      events.add(event);
      expect([event, documented.eventProblem('watch', event, data)]).toEqual([event, null]);
    }
  })().catch((error: unknown) => {
    if (!end.signal.aborted) throw error;
  });

  const again: HttpRequest[] = [];
  for (const request of documented.examples()) {
    if (request.method === 'DELETE') await ask({ method: 'POST', path: '/v1/services', json: billing });
    const { status } = await ask(request, request.method === 'GET' ? other : url);
    expect([request.method, request.path, status < 300]).toEqual([request.method, request.path, true]);
    if (request.method === 'GET') again.push(request);
  }
  await ask({ method: 'POST', path: '/v1/services', json: billing });
  for (const { path } of again) {
    const stale = `${path}${path.includes('?') ? '&' : '?'}consistency=stale`;
    const answer = await ask({ path: stale }, other);
    const tag = answer.headers.etag;
    if (tag) await ask({ path: stale, headers: { 'if-none-match': tag } }, other);
  }

  const beat = '/v1/services/billing/billing-1/heartbeat';
  const refused: readonly (readonly [HttpRequest, number])[] = [
    [{ method: 'POST', path: '/v1/services', json: { ...billing, version: 'one' } }, 422],
    [{ method: 'POST', path: '/v1/services', json: { ...billing, metadata: { dependencies: ['nobody'] } } }, 422],
    [{ method: 'POST', path: '/v1/services', json: { ...billing, interfaces: {} } }, 400],
    [{ method: 'POST', path: '/v1/services', json: { ...billing, metadata: { text: 'x'.repeat(11_000) } } }, 413],
    [{ method: 'PUT', path: beat, json: { lease_id: 999_999 } }, 409],
    [{ method: 'DELETE', path: '/v1/services/billing/billing-1', json: { lease_id: 999_999 } }, 409],
    [{ method: 'PUT', path: '/v1/services/billing/nobody/heartbeat' }, 404],
    [{ path: '/v1/services/nobody' }, 404],
    [{ path: '/v1/services/nobody/dependents' }, 404],
    [{ path: '/v1/services?limit=0' }, 400],
    [{ method: 'DELETE', path: '/v1/services/billing/billing-1', headers: { prefer: 'return=representation' } }, 200],
    [{ method: 'PUT', path: beat }, 410],
    [{ path: '/v1/cluster?hash=true' }, 200],
  ];
  for (const [request, status] of refused) expect([request, (await ask(request)).status]).toEqual([request, status]);
  await ask({ method: 'POST', path: '/v1/services', json: billing });
  await waitFor(() => ['registered', 'updated', 'deregistered'].every((event) => events.has(event)) || undefined, {
    timeoutMs: 10_000,
    what: `the events, of which there were ${[...events]}`,
  });

  end.abort();
  await watching;

  await cluster.kill(1);
  await waitFor(async () => (await send(url, { path: '/v1/health' })).status === 503 || undefined, {
    timeoutMs: 30_000,
    what: 'the majority to be lost',
  });
  for (const request of documented.examples()) {
    const { status } = await ask(request);
    // A batch of heartbeats tells of each what became of it.
    const isOwn = /\/(heartbeats|livez|cluster|metrics|docs|openapi\.json)$/.test(request.path);
    expect([request.path, status]).toEqual([request.path, isOwn ? 200 : expect.toSatisfy((code) => code >= 503)]);
  }
});

const billing = registration('billing', 'billing-1', {
  metadata: { tags: ['core'], environment: 'production' },
  ttl: { unhealthy_after: 3_600, remove_after: 7_200 },
});
