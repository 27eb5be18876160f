import { invalid } from './bad-registrations.ts';
import type { HttpRequest } from './http.ts';

export interface BadRequest extends HttpRequest {
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly field?: string;
}

const json = { 'content-type': 'application/json' } as const;
const instance = '/v1/services/billing/billing-1';

/** Requests that are wrong in other ways than by their record. `billing-1` of `billing` must be registered. */
export const badRequests: readonly BadRequest[] = [
  ...brokenBodies(),
  ...wrongTypesOfBody(),
  ...wrongPaths(),
  ...wrongParameters(),
  ...wrongTargets(),
];

function brokenBodies(): BadRequest[] {
  const post = { method: 'POST', path: '/v1/services', headers: json, status: 400, code: invalid } as const;
  return [
    { ...post, title: 'no body' },
    { ...post, title: 'a body of spaces', body: '   ' },
    { ...post, title: 'half a body', body: '{"name": "billing"' },
    { ...post, title: 'a body that is no JSON', body: '{"name": billing}' },
    { ...post, title: 'JSON with a comma too many', body: '{"name": "billing",}' },
    { ...post, title: 'JSON with something after it', body: '{} {}' },
    { ...post, title: 'bytes that are no UTF-8', body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]) },
    { ...post, title: 'JSON null', body: 'null' },
    { ...post, title: 'a JSON array', body: '[]' },
    { ...post, title: 'a JSON string', body: '"billing"' },
    { ...post, title: 'a JSON number', body: '5' },
    {
      ...post,
      title: 'a name twice, of which the second is bad',
      body: '{"name": "billing", "name": "UP"}',
      field: 'name',
    },
    {
      ...post,
      title: 'an interface that changes what objects are',
      body: '{"name": "billing", "interfaces": {"__proto__": "http://a"}}',
      field: '__proto__',
    },
    {
      ...post,
      title: 'a compressed body',
      headers: { ...json, 'content-encoding': 'gzip' },
      body: '{}',
      status: 415,
      code: 'unsupported_media_type',
      field: 'content-encoding',
    },
    { ...post, title: 'a deep JSON array', body: `${'['.repeat(20_000)}${']'.repeat(20_000)}`, field: 'metadata' },
    {
      ...post,
      title: 'a body above 64 KB',
      body: `{"name": "${'a'.repeat(70_000)}"}`,
      status: 413,
      code: 'payload_too_large',
    },
    {
      ...post,
      title: 'a batch above 1 MB',
      path: '/v1/heartbeats',
      body: `{"instances": ["${'a'.repeat(1_100_000)}"]}`,
      status: 413,
      code: 'payload_too_large',
    },
  ];
}

function wrongTypesOfBody(): BadRequest[] {
  const wrong = { status: 415, code: 'unsupported_media_type', field: 'content-type', body: '{}' } as const;
  return [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/xml',
    'application/jsonp',
    'nonsense',
  ].flatMap((type) => [
    {
      ...wrong,
      title: `a registration as ${type}`,
      method: 'POST',
      path: '/v1/services',
      headers: { 'content-type': type },
    },
    {
      ...wrong,
      title: `a heartbeat as ${type}`,
      method: 'PUT',
      path: '/v1/heartbeat',
      headers: { 'content-type': type },
    },
  ]);
}

function wrongPaths(): BadRequest[] {
  const none = { status: 404, code: 'not_found', field: 'path' } as const;
  const method = { status: 405, code: 'method_not_allowed', field: 'method' } as const;
  return [
    { ...none, title: 'an unknown path', path: '/v1/nothing' },
    { ...none, title: 'an unknown path with a body that is no JSON', method: 'POST', path: '/nothing', body: '{{{' },
    { ...none, title: 'the root', path: '/' },
    { ...none, title: 'an unknown version', path: '/v2/services' },
    { ...none, title: 'a path that is too long by a part', path: `${instance}/heartbeat/now` },
    { ...none, title: 'health without its version', path: '/health' },
    { ...none, title: 'the watch without its version', path: '/watch' },
    { ...none, title: 'a path in capitals', path: '/v1/SERVICES' },
    { ...none, title: 'a path with two slashes', path: '//v1/services' },
    { ...none, title: 'a path with parameters in it', path: '/v1/services;tag=a' },
    { ...none, title: 'the server as a whole', method: 'OPTIONS', path: '*' },
    {
      title: 'the dependencies of a service that nobody is and nobody needs',
      path: '/v1/services/nobody/dependencies',
      status: 404,
      code: 'service_not_found',
    },
    {
      title: 'a broken escape in the path',
      path: '/v1/services/%zz',
      status: 400,
      code: 'invalid_parameter',
      field: 'path',
    },
    {
      title: 'an escape in the path that is no UTF-8',
      path: '/v1/services/%ff',
      status: 400,
      code: 'invalid_parameter',
      field: 'path',
    },
    ...['%00', '%2e%2e', '..', '__proto__', '%20', 'a%0ab', ''].map((part) => ({
      title: `the name "${part}" in the path`,
      path: `/v1/services/${part}/x`,
      status: 400,
      code: invalid,
      field: 'name',
    })),
    { ...method, title: 'PUT on the list', method: 'PUT', path: '/v1/services' },
    { ...method, title: 'DELETE on the list', method: 'DELETE', path: '/services' },
    { ...method, title: 'POST on an instance', method: 'POST', path: instance },
    { ...method, title: 'PATCH on an instance', method: 'PATCH', path: instance },
    { ...method, title: 'GET on a heartbeat', path: '/v1/heartbeat' },
    { ...method, title: 'POST on health', method: 'POST', path: '/v1/health' },
    { ...method, title: 'a method of another protocol', method: 'PROPFIND', path: '/v1/services' },
    { ...method, title: 'TRACE', method: 'TRACE', path: '/v1/services' },
    { ...method, title: 'OPTIONS', method: 'OPTIONS', path: '/v1/services' },
  ];
}

function wrongParameters(): BadRequest[] {
  const wrong = (query: string, field: string): BadRequest => ({
    title: `?${query.slice(0, 60)}`,
    path: `/v1/services?${query}`,
    status: 400,
    code: 'invalid_parameter',
    field,
  });
  return [
    wrong('status=sleepy', 'status'),
    wrong('status=up&status=down', 'status'),
    wrong('tag=Not%20Ok', 'tag.0'),
    wrong('environment=moon', 'environment'),
    wrong('dependency=No', 'dependency'),
    wrong('interface=', 'interface'),
    wrong('instance_id=a/b', 'instance_id'),
    wrong('name=UPPER', 'name'),
    wrong('limit=0', 'limit'),
    wrong('limit=1001', 'limit'),
    wrong('limit=-1', 'limit'),
    wrong('limit=1e2', 'limit'),
    wrong('limit=', 'limit'),
    wrong('limit=5&limit=6', 'limit'),
    wrong('offset=-1', 'offset'),
    wrong('offset=99999999999999999999', 'offset'),
    wrong('consistency=eventual', 'consistency'),
    wrong('consistency=stale&consistency=stale', 'consistency'),
    wrong('version=one', 'version'),
    wrong('version=', 'version'),
    wrong('version=1.0.0&version=2.0.0', 'version'),
    wrong('cursor=abc', 'cursor'),
    wrong('wait=30s', 'index'),
    wrong('index=-1', 'index'),
    wrong('index=5&index=6', 'index'),
    wrong('index=5&wait=soon', 'wait'),
    wrong('index=5&wait=301s', 'wait'),
    wrong('index=5&wait=1s&wait=2s', 'wait'),
    wrong('metadata.=x', 'metadata.'),
    wrong('metadata.team=x&metadata.team=y', 'metadata.team'),
    wrong('owner=a&metadata.owner=b', 'metadata.owner'),
    wrong('cursor=&offset=3', 'offset'),
    wrong('environment=staging&environment=staging', 'environment'),
    wrong('dependency=a&dependency=b', 'dependency'),
    wrong('interface=REST&interface=CLI', 'interface'),
    wrong('instance_id=a&instance_id=b', 'instance_id'),
    wrong('name=a&name=b', 'name'),
    wrong('offset=1&offset=1', 'offset'),
    wrong('offset=1.5', 'offset'),
    wrong('limit=0x10', 'limit'),
    wrong('limit=1%30%30%30%30', 'limit'),
    wrong('name=%zz', 'name'),
    wrong('name=%ff', 'name'),
    wrong('tag=%', 'tag.0'),
    wrong('tag=a&tag=%00', 'tag.1'),
    wrong('tag=', 'tag.0'),
    wrong('tag[]=a', 'tag[]'),
    wrong('colour=red', 'colour'),
    wrong('fields=name,colour', 'fields.1'),
    wrong('fields=', 'fields.0'),
    wrong('fields=metadata.tags', 'fields.0'),
    wrong('fields=name&fields=id', 'fields'),
    { ...wrong('fields=name', 'fields'), title: 'fields of the graph', path: '/v1/dependencies?fields=name' },
    wrong('constructor=x', 'constructor'),
    wrong('__proto__=x', '__proto__'),
    wrong(`name=${'a'.repeat(65)}`, 'name'),
    { ...wrong('name=x', 'name'), title: 'a prefix on one service', path: '/v1/services/billing?name=b' },
    { ...wrong('status=up', 'status'), title: 'a filter on one instance', path: `${instance}?status=up` },
    { ...wrong('hash=maybe', 'hash'), title: 'a hash that is neither true nor false', path: '/v1/cluster?hash=maybe' },
    {
      ...wrong('transitive=yes', 'transitive'),
      title: 'a relation that is neither direct nor not',
      path: '/v1/services/billing/dependencies?transitive=yes',
    },
    { ...wrong('tag=a', 'tag'), title: 'a filter on the graph', path: '/v1/dependencies?tag=a' },
    { ...wrong('x=1', 'x'), title: 'an unknown parameter of the cluster', path: '/v1/cluster?x=1' },
  ];
}

function wrongTargets(): BadRequest[] {
  const heartbeat = (path: string, body: unknown, field?: string): BadRequest => ({
    title: `PUT ${path.slice(0, 40)} ${JSON.stringify(body).slice(0, 60)}`,
    method: 'PUT',
    path,
    json: body,
    status: 400,
    code: invalid,
    ...(field === undefined ? {} : { field }),
  });
  const batch = (body: unknown, field: string): BadRequest => ({
    ...heartbeat('/v1/heartbeats', body, field),
    method: 'POST',
  });
  const target = { name: 'billing', id: 'billing-1' } as const;
  return [
    heartbeat('/v1/services/Billing/x/heartbeat', {}, 'name'),
    heartbeat('/v1/services/billing/a%2Fb/heartbeat', {}, 'id'),
    heartbeat(`/v1/services/${'a'.repeat(3_000)}/x/heartbeat`, {}, 'name'),
    heartbeat(`${instance}/heartbeat`, { lease_id: 'one' }, 'lease_id'),
    heartbeat(`${instance}/heartbeat`, { lease_id: 1.5 }, 'lease_id'),
    heartbeat(`${instance}/heartbeat`, { lease_id: -1 }, 'lease_id'),
    heartbeat(`${instance}/heartbeat`, { lease_id: 1e30 }, 'lease_id'),
    heartbeat(`${instance}/heartbeat`, { name: 'other' }, 'name'),
    heartbeat(`${instance}/heartbeat`, { id: 'other' }, 'id'),
    heartbeat(`${instance}/heartbeat`, { mood: 'good' }, 'mood'),
    heartbeat(`${instance}/heartbeat`, []),
    heartbeat(`${instance}/heartbeat`, 'beat'),
    heartbeat('/v1/heartbeat', {}, 'name'),
    heartbeat('/heartbeat', { name: 'billing' }, 'id'),
    heartbeat('/v1/heartbeat', { ...target, lease_id: 0 }, 'lease_id'),
    heartbeat('/v1/heartbeat', { ...target, extra: 1 }, 'extra'),
    batch([], 'instances'),
    batch({}, 'instances'),
    batch({ instances: {} }, 'instances'),
    batch({ instances: [], more: 1 }, 'instances'),
    batch({ instances: [target, { name: 'billing' }] }, 'instances[1].id'),
    batch({ instances: [null] }, 'instances[0]'),
    batch({ instances: [{ ...target, lease_id: '7' }] }, 'instances[0].lease_id'),
    {
      ...batch({ instances: Array.from({ length: 5_001 }, () => ({ name: 'b', id: 'i' })) }, 'instances'),
      title: 'a batch of 5,001 heartbeats',
      status: 413,
      code: 'payload_too_large',
    },
    {
      ...heartbeat(instance, { lease_id: 'one' }, 'lease_id'),
      title: 'a deregistration of a lease in words',
      method: 'DELETE',
    },
    {
      title: 'a deregistration of an impossible name',
      method: 'DELETE',
      path: '/v1/services/UP/x',
      status: 400,
      code: invalid,
      field: 'name',
    },
    { title: 'a read of an impossible name', path: '/v1/services/UP', status: 400, code: invalid, field: 'name' },
    { title: 'a read of an impossible id', path: '/v1/services/billing/a_b', status: 400, code: invalid, field: 'id' },
    {
      title: 'a read of a name above the limit',
      path: `/v1/services/${'a'.repeat(5_000)}`,
      status: 400,
      code: invalid,
      field: 'name',
    },
    {
      title: 'a read of a service nobody registered',
      path: '/v1/services/nobody',
      status: 404,
      code: 'service_not_found',
    },
    {
      title: 'a heartbeat of an instance nobody registered',
      method: 'PUT',
      path: '/v1/services/nobody/x/heartbeat',
      status: 404,
      code: 'service_not_found',
    },
    {
      title: 'a deregistration of an instance nobody registered',
      method: 'DELETE',
      path: '/v1/services/nobody/x',
      status: 404,
      code: 'service_not_found',
    },
  ];
}

export interface BrokenStream {
  readonly title: string;
  readonly bytes: string;
  readonly status: number;
  readonly code: string;
  readonly field?: string;
}

const host = 'Host: x\r\n';

const closing = `${host}Connection: close\r\n`;

/** What is no request at all, or one that Node would refuse by itself. */
export const brokenStreams: readonly BrokenStream[] = [
  { title: 'words', bytes: 'good morning\r\n\r\n', status: 400, code: invalid },
  {
    title: 'a header line without a name',
    bytes: `GET /livez HTTP/1.1\r\n${host}: x\r\n\r\n`,
    status: 400,
    code: invalid,
  },
  {
    title: 'a header of 20 KB',
    bytes: `GET /livez HTTP/1.1\r\n${host}x-a: ${'a'.repeat(20_000)}\r\n\r\n`,
    status: 431,
    code: 'payload_too_large',
  },
  {
    title: 'a path of 20 KB',
    bytes: `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`,
    status: 431,
    code: 'payload_too_large',
  },
  {
    title: 'two lengths',
    bytes: `POST /v1/services HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`,
    status: 400,
    code: invalid,
  },
  {
    title: 'a length and chunks',
    bytes: `POST /v1/services HTTP/1.1\r\n${host}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
    status: 400,
    code: invalid,
  },
  {
    title: 'a length below zero',
    bytes: `POST /v1/services HTTP/1.1\r\n${host}Content-Length: -5\r\n\r\n{}`,
    status: 400,
    code: invalid,
  },
  {
    title: 'a chunk of no length',
    bytes: `POST /v1/services HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    status: 400,
    code: invalid,
  },
  {
    title: 'a method that HTTP does not know',
    bytes: `BREW /livez HTTP/1.1\r\n${host}\r\n`,
    status: 400,
    code: invalid,
  },
  { title: 'a version to come', bytes: `GET /livez HTTP/3.0\r\n${host}\r\n`, status: 400, code: invalid },
  { title: 'the first line of HTTP/2', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', status: 400, code: invalid },
  { title: 'the beginning of TLS', bytes: '\x16\x03\x01\x00\xa5\x01\x00\x00', status: 400, code: invalid },
  {
    title: 'a zero byte in a header',
    bytes: `GET /livez HTTP/1.1\r\n${host}x-a: \x00\r\n\r\n`,
    status: 400,
    code: invalid,
  },
  { title: 'a space in the path', bytes: `GET /live z HTTP/1.1\r\n${host}\r\n`, status: 400, code: invalid },
  {
    title: 'no host',
    bytes: 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n',
    status: 400,
    code: invalid,
    field: 'host',
  },
  {
    title: 'two hosts',
    bytes: `GET /livez HTTP/1.1\r\n${closing}Host: y\r\n\r\n`,
    status: 400,
    code: invalid,
    field: 'host',
  },
  {
    title: 'an expectation of something else',
    bytes: `POST /v1/services HTTP/1.1\r\n${closing}Expect: tea\r\nContent-Length: 2\r\n\r\n{}`,
    status: 400,
    code: invalid,
    field: 'expect',
  },
  {
    title: 'a demand for a tunnel',
    bytes: `CONNECT example.org:443 HTTP/1.1\r\n${host}\r\n`,
    status: 405,
    code: 'method_not_allowed',
    field: 'method',
  },
];
