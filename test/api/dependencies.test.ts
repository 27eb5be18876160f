import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManifestGrpcClient } from '../../src/client/grpc-client.ts';
import { type RestFace, startGrpc, startInFront, startInside } from './faces.ts';
import { FakeRegistry } from './fake-registry.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function filled(): Promise<FakeRegistry> {
  const fake = new FakeRegistry();
  const services = { web: ['api'], api: ['db', 'cache'], db: [], job: ['db', 'job'] };
  for (const [name, dependencies] of Object.entries(services)) {
    await fake.register({ name, version: '1.0.0', interfaces: { CLI: name }, metadata: { dependencies } });
  }
  return fake;
}

describe.each([
  ['inside a member', startInside],
  ['in front of a member', startInFront],
])('dependencies over REST, %s', (_place, start) => {
  let face: RestFace;
  beforeEach(async () => {
    face = await start({}, await filled());
    closers.push(() => face.close());
  });
  const get = async (path: string) => {
    const response = await fetch(`${face.url}${path}`);
    return { status: response.status, headers: response.headers, body: (await response.json()) as unknown };
  };

  test('the graph has services, edges, what is missing, cycles and the order to start in', async () => {
    const { status, headers, body } = await get('/v1/dependencies');
    expect(status).toBe(200);
    expect(headers.get('x-manifest-index')).toBe('4');
    expect(headers.get('etag')).toMatch(/^W\/"4-/);
    expect(body).toEqual({
      services: [
        { name: 'api', status: 'up', instances: 1, instances_up: 1, dependencies: ['cache', 'db'] },
        { name: 'db', status: 'up', instances: 1, instances_up: 1, dependencies: [] },
        { name: 'job', status: 'up', instances: 1, instances_up: 1, dependencies: ['db', 'job'] },
        { name: 'web', status: 'up', instances: 1, instances_up: 1, dependencies: ['api'] },
      ],
      edges: [
        { from: 'api', to: 'cache' },
        { from: 'api', to: 'db' },
        { from: 'job', to: 'db' },
        { from: 'job', to: 'job' },
        { from: 'web', to: 'api' },
      ],
      missing: [{ name: 'cache', required_by: ['api'] }],
      cycles: [['job']],
      startup_order: [['db'], ['api', 'job'], ['web']],
    });
  });

  test('a service may start when all that it depends on is up', async () => {
    const up = { status: 'up', instances: 1, instances_up: 1 };
    expect((await get('/v1/services/web/dependencies')).body).toEqual({
      name: 'web',
      status: 'up',
      transitive: false,
      dependencies: [{ name: 'api', ...up, direct: true }],
      ready: true,
    });
    expect((await get('/services/web/dependencies?transitive=true')).body).toMatchObject({
      dependencies: [
        { name: 'api', direct: true },
        { name: 'cache', status: 'missing', instances: 0, direct: false },
        { name: 'db', direct: false },
      ],
      ready: false,
    });
  });

  test('what breaks when a service stops is told of one that is missing already, too', async () => {
    expect((await get('/v1/services/cache/dependents?transitive=true')).body).toMatchObject({
      name: 'cache',
      status: 'missing',
      dependents: [
        { name: 'api', direct: true },
        { name: 'web', direct: false },
      ],
    });
  });
});

test('the graph over gRPC is the graph', async () => {
  const fake = await filled();
  const face = await startGrpc({}, fake);
  const client = new ManifestGrpcClient({ endpoints: [face.address] });
  closers.push(
    () => client.close(),
    () => face.close(),
  );
  expect(await client.dependencies()).toEqual(await fake.dependencies());
  expect((await client.dependencies({ consistency: 'stale' })).staleness_ms).toBe(7);
});
