import { once } from 'node:events';
import http2, { type IncomingHttpHeaders } from 'node:http2';
import { status as grpcStatus, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorTable } from '../../src/api/error-table.ts';
import { fromStruct, type StructMessage, toStruct } from '../../src/api/wire/struct.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import { waitFor } from '../process/wait-for.ts';
import { badRegistrations, registrationWith, validRegistration } from './bad-input-cases.ts';
import { Conversation } from './conversation.ts';
import { type FaceSettings, type GrpcFaceUnderTest, startGrpc } from './faces.ts';
import { metadataOf, RawClient, requestBeside } from './grpc-calls.ts';

const registry = 'manifest.v1.Registry';
const target = { name: 'billing', id: 'billing-1' } as const;

let face: GrpcFaceUnderTest;
let raw: RawClient;

async function start(settings: FaceSettings = {}): Promise<void> {
  face = await startGrpc(settings);
  raw = new RawClient(face.address);
}

async function stop(): Promise<void> {
  raw.close();
  await face.close();
}

/** A server for each test. */
function eachWith(settings: FaceSettings = {}): void {
  beforeEach(async () => {
    await start(settings);
    return stop;
  });
}

function message({ metadata, ...registration }: Readonly<Record<string, unknown>>): object {
  return { ...registration, ...(metadata ? { metadata: toStruct({ ...metadata }) } : {}) };
}

const register = (change: Readonly<Record<string, unknown>> = {}) =>
  raw.call(`${registry}/Register`, message(registrationWith(change)));

describe('gRPC answers', () => {
  eachWith();

  test('every call of a life from registration to deregistration', async () => {
    const registered = await register({ metadata: { tags: ['a'], deep: [1, null, { x: true }] } });
    expect(registered).toMatchObject({ response: { ...target, lease_id: 1, revision: 1, created: true } });
    expect(await register()).toMatchObject({ response: { lease_id: 2, created: false } });
    expect(await raw.call(`${registry}/Heartbeat`, { ...target, lease_id: 2 })).toMatchObject({
      response: { status: 'up', lease_renewed: true, ttl_remaining: 30 },
    });
    expect(await raw.call(`${registry}/Heartbeats`, { instances: [target, { ...target, id: 'x' }] })).toMatchObject({
      response: { renewed: 1, failed: [{ name: 'billing', id: 'x', error: 'service_not_found' }] },
    });
    expect(await raw.call(`${registry}/GetService`, { name: 'billing' })).toMatchObject({
      response: { instances: [{ ...validRegistration, status: 'up' }], total: 1, revision: 2, leader: 'node-1' },
    });
    const stale = await raw.call(`${registry}/ListServices`, { consistency: 'stale', filter: { tags: ['a'] } });
    expect(stale).toMatchObject({ response: { instances: [], total: 0, staleness_ms: 7 } });
    expect(await raw.call(`${registry}/Deregister`, target)).toMatchObject({
      response: { deregistered_at: expect.stringMatching(/Z$/) },
    });
  });

  test('a service that nobody registered with an empty list', async () => {
    expect(await raw.call(`${registry}/GetService`, { name: 'nobody' })).toMatchObject({ response: { instances: [] } });
  });

  test('metadata as it was sent', async () => {
    const metadata = { tags: ['a'], deep: { list: [1.5, null, 'x', true, { y: {} }, []] }, constructor: 'kept' };
    await register({ metadata });
    const answer = await raw.call(`${registry}/GetService`, { name: 'billing' });
    const { response } = answer as unknown as { response: { instances: { metadata: StructMessage }[] } };
    expect(fromStruct(response.instances[0]?.metadata ?? { fields: {} }, 'metadata')).toEqual(metadata);
  });

  test('the cluster and its health', async () => {
    expect(await raw.call('manifest.v1.Cluster/Status', { state_hash: true })).toMatchObject({
      response: { leader: 'node-1', members: [{ id: 'node-1', lag: 0 }, { id: 'node-2' }], state: { hash: 'abc' } },
    });
    expect(await raw.call('manifest.v1.Cluster/Health', {})).toMatchObject({
      response: { status: 'healthy', term: 3 },
    });
  });

  test('with the request id that it was given, or one of its own', async () => {
    const given = await raw.call(`${registry}/GetService`, { name: 'UP' }, { 'x-request-id': 'trace-1' });
    expect(given.trailer.get('x-request-id')).toEqual(['trace-1']);
    await raw.call(`${registry}/GetService`, { name: 'billing' }, { 'x-request-id': 'trace-2' });
    expect(face.fake.seen.at(-1)).toMatchObject({ requestId: 'trace-2' });
    const made = await raw.call(`${registry}/GetService`, { name: 'billing' }, { 'x-request-id': 'not sane' });
    expect(made.trailer.get('x-request-id')).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  test('the deadline of a call handed on to the registry', async () => {
    await raw.call(`${registry}/GetService`, { name: 'billing' }, {}, 3_000);
    const { timeoutMs } = face.fake.seen.at(-1) ?? {};
    expect(timeoutMs).toBeGreaterThan(1_000);
    expect(timeoutMs).toBeLessThanOrEqual(3_000);
  });

  test('requests counted by method and code', async () => {
    await register();
    await register({ name: 'UP' });
    const text = await face.metrics.render();
    expect(text).toContain('manifest_grpc_requests_total{method="Register",code="0"} 1');
    expect(text).toContain('manifest_grpc_requests_total{method="Register",code="3"} 1');
  });
});

describe('gRPC refuses', () => {
  // One server for all of them: it goes on after each.
  beforeAll(async () => {
    await start();
    return stop;
  });
  afterEach(async () => {
    face.fake.failure = null;
    expect(await register()).toHaveProperty('response');
  });

  test.each(badRegistrations.filter(({ onlyJson }) => !onlyJson))(
    'a registration with $title',
    async ({ change, code, field }) => {
      const answer = await register(change);
      expect(answer).toMatchObject({
        code: code === 'payload_too_large' ? grpcStatus.RESOURCE_EXHAUSTED : grpcStatus.INVALID_ARGUMENT,
        error: { code, field },
      });
    },
  );

  const cases: readonly [title: string, path: string, request: object, code: string, field: string][] = [
    [
      'a number that JSON cannot say',
      'Register',
      { ...validRegistration, metadata: { fields: { x: { numberValue: Number.NaN } } } },
      'validation_error',
      'metadata.x',
    ],
    [
      'a value without a kind',
      'Register',
      { ...validRegistration, metadata: { fields: { x: {} } } },
      'validation_error',
      'metadata.x',
    ],
    [
      'an endless lease',
      'Register',
      { ...validRegistration, ttl: { remove_after: Number.POSITIVE_INFINITY } },
      'validation_error',
      'ttl.remove_after',
    ],
    ['a heartbeat without name', 'Heartbeat', { id: 'x' }, 'validation_error', 'name'],
    ['a heartbeat without id', 'Heartbeat', { name: 'billing' }, 'validation_error', 'id'],
    ['a heartbeat of lease 0', 'Heartbeat', { ...target, lease_id: 0 }, 'validation_error', 'lease_id'],
    ['a heartbeat of lease -1', 'Heartbeat', { ...target, lease_id: -1 }, 'validation_error', 'lease_id'],
    [
      'a batch with a target that is none',
      'Heartbeats',
      { instances: [target, {}] },
      'validation_error',
      'instances[1].name',
    ],
    [
      'a batch of 5,001 heartbeats',
      'Heartbeats',
      { instances: Array.from({ length: 5_001 }, () => target) },
      'payload_too_large',
      'instances',
    ],
    ['a deregistration of an impossible name', 'Deregister', { name: 'UP', id: 'x' }, 'validation_error', 'name'],
    ['a read without name', 'GetService', {}, 'validation_error', 'name'],
    [
      'a read of an unknown status',
      'GetService',
      { name: 'billing', filter: { status: 'sleepy' } },
      'invalid_parameter',
      'status',
    ],
    [
      'a read of an unknown consistency',
      'GetService',
      { name: 'billing', consistency: 'eventual' },
      'invalid_parameter',
      'consistency',
    ],
    ['a list of a bad tag', 'ListServices', { filter: { tags: ['Not Ok'] } }, 'invalid_parameter', 'tag.0'],
    ['a list of 0', 'ListServices', { limit: 0 }, 'invalid_parameter', 'limit'],
    ['a list of 1,001', 'ListServices', { limit: 1_001 }, 'invalid_parameter', 'limit'],
    ['a list from -1 on', 'ListServices', { offset: -1 }, 'invalid_parameter', 'offset'],
    ['a list of a bad prefix', 'ListServices', { name: 'UP' }, 'invalid_parameter', 'name'],
  ];
  test.each(cases)('%s', async (_title, method, request, code, field) => {
    const answer = await raw.call(`${registry}/${method}`, request);
    expect(answer).toMatchObject({ error: { code, field } });
  });

  test('bytes that are no message, as the mistake of the caller that they are', async () => {
    for (const bytes of [Buffer.from([0xff, 0xff, 0xff]), deepStruct(1_000)]) {
      const answer = await raw.call(`${registry}/Register`, bytes);
      expect(answer).toMatchObject({ code: grpcStatus.INVALID_ARGUMENT, error: { code: 'validation_error' } });
    }
  });

  test('a message above 64 KB, and a batch above 1 MB, with the limit', async () => {
    const long = await register({ metadata: { blob: 'x'.repeat(70_000) } });
    const batch = await raw.call(`${registry}/Heartbeats`, { instances: [{ name: 'x'.repeat(1_100_000) }] });
    for (const [answer, limit_bytes] of [
      [long, 65_536],
      [batch, 1_048_576],
    ] as const) {
      expect(answer).toMatchObject({
        code: grpcStatus.RESOURCE_EXHAUSTED,
        error: { code: 'payload_too_large', details: { limit_bytes } },
      });
    }
  });

  test('a message that is longer than it looks at', async () => {
    expect(await register({ metadata: { blob: 'x'.repeat(5_000_000) } })).toMatchObject({
      code: grpcStatus.RESOURCE_EXHAUSTED,
    });
  });

  test('text that is no UTF-8, and names that it is not told', async () => {
    // Field 1, the name, of two bytes; and field 99, which nobody knows.
    const badText = await raw.call(`${registry}/Register`, Buffer.from([0x0a, 0x02, 0xff, 0xfe]));
    expect(badText).toMatchObject({ error: { code: 'validation_error', field: 'name' } });
    const unknownField = await raw.call(`${registry}/Heartbeat`, Buffer.from([0x9a, 0x06, 0x01, 0x61]));
    expect(unknownField).toMatchObject({ error: { code: 'validation_error', field: 'name' } });
  });

  test('headers without measure', async () => {
    expect(await raw.call(`${registry}/ListServices`, {}, { 'x-a': 'a'.repeat(200_000) })).toHaveProperty('code');
  });

  test.each<[string, Record<string, string>, Record<string, unknown>]>([
    ['a time that is none', { 'grpc-timeout': 'soon' }, { ':status': 200, 'grpc-status': '13' }],
    ['another type of body', { 'content-type': 'application/json' }, { ':status': 415 }],
    ['no type of body', { 'content-type': '' }, { ':status': 415 }],
    ['a path that is none', { ':path': '/' }, { ':status': 200, 'grpc-status': '12' }],
    ['a service that is none', { ':path': '/a.b.C/D' }, { ':status': 200, 'grpc-status': '12' }],
  ])('%s', async (_title, headers, expected) => {
    expect(await headersOfAnswer(headers)).toMatchObject(expected);
  });

  test('another compression than it knows', async () => {
    const answer = await raw.call(`${registry}/ListServices`, {}, { 'grpc-encoding': 'snappy' });
    // The message itself is not compressed, so that the header harms nobody.
    expect(answer).toHaveProperty('response');
  });

  test.each([
    ['a request in HTTP/1.1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['words', 'good morning'],
    ['HTTP/2 that breaks off in a frame', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0'],
    ['HTTP/2 with a frame above every limit', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x7f\x7f\x7f\0\0\0\0\0\x01'],
  ])('%s on its port', async (_title, bytes) => {
    const conversation = await Conversation.with(`http://${face.address}`);
    conversation.say(bytes);
    await new Promise(setImmediate);
    conversation.hangUp();
    await conversation.untilOver();
  });

  test('with all facts of the error in the detail', async () => {
    face.fake.failure = new RegistryError('service_gone', 'It went.', {
      field: 'id',
      value: { odd: [1, null] },
      details: { deregistered_at: '2026-01-01T00:00:00.000Z', cause: 'expired' },
      retryAfterSeconds: 3,
    });
    expect(await raw.call(`${registry}/Heartbeat`, target)).toMatchObject({
      code: grpcStatus.FAILED_PRECONDITION,
      details: 'It went.',
      error: face.fake.failure,
    });
  });

  test('with the code of the contract for every error', async () => {
    for (const [code, { grpc }] of Object.entries(errorTable)) {
      face.fake.failure = new RegistryError(code as keyof typeof errorTable, 'no');
      expect(await raw.call(`${registry}/Heartbeat`, target)).toMatchObject({ code: grpc, error: { code } });
    }
  });

  test('an error of the inside without showing the inside', async () => {
    face.fake.failure = new Error('secret path /var/lib');
    const answer = await raw.call(`${registry}/Heartbeat`, target);
    expect(answer).toMatchObject({ code: grpcStatus.INTERNAL, error: { code: 'internal_error' } });
    expect(JSON.stringify(answer)).not.toContain('secret');
  });
});

describe('gRPC with a token', () => {
  eachWith({ authToken: 'a-long-secret' });

  const writes: readonly [string, object][] = [
    ['Register', validRegistration],
    ['Heartbeat', target],
    ['Heartbeats', { instances: [target] }],
    ['Deregister', target],
  ];
  test.each(writes)('%s needs it', async (method, request) => {
    for (const metadata of [{}, { authorization: 'Bearer wrong' }, { authorization: 'a-long-secret' }]) {
      const answer = await raw.call(`${registry}/${method}`, request, metadata);
      expect(answer).toMatchObject({ code: grpcStatus.UNAUTHENTICATED, error: { code: 'unauthorized' } });
    }
  });

  test('writes that bring it are taken, and reads need none', async () => {
    for (const [method, request] of writes) {
      const answer = await raw.call(`${registry}/${method}`, request, { authorization: 'Bearer a-long-secret' });
      expect(answer).toHaveProperty('response');
    }
    expect(await raw.call(`${registry}/ListServices`, {})).toHaveProperty('response');
    expect(await raw.call('manifest.v1.Cluster/Status', {})).toHaveProperty('response');
  });
});

describe('under too many calls', () => {
  eachWith({ limits: { requestsInFlight: 5 } });

  test('the registry refuses what has no place, keeps some for heartbeats, and is still seen', async () => {
    await register();
    const letGo = face.fake.hold();
    const waiting = Array.from({ length: 4 }, () => raw.call(`${registry}/ListServices`, {}));
    await face.fake.held(4);
    expect(await raw.call(`${registry}/ListServices`, {})).toMatchObject({
      code: grpcStatus.UNAVAILABLE,
      error: { code: 'service_unavailable', retryAfterSeconds: 1 },
    });
    const heartbeat = raw.call(`${registry}/Heartbeat`, target);
    expect(await raw.call('manifest.v1.Cluster/Health', {})).toHaveProperty('response');
    letGo();
    for (const answer of await Promise.all([...waiting, heartbeat])) expect(answer).toHaveProperty('response');
    expect(await raw.call(`${registry}/ListServices`, {})).toHaveProperty('response');
  });
});

describe('beside its own services', () => {
  eachWith();

  test('the server tells its health as grpc.health.v1, as it changes', async () => {
    const health = healthClient(face.address);
    try {
      for (const service of ['', registry, 'manifest.v1.Cluster']) {
        expect(await health.check(service)).toBe('SERVING');
      }
      face.fake.healthReason = 'no leader';
      await waitFor(async () => ((await health.check('')) === 'NOT_SERVING' ? true : undefined), {
        timeoutMs: 5_000,
        what: 'the health to follow',
      });
      expect(await health.check('manifest.v1.Cluster')).toBe('SERVING');
    } finally {
      health.close();
    }
  });

  test('the server describes itself to those who ask by reflection', async () => {
    const reflection = raw.client.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      (request: Buffer) => request,
      (response: Buffer) => response.toString('latin1'),
      metadataOf({}),
    );
    // Field 7, list_services, of a ServerReflectionRequest.
    reflection.write(Buffer.from([0x3a, 0x01, 0x2a]));
    const [answer] = await once(reflection, 'data');
    reflection.end();
    expect(answer).toContain(registry);
    expect(answer).toContain('manifest.v1.Cluster');
  });

  test('an unknown method is refused as such', async () => {
    const code = await new Promise((resolve) => {
      raw.client.makeUnaryRequest(
        `/${registry}/Nothing`,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.alloc(0),
        (error) => resolve(error?.code),
      );
    });
    expect(code).toBe(grpcStatus.UNIMPLEMENTED);
  });
});

/** The first headers that come back for a request over HTTP/2 with these headers. */
async function headersOfAnswer(headers: Readonly<Record<string, string>>): Promise<IncomingHttpHeaders> {
  const session = http2.connect(`http://${face.address}`);
  try {
    const request = requestBeside(session, `${registry}/ListServices`, headers);
    request.end(Buffer.alloc(5));
    const [answer] = await once(request, 'response');
    return answer;
  } finally {
    session.destroy();
  }
}

/** A Struct in a Struct in a Struct…, as bytes: metadata (field 5) of a RegisterRequest. */
function deepStruct(depth: number): Buffer {
  let value = Buffer.from([0x20, 0x01]);
  for (let level = 0; level < depth; level++) {
    const entry = Buffer.concat([Buffer.from([0x0a, 0x01, 0x61, 0x12]), length(value), value]);
    const struct = Buffer.concat([Buffer.from([0x0a]), length(entry), entry]);
    value = Buffer.concat([Buffer.from([0x2a]), length(struct), struct]);
  }
  const entry = Buffer.concat([Buffer.from([0x0a, 0x01, 0x61, 0x12]), length(value), value]);
  const struct = Buffer.concat([Buffer.from([0x0a]), length(entry), entry]);
  return Buffer.concat([Buffer.from([0x2a]), length(struct), struct]);
}

function length(bytes: Buffer): Buffer {
  const digits: number[] = [];
  let rest = bytes.length;
  do {
    digits.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.from(digits);
}

function healthClient(address: string): { check(service: string): Promise<string>; close(): void } {
  const definition = loadSync(healthProtoPath, { enums: String, defaults: true });
  const service = definition['grpc.health.v1.Health'] as unknown as {
    Check: { path: string; requestSerialize(m: object): Buffer; responseDeserialize(b: Buffer): { status: string } };
  };
  expect(loadPackageDefinition(definition)).toHaveProperty('grpc');
  const client = new RawClient(address).client;
  const { path, requestSerialize, responseDeserialize } = service.Check;
  return {
    check: (name) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service: name }, (error, response) =>
          error ? reject(error) : resolve(response?.status ?? ''),
        );
      }),
    close: () => client.close(),
  };
}
