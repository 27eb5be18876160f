import { describe, expect, test } from 'vitest';
import { RegistryError } from '../../src/registry/errors.ts';
import {
  defaultTtlPolicy,
  maxRecordBytes,
  parseDeregistrationTarget,
  parseHeartbeatTarget,
  parseInstanceId,
  parseName,
  parseRegistration,
  parseRegistrationBody,
} from '../../src/registry/validation.ts';

const valid = { name: 'billing', id: 'billing-1', version: '1.0.0', interfaces: { CLI: 'billing' } };

const parse = (change: Readonly<Record<string, unknown>> = {}) =>
  parseRegistration({ ...valid, ...change }, defaultTtlPolicy, (name) => `${name}-made`);

function refusal(work: () => unknown): RegistryError {
  try {
    work();
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

const a = (length: number) => 'a'.repeat(length);

describe('a registration is taken', () => {
  test('and completed: an id is made, times are the defaults, metadata is empty', () => {
    expect(parse({ id: undefined })).toEqual({
      ...valid,
      id: 'billing-made',
      metadata: {},
      ttl: { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 },
    });
  });

  test.each([
    ['a name of 1 character', { name: 'a' }],
    ['a name of 64 characters', { name: a(64) }],
    ['a name of digits and hyphens', { name: '0-9-' }],
    ['an id of 128 characters', { id: a(128) }],
    ['an id with capitals', { id: 'Node-A1' }],
    ['a pre-release', { version: '2.1.0-rc.1' }],
    ['a build', { version: '1.0.0+build.5.sha-0af' }],
    ['a pre-release and a build', { version: '1.0.0-alpha.1.x-y+001' }],
    ['version 0.0.0', { version: '0.0.0' }],
    ['a description of 500 characters', { metadata: { description: a(500) } }],
    ['an empty description', { metadata: { description: '' } }],
    ['empty lists', { metadata: { tags: [], dependencies: [] } }],
    ['an environment', { metadata: { environment: 'staging' } }],
    ['keys that look like parts of an object', { metadata: { constructor: 1, prototype: 2, hasOwnProperty: 3 } }],
    ['free metadata', { metadata: { any: { thing: [1, null, true, 'ü'] }, region: 'eu', owner: 'us' } }],
    ['interfaces of any type', { interfaces: { REST: 'http://h', Native: 'x', 'my type': 'any thing' } }],
    ['the least times', { ttl: { heartbeat_interval: 1, unhealthy_after: 1.5, remove_after: 2 } }],
    ['the greatest time', { ttl: { remove_after: 86_400 } }],
  ])('with %s', (_, change) => {
    expect(parse(change)).toMatchObject(change);
  });

  test('with a time that is undefined as if it were not there', () => {
    expect(parse({ ttl: { heartbeat_interval: undefined, unhealthy_after: 20 } }).ttl).toEqual({
      heartbeat_interval: 10,
      unhealthy_after: 20,
      remove_after: 60,
    });
  });

  test('as it was read: what is read-only is ignored, whatever it says', () => {
    const readOnly = {
      status: 'down',
      last_heartbeat: 5,
      registered_at: null,
      revision: 'x',
      lease_id: 7,
      heartbeat_interval: 1,
      heartbeat_timeout: {},
    };
    expect(parse(readOnly)).toEqual(parse());
  });

  test('with a tag or a dependency said twice said once, in the order of the first', () => {
    const { metadata } = parse({ metadata: { tags: ['b', 'a', 'b'], dependencies: ['x', 'y', 'x'] } });
    expect(metadata).toEqual({ tags: ['b', 'a'], dependencies: ['x', 'y'] });
  });

  test('as the same bytes however its interfaces were ordered', () => {
    const one = parse({ interfaces: { b: '1', a: '2', c: '3' } });
    const other = parse({ interfaces: { c: '3', b: '1', a: '2' } });
    expect(JSON.stringify(one)).toBe(JSON.stringify(other));
  });

  test('by a client without being completed', () => {
    expect(parseRegistrationBody({ name: 'a', version: '1.0.0', interfaces: { CLI: 'x' } })).toEqual({
      name: 'a',
      version: '1.0.0',
      interfaces: { CLI: 'x' },
    });
  });
});

describe('a registration is refused, with field, value and fix:', () => {
  test.each([
    ['no name', { name: undefined }, 'name', undefined, 'is required: it must be a string such as "orchestrator"'],
    ['an empty name', { name: '' }, 'name', '', 'must not be empty'],
    ['a name of 65 characters', { name: a(65) }, 'name', a(65), 'at most 64'],
    ['capitals in a name', { name: 'Billing' }, 'name', 'Billing', 'only lowercase letters, digits and hyphens'],
    ['an underscore', { name: 'my_service' }, 'name', 'my_service', 'such as "my-service"'],
    ['a line break', { name: 'billing\n' }, 'name', 'billing\n', 'only lowercase'],
    ['an empty id', { id: '' }, 'id', '', 'leave it out and the registry makes one'],
    ['an id of 129 characters', { id: a(129) }, 'id', `${a(100)}…`, 'at most 128'],
    ['a slash in an id', { id: 'a/b' }, 'id', 'a/b', 'only letters, digits and hyphens'],
    ['null for an id', { id: null }, 'id', null, 'must be a string'],
    ['no version', { version: undefined }, 'version', undefined, 'is required'],
    ['a number for a version', { version: 1 }, 'version', 1, 'must be a string such as "1.0.0"'],
    ['no interfaces', { interfaces: undefined }, 'interfaces', undefined, 'is required'],
    ['a list of interfaces', { interfaces: ['REST'] }, 'interfaces', ['REST'], 'from interface type to address'],
    ['no interface', { interfaces: {} }, 'interfaces', {}, 'at least one interface'],
    ['an empty address', { interfaces: { CLI: '' } }, 'interfaces.CLI', '', 'must not be empty'],
    ['a number for an address', { interfaces: { CLI: 80 } }, 'interfaces.CLI', 80, 'must be a string'],
    ['an empty interface type', { interfaces: { '': 'x' } }, 'interfaces', { '': 'x' }, 'type that is empty'],
    ['a list for metadata', { metadata: [] }, 'metadata', [], 'must be a JSON object'],
    [
      'a description of 501 characters',
      { metadata: { description: a(501) } },
      'metadata.description',
      `${a(100)}…`,
      'at most 500',
    ],
    ['a number for a region', { metadata: { region: 1 } }, 'metadata.region', 1, 'must be a string'],
    ['an owner that is null', { metadata: { owner: null } }, 'metadata.owner', null, 'must be a string'],
    ['another environment', { metadata: { environment: 'test' } }, 'metadata.environment', 'test', '"production"'],
    ['a text for tags', { metadata: { tags: 'core' } }, 'metadata.tags', 'core', 'array of tags such as ["core"]'],
    ['capitals in a tag', { metadata: { tags: ['ok', 'Core'] } }, 'metadata.tags.1', 'Core', 'only lowercase'],
    ['a number for a tag', { metadata: { tags: [1] } }, 'metadata.tags.0', 1, 'must be a string'],
    ['an empty tag', { metadata: { tags: [''] } }, 'metadata.tags.0', '', 'only lowercase'],
    ['a text for dependencies', { metadata: { dependencies: 'a' } }, 'metadata.dependencies', 'a', 'array of service'],
    ['a bad dependency', { metadata: { dependencies: ['A'] } }, 'metadata.dependencies.0', 'A', 'only lowercase'],
    ['a time below the least', { ttl: { heartbeat_interval: 0.99 } }, 'ttl.heartbeat_interval', 0.99, 'between 1 and'],
    ['a time above the greatest', { ttl: { remove_after: 86_401 } }, 'ttl.remove_after', 86_401, 'and 86400 seconds'],
    ['a text for a time', { ttl: { remove_after: '60' } }, 'ttl.remove_after', '60', 'a number of seconds'],
    ['a number for the times', { ttl: 60 }, 'ttl', 60, 'must be an object such as'],
    ['a time of another name', { ttl: { timeout: 5 } }, 'ttl.timeout', undefined, 'is not a known field'],
    [
      'an interval as long as the patience',
      { ttl: { heartbeat_interval: 30 } },
      'ttl',
      { heartbeat_interval: 30, unhealthy_after: 30, remove_after: 60 },
      'together with the defaults it is 30, 30, 60',
    ],
    [
      'removal no later than ill health',
      { ttl: { unhealthy_after: 60 } },
      'ttl',
      { heartbeat_interval: 10, unhealthy_after: 60, remove_after: 60 },
      'unhealthy_after < remove_after',
    ],
    ['an unknown field', { color: 'red' }, 'color', undefined, 'leave it out, or put it under metadata'],
    [
      'an infinite number',
      { metadata: { a: [1, Number.POSITIVE_INFINITY] } },
      'metadata.a.1',
      'Infinity',
      'must be a finite number',
    ],
    ['half a character', { metadata: { a: 'x\ud800' } }, 'metadata.a', 'x\ud800', 'must be Unicode text'],
    ['half a character in a key', { metadata: { 'x\udc00': 1 } }, 'metadata', undefined, 'a key that is not Unicode'],
    ['half a character as a field', { '\udc00': 1 }, undefined, undefined, 'The body has a key that is not Unicode'],
  ])('%s', (_, change, field, value, fix) => {
    const error = refusal(() => parse(change));
    expect(error.code).toBe('validation_error');
    expect(error.field).toBe(field);
    expect(error.value).toEqual(value);
    expect(error.message).toContain(fix);
    expect(error.message).toContain(field ?? 'The body');
    expect(error.retryable).toBe(false);
  });

  test.each([
    '1',
    '1.0',
    '1.0.0.0',
    'v1.0.0',
    '=1.0.0',
    ' 1.0.0',
    '1.0.0 ',
    '1.0.0\n',
    '01.0.0',
    '1.0.0-',
    '1.0.0-01',
    '1.0.0-a..b',
    '1.0.0+',
    '1.0.0+a+b',
    '^1.0.0',
    'latest',
    '',
    '99999999999999999999.0.0',
  ])('version %j, which is no semantic version', (version) => {
    const error = refusal(() => parse({ version }));
    expect([error.code, error.field, error.value]).toEqual(['invalid_version', 'version', version]);
    expect(error.message).toContain('semver.org');
  });

  test('a version of 257 characters', () => {
    expect(refusal(() => parse({ version: `1.0.0-${a(251)}` })).message).toContain('at most 256');
    expect(parse({ version: `1.0.0-${a(250)}` }).version).toHaveLength(256);
  });

  test.each([null, undefined, [], 'text', 7, true])('%j for a body', (body) => {
    const error = refusal(() => parseRegistration(body, defaultTtlPolicy, (name) => name));
    expect([error.code, error.field]).toEqual(['validation_error', undefined]);
    expect(error.message).toMatch(/^The body .*must be a JSON object\.$/);
  });

  test('a text that is half a character for a body', () => {
    expect(refusal(() => parseRegistrationBody('\ud800')).message).toMatch(/^The body must be Unicode text/);
  });

  test.each(['{"__proto__": {"polluted": true}}', '{"a": [{"__proto__": 1}]}'])(
    'the key that changes what objects are, in %s, and no object is changed',
    (json) => {
      const error = refusal(() => parse({ metadata: JSON.parse(json) }));
      expect([error.code, error.field]).toEqual(['validation_error', '__proto__']);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      expect(refusal(() => parse(JSON.parse('{"__proto__": null, "name": "a"}'))).field).not.toBe('name');
    },
  );

  test('metadata that is nested more than 32 levels deep, however it is nested', () => {
    const nested = (levels: number, wrap: (inner: unknown) => unknown) => {
      let value: unknown = 1;
      for (let level = 0; level < levels; level++) value = wrap(value);
      return value;
    };
    for (const wrap of [(inner: unknown) => [inner], (inner: unknown) => ({ inner })]) {
      expect(parse({ metadata: { deep: nested(30, wrap) } }).metadata.deep).toBeDefined();
      const error = refusal(() => parse({ metadata: { deep: nested(31, wrap) } }));
      expect([error.code, error.field]).toEqual(['validation_error', 'metadata']);
      expect(refusal(() => parse({ metadata: { deep: nested(100_000, wrap) } })).message).toContain(
        'at most 32 levels',
      );
    }
  });

  test('a record of one byte more than 10 KB as JSON in UTF-8, and not one of exactly 10 KB', () => {
    const emptyBytes = Buffer.byteLength(JSON.stringify(parse({ metadata: { note: '' } })));
    const room = maxRecordBytes - emptyBytes;
    expect(maxRecordBytes).toBe(10_240);
    expect(parse({ metadata: { note: a(room) } }).metadata.note).toHaveLength(room);
    const error = refusal(() => parse({ metadata: { note: `${a(room - 1)}ü` } }));
    expect([error.code, error.field]).toEqual(['payload_too_large', 'metadata']);
    expect(error.details).toEqual({ size_bytes: 10_241, limit_bytes: 10_240 });
  });

  test('a long value is shown in one line of the error', () => {
    const { value } = refusal(() => parse({ metadata: { tags: { list: a(500) } } }));
    expect(value).toBe(`{"list":"${a(91)}…`);
  });
});

describe('an address of a REST interface', () => {
  test.each(['http://10.0.0.1:9000', 'https://host', 'HTTP://host/path?x=1', 'http://[::1]:80/'])(
    'may be %s',
    (REST) => {
      expect(parse({ interfaces: { REST } }).interfaces).toEqual({ REST });
    },
  );

  test.each(['host:9000', 'ftp://host', 'http:/host', 'http:///path', 'http://', 'http://a b', 'http://h:99999', '/x'])(
    'may not be %s',
    (REST) => {
      const error = refusal(() => parse({ interfaces: { CLI: 'x', REST } }));
      expect([error.code, error.field, error.value]).toEqual(['validation_error', 'interfaces.REST', REST]);
      expect(error.message).toContain('such as "http://10.0.0.1:9000"');
    },
  );
});

describe('an address of a gRPC interface', () => {
  test.each([
    'host:1',
    '10.0.0.1:65535',
    '[::1]:9001',
    'my_host.internal:9001',
    'grpc://host:9001',
    'grpcs://host:9001',
    'http://host:9001',
    'dns:///host:9001',
    'unix:/run/socket',
    'ipv4:10.0.0.1:9001',
  ])('may be %s', (gRPC) => {
    expect(parse({ interfaces: { gRPC } }).interfaces).toEqual({ gRPC });
  });

  test.each(['host', 'host:0', 'host:65536', 'host:port', ':9001', 'ftp://host:9001', 'grpc://', 'dns:', 'h:1 2'])(
    'may not be %s',
    (gRPC) => {
      const error = refusal(() => parse({ interfaces: { gRPC } }));
      expect([error.field, error.value]).toEqual(['interfaces.gRPC', gRPC]);
      expect(error.message).toContain('host:port such as "10.0.0.1:9001"');
    },
  );
});

describe('the target of a heartbeat or deregistration', () => {
  test('is a name and an id, and may name a lease', () => {
    expect(parseHeartbeatTarget({ name: 'a', id: 'b' })).toEqual({ name: 'a', id: 'b' });
    expect(parseDeregistrationTarget({ name: 'a', id: 'b', lease_id: 1 })).toEqual({ name: 'a', id: 'b', lease_id: 1 });
    const longest = { name: 'a'.repeat(64), id: 'B'.repeat(128), lease_id: Number.MAX_SAFE_INTEGER };
    expect(parseHeartbeatTarget(longest)).toEqual(longest);
    expect(parseHeartbeatTarget({ name: 'a', id: 'b', lease_id: undefined }).lease_id).toBeUndefined();
  });

  test.each([
    [{ id: 'b' }, 'name'],
    [{ name: 'a' }, 'id'],
    [{ name: 'A', id: 'b' }, 'name'],
    [{ name: 'a\n', id: 'b' }, 'name'],
    [{ name: '', id: 'b' }, 'name'],
    [{ name: 'a'.repeat(65), id: 'b' }, 'name'],
    [{ name: 'a', id: 'b_' }, 'id'],
    [{ name: 'a', id: '' }, 'id'],
    [{ name: 'a', id: 'b'.repeat(129) }, 'id'],
    [{ name: 'a', id: 'b', lease_id: 0 }, 'lease_id'],
    [{ name: 'a', id: 'b', lease_id: -1 }, 'lease_id'],
    [{ name: 'a', id: 'b', lease_id: 1.5 }, 'lease_id'],
    [{ name: 'a', id: 'b', lease_id: 2 ** 53 }, 'lease_id'],
    [{ name: 'a', id: 'b', lease_id: '1' }, 'lease_id'],
    [{ name: 'a', id: 'b', lease: 1 }, 'lease'],
    [null, undefined],
    [[], undefined],
  ])('is not %j', (target, field) => {
    for (const work of [parseHeartbeatTarget, parseDeregistrationTarget]) {
      const error = refusal(() => work(target));
      expect([error.code, error.field]).toEqual(['validation_error', field]);
    }
  });
});

test('a name or id from a path is checked under the name it has there', () => {
  expect([parseName('a-1'), parseInstanceId('A-1')]).toEqual(['a-1', 'A-1']);
  expect(refusal(() => parseName('A')).field).toBe('name');
  expect(refusal(() => parseName('A', 'dependency')).field).toBe('dependency');
  expect(refusal(() => parseInstanceId('a b')).field).toBe('id');
});
