import { beforeEach, describe, expect, test } from 'vitest';
import type { FaceOptions } from '../../src/api/face.ts';
import { createRestGateway } from '../../src/api/rest/gateway.ts';
import { listPages } from '../../src/api/rest/list-pages.ts';
import { type TargetGroup, targetOf } from '../../src/api/rest/prometheus-targets.ts';
import { createLogger } from '../../src/config/logger.ts';
import { cursorAfter } from '../../src/registry/cursor.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import type { InstanceRecord, Metadata } from '../../src/registry/records.ts';
import type { InstancePage, ListQuery, ReadAnswer } from '../../src/registry/service.ts';
import { registrationWith } from './bad-input-cases.ts';
import { Documented } from './documented.ts';
import { type RestFace, startInFront, startInside } from './faces.ts';
import { send } from './http.ts';

const record: InstanceRecord = {
  name: 'billing',
  id: 'billing-1',
  version: '2.1.0',
  interfaces: { REST: 'http://10.0.0.7:9000/api' },
  metadata: {},
  ttl: { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 },
  status: 'up',
  last_heartbeat: '2026-01-01T00:00:00.000Z',
  registered_at: '2026-01-01T00:00:00.000Z',
  revision: 4,
  lease_id: 2,
};

describe('an instance as a target', () => {
  const labelsFor = (metadata: Metadata) => targetOf({ ...record, metadata })?.labels;
  const always = {
    __meta_manifest_service: 'billing',
    __meta_manifest_instance_id: 'billing-1',
    __meta_manifest_version: '2.1.0',
    __meta_manifest_status: 'up',
    __scheme__: 'http',
  };

  test('has the host and port of its REST interface, and says which instance it is', () => {
    expect(targetOf(record)).toEqual({ targets: ['10.0.0.7:9000'], labels: always });
  });

  test.each([
    ['https://billing.internal', 'billing.internal:443', 'https'],
    ['http://billing.internal/', 'billing.internal:80', 'http'],
    ['http://[2001:db8::7]:9000', '[2001:db8::7]:9000', 'http'],
    ['HTTP://User:Word@Billing:80/x?y#z', 'billing:80', 'http'],
  ])('at %s is %s over %s', (address, target, scheme) => {
    const found = targetOf({ ...record, interfaces: { REST: address } });
    expect([found?.targets, found?.labels.__scheme__]).toEqual([[target], scheme]);
  });

  test.each([{ gRPC: 'x:1' }, { REST: 'nonsense' }, {}])('is none with the interfaces %j', (interfaces) => {
    expect(targetOf({ ...record, interfaces: interfaces as Record<string, string> })).toBeNull();
  });

  test('has its tags between commas, and its place and owner', () => {
    const metadata: Metadata = { tags: ['core', 'a'], environment: 'staging', region: 'eu-1', owner: 'me' };
    expect(labelsFor(metadata)).toEqual({
      ...always,
      __meta_manifest_tags: ',core,a,',
      __meta_manifest_environment: 'staging',
      __meta_manifest_region: 'eu-1',
      __meta_manifest_owner: 'me',
    });
    expect(labelsFor({ tags: [] })).toEqual(always);
  });

  test('has what else can be said in a label, under names that Prometheus takes', () => {
    const metadata: Metadata = {
      description: 'Invoices',
      dependencies: ['orchestrator', 'ledger'],
      'team-name.ünique': 'x',
      port: 9000,
      live: true,
      mixed: ['a', 1, false],
      none: null,
      object: { a: 1 },
      objects: [{ a: 1 }],
      empty: [],
      blank: '',
    };
    const labels = labelsFor(metadata) ?? {};
    expect(labels).toEqual({
      ...always,
      __meta_manifest_metadata_description: 'Invoices',
      __meta_manifest_metadata_dependencies: ',orchestrator,ledger,',
      __meta_manifest_metadata_team_name__nique: 'x',
      __meta_manifest_metadata_port: '9000',
      __meta_manifest_metadata_live: 'true',
      __meta_manifest_metadata_mixed: ',a,1,false,',
      __meta_manifest_metadata_blank: '',
    });
    for (const name of Object.keys(labels)) expect(name).toMatch(/^[a-zA-Z_][a-zA-Z0-9_]*$/);
  });

  test('has the first of two keys that become one name, however they were sent', () => {
    for (const metadata of [
      { 'a.b': 'dot', 'a-b': 'hyphen' },
      { 'a-b': 'hyphen', 'a.b': 'dot' },
    ]) {
      expect(labelsFor(metadata)?.__meta_manifest_metadata_a_b).toBe('hyphen');
    }
  });

  test('is scraped as its metadata says, where that makes sense', () => {
    expect(labelsFor({ metrics_path: '/internal/metrics', metrics_scheme: 'https' })).toMatchObject({
      __metrics_path__: '/internal/metrics',
      __scheme__: 'https',
    });
    for (const metadata of [
      { metrics_path: 'metrics', metrics_scheme: 'ftp' },
      { metrics_path: 7, metrics_scheme: [] },
    ]) {
      const labels = labelsFor(metadata) ?? {};
      expect([labels.__scheme__, '__metrics_path__' in labels]).toEqual(['http', false]);
    }
  });
});

describe('the whole list', () => {
  const pageOf = (
    ids: readonly string[],
    revision: number,
    more: boolean,
    stale: number | null = null,
  ): ReadAnswer<InstancePage> => {
    const instances = ids.map((id) => ({ ...record, id }));
    const last = instances.at(-1);
    return {
      value: { instances, total: 9, next: more && last ? cursorAfter(last) : null },
      revision,
      leader: 'node-1',
      staleness_ms: stale,
    };
  };
  const registryOf = (pages: readonly (ReadAnswer<InstancePage> | Error)[]) => {
    const asked: ListQuery[] = [];
    return {
      asked,
      async list(query: ListQuery) {
        const page = pages[asked.push(query) - 1];
        if (!page || page instanceof Error) throw page ?? new Error('There are no more pages.');
        return page;
      },
    };
  };

  const idsOf = async (registry: ReturnType<typeof registryOf>) => {
    const ids: string[] = [];
    for await (const { value } of listPages(registry, { interface: 'REST' }, {})) {
      ids.push(...value.instances.map(({ id }) => id));
    }
    return ids;
  };

  test('has every page', async () => {
    const registry = registryOf([pageOf(['a', 'b'], 5, true), pageOf(['c'], 5, true), pageOf(['d'], 8, false)]);
    expect(await idsOf(registry)).toEqual(['a', 'b', 'c', 'd']);
    const after = ['', 'b', 'c'].map((id) => ({ name: id && 'billing', id }));
    expect(registry.asked).toEqual(after.map((key) => ({ interface: 'REST', limit: 1_000, after: key })));
  });

  test('is none without each of its pages', async () => {
    const registry = registryOf([pageOf(['a'], 7, true), new RegistryError('service_unavailable', 'No leader.')]);
    await expect(idsOf(registry)).rejects.toThrow('No leader.');
  });

  test('has no page that is older than the first', async () => {
    const registry = registryOf([pageOf(['a'], 7, true), pageOf(['b'], 6, false)]);
    await expect(idsOf(registry)).rejects.toThrow('The list went back while it was read.');
  });
});

test('a long list whose end cannot be confirmed is broken off, not cut short', async () => {
  const page = { instances: [record], total: 9, next: cursorAfter(record) };
  const pages = [page, null];
  const registry = {
    async list() {
      const value = pages.shift();
      if (!value) throw new RegistryError('service_unavailable', 'No leader.');
      return { value, revision: 7, leader: 'node-1', staleness_ms: null };
    },
  } as unknown as FaceOptions['registry'];
  const cluster = {} as FaceOptions['cluster'];
  const logger = createLogger('silent');
  const app = createRestGateway({ registry, cluster, authToken: null, passTokenOn: false, logger });
  try {
    const answer = await fetch(`${await app.listen({ port: 0, host: '127.0.0.1' })}/v1/sd/prometheus`);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
  } finally {
    await app.close();
  }
});

describe.each([
  ['a member', startInside],
  ['a gateway', startInFront],
])('Prometheus asks %s', (_, start) => {
  let face: RestFace;
  let documented: Documented;
  beforeEach(async () => {
    face = await start();
    documented = await Documented.at(face.url);
    return () => face.close();
  });

  const register = (change: Readonly<Record<string, unknown>> = {}) =>
    send(face.url, { method: 'POST', path: '/v1/services', json: registrationWith(change) });
  const ask = async (query = '', headers: Readonly<Record<string, string>> = {}) => {
    const request = { path: `/v1/sd/prometheus${query}`, headers };
    const answer = await send(face.url, request);
    documented.check(request, answer);
    return answer;
  };
  const idsIn = (body: unknown) => (body as TargetGroup[]).map(({ labels }) => labels.__meta_manifest_instance_id);

  test('and is told of every instance with a REST interface, as the list would show them', async () => {
    await register({ metadata: { tags: ['core'] } });
    await register({ id: 'b-2', interfaces: { CLI: 'bill' } });
    await register({ id: 'b-3', interfaces: { REST: 'http://h:1', gRPC: 'h:2' } });
    await register({ name: 'ledger', id: 'l-1' });
    expect(idsIn((await ask()).body)).toEqual(['b-3', 'billing-1', 'l-1']);
    expect(idsIn((await ask('?name=led')).body)).toEqual(['l-1']);
    expect(idsIn((await ask('?tag=core')).body)).toEqual(['billing-1']);
    expect(idsIn((await ask('?interface=gRPC')).body)).toEqual(['b-3']);
    expect(idsIn((await ask('?interface=CLI')).body)).toEqual([]);
    const stale = await ask('?consistency=stale&status=up');
    expect([idsIn(stale.body), stale.headers['x-manifest-staleness-ms']]).toEqual([['b-3', 'billing-1', 'l-1'], '7']);
    for (const parameter of ['limit', 'offset', 'cursor', 'fields', 'index']) {
      expect((await ask(`?${parameter}=1`)).body).toMatchObject({ error: 'invalid_parameter', field: parameter });
    }
  });

  test('and of unhealthy ones, which it would otherwise stop to look at', async () => {
    await register();
    face.fake.turn('unhealthy');
    expect((await ask()).body).toMatchObject([{ labels: { __meta_manifest_status: 'unhealthy' } }]);
  });

  test('and is not sent what it has', async () => {
    await register();
    const { headers } = await ask();
    const again = await ask('', { 'if-none-match': headers.etag ?? '' });
    expect([again.status, again.text]).toEqual([304, '']);
    expect((await ask('?name=b')).headers.etag).not.toBe(headers.etag);
    await register({ id: 'billing-2' });
    expect(idsIn((await ask('', { 'if-none-match': headers.etag ?? '' })).body)).toEqual(['billing-1', 'billing-2']);
  });

  test('and is never told of nobody by a registry that cannot know', async () => {
    await register();
    face.fake.failure = new RegistryError('service_unavailable', 'No leader.', { retryAfterSeconds: 1 });
    expect((await ask()).status).toBe(503);
  });
});
