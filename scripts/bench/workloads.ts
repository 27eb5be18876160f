import { messageOf } from '../../src/api/wire/protocol.ts';
import type { GrpcRequest, RestRequest } from './load/load.ts';
import { etcdMethod } from './systems/etcd-calls.ts';

/** Ten digits in ids, the last three of them in names: a thousand services. `#`s stand for them. */
export const servicesCount = 1_000;
const name = 'bench-###';
const id = 'bench-##########';

/** A record such as services have, of about 400 bytes as JSON. */
const registration = {
  name,
  id,
  version: '2.14.3',
  interfaces: { REST: 'http://10.20.30.40:9000/v1', gRPC: '10.20.30.40:9001' },
  metadata: {
    description: 'A service that is there to be measured',
    dependencies: ['orchestrator', 'ledger'],
    tags: ['core', 'payments', 'bench'],
    environment: 'production',
    region: 'eu-central-1',
    owner: 'team-money',
  },
};

/** The size of the record that is registered, and of the value that etcd puts. */
export const recordBytes = Buffer.byteLength(JSON.stringify(registration));

type Unprobed = Omit<GrpcRequest, 'answerBytes'>;

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function manifestCall(method: string, message: string, request: object): Unprobed {
  const bytes = messageOf(`manifest.v1.${message}`).serialize(request);
  expectPlaceholders(bytes, request);
  return { kind: 'grpc', path: `/manifest.v1.Registry/${method}`, messages: [base64(bytes)], call: 'unary' };
}

function etcdCall(path: string, request: object): Unprobed {
  const method = etcdMethod(path);
  const bytes = method.requestSerialize(request);
  expectPlaceholders(bytes, request);
  return { kind: 'grpc', path: method.path, messages: [base64(bytes)], call: 'unary' };
}

/** A length of 35 in a message is the same byte as `#`, and would be taken for a digit. */
function expectPlaceholders(bytes: Uint8Array, request: object): void {
  const wanted = JSON.stringify(request, (_key, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
  ).replaceAll(/[^#]/g, '').length;
  const found = bytes.filter((byte) => byte === '#'.charCodeAt(0)).length;
  if (found !== wanted) throw new RangeError('A part of a message is 35 bytes long: make it longer or shorter.');
}

export const registerRest: RestRequest = {
  kind: 'rest',
  method: 'POST',
  path: '/v1/services',
  body: JSON.stringify(registration),
};

export const registerGrpc = manifestCall('Register', 'RegisterRequest', {
  ...registration,
  metadata: { fields: structFields(registration.metadata) },
});

export const instancePath = `/v1/services/${name}/${id}`;

export const heartbeatRest: RestRequest = {
  kind: 'rest',
  method: 'PUT',
  path: `${instancePath}/heartbeat`,
  body: null,
};

export const heartbeatGrpc = manifestCall('Heartbeat', 'HeartbeatRequest', { name, id });

/** Heartbeats in one message, of instances that follow each other: those of a hundred with the same number. */
export const batchSize = 100;

const batch = Array.from({ length: batchSize }, (_, i) => {
  const last = String(i).padStart(2, '0');
  return { name: `bench-#${last}`, id: `bench-########${last}` };
});

export const heartbeatsRest: RestRequest = {
  kind: 'rest',
  method: 'POST',
  path: '/v1/heartbeats',
  body: JSON.stringify({ instances: batch }),
};

/** Messages over streams that stay open. */
export function heartbeatStream(size: 'one' | 'batch'): Unprobed {
  const instances = size === 'batch' ? batch : [{ name, id }];
  return { ...manifestCall('HeartbeatStream', 'HeartbeatsRequest', { instances }), call: 'stream' };
}

export function getRest(consistency: 'linearizable' | 'stale'): RestRequest {
  return { kind: 'rest', method: 'GET', path: `/v1/services/${name}?consistency=${consistency}`, body: null };
}

/** Always the same service: h2load sends one body. */
export function getGrpc(consistency: 'linearizable' | 'stale'): Unprobed {
  return manifestCall('GetService', 'GetServiceRequest', { name: 'bench-042', consistency });
}

/** One of many instances of a service. */
export const getInstanceGrpc = manifestCall('GetService', 'GetServiceRequest', { name, filter: { instance_id: id } });

/** Its key. */
export const rangeInstanceEtcd = etcdCall('KV/Range', { key: Buffer.from(`/bench/${name}/${id}`) });

/** The watch of each service, from `bench-000` on. */
export const watchManifest = {
  path: '/manifest.v1.Registry/Watch',
  call: 'watch',
  messages: everyService((service) => messageOf('manifest.v1.WatchRequest').serialize({ service })),
} as const;

export const watchEtcd = {
  path: '/etcdserverpb.Watch/Watch',
  call: 'stream',
  messages: everyService((service) => {
    const create_request = { key: Buffer.from(`/bench/${service}/`), range_end: Buffer.from(`/bench/${service}0`) };
    return etcdMethod('Watch/Watch').requestSerialize({ create_request });
  }),
} as const;

function everyService(encode: (service: string) => Uint8Array): string[] {
  return Array.from({ length: servicesCount }, (_, i) => base64(encode(`bench-${String(i).padStart(3, '0')}`)));
}

/** One page of the list, from this member's own state. */
export function listRest(limit: number): RestRequest {
  return { kind: 'rest', method: 'GET', path: `/v1/services?limit=${limit}&consistency=stale`, body: null };
}

export function listGrpc(limit: number): Unprobed {
  return manifestCall('ListServices', 'ListServicesRequest', { limit, consistency: 'stale' });
}

const keyPrefix = '/bench/';

/** The key and the record of one instance, as one who keeps a registry in etcd would. */
export const putEtcd = etcdCall('KV/Put', {
  key: Buffer.from(`${keyPrefix}${name}/${id}`),
  value: Buffer.from(JSON.stringify(registration)),
});

/** One key, as `getGrpc` asks for one service with one instance. */
export function rangeEtcd(serializable: boolean): Unprobed {
  return etcdCall('KV/Range', { key: Buffer.from(`${keyPrefix}bench-042/bench-0000000042`), serializable });
}

export function rangeOfEtcd(limit: number): Unprobed {
  const key = Buffer.from(keyPrefix);
  const range_end = Buffer.from('/bench0');
  return etcdCall('KV/Range', { key, range_end, limit, serializable: true });
}

export function keepAliveEtcd(leaseIds: readonly string[], call: 'unary' | 'stream'): Unprobed {
  const { path, requestSerialize } = etcdMethod('Lease/LeaseKeepAlive');
  return { kind: 'grpc', path, messages: leaseIds.map((ID) => base64(requestSerialize({ ID }))), call };
}

/** google.protobuf.Struct as the message has it. */
function structFields(object: Readonly<Record<string, string | readonly string[]>>): Record<string, object> {
  const asValue = (value: string | readonly string[]): object =>
    typeof value === 'string'
      ? { stringValue: value }
      : { listValue: { values: value.map((item) => ({ stringValue: item })) } };
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, asValue(value)]));
}
