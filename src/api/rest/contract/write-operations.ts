import { type Answer, json, type Operation } from './operation.ts';

/** What changes the registry. */

const acknowledged = (what: string, schema: 'HeartbeatResult' | 'DeregistrationResult') =>
  ({
    200: {
      description: `${what}, for those who prefer to see the result.`,
      headers: ['Preference-Applied'],
      content: json(schema),
    },
    204: { description: `${what}.` },
  }) as const satisfies Readonly<Record<number, Answer>>;

export const registerInstance = {
  id: 'registerInstance',
  group: 'Instances',
  method: 'POST',
  path: '/services',
  prefixes: ['/v1', ''],
  summary: 'Register an instance',
  description:
    'Lists an instance, and gives it a lease that heartbeats renew. The same name and id again: the same record with what is sent now, and a new lease.',
  body: {
    schema: 'Registration',
    required: true,
    example: {
      name: 'billing',
      id: 'billing-1',
      version: '2.1.0',
      interfaces: { REST: 'http://10.0.0.7:9000' },
      metadata: { tags: ['core'], environment: 'production' },
    },
  },
  writes: true,
  answers: {
    200: {
      description: 'It was listed already and has a new lease.',
      headers: ['X-Manifest-Index'],
      content: json('RegistrationResult'),
    },
    201: {
      description: 'It is listed from now on.',
      headers: ['X-Manifest-Index', 'Location'],
      content: json('RegistrationResult'),
    },
  },
  errors: ['validation_error', 'invalid_version', 'dependency_not_found'],
} as const satisfies Operation;

export const heartbeatInstance = {
  id: 'heartbeatInstance',
  group: 'Instances',
  method: 'PUT',
  path: '/services/{name}/{id}/heartbeat',
  prefixes: ['/v1', ''],
  summary: 'Renew a lease',
  description: 'Tells that the instance is well. Without heartbeats it turns unhealthy, and is removed later.',
  headers: ['Prefer'],
  body: { schema: 'Lease', required: false, example: { lease_id: 7 } },
  writes: true,
  answers: acknowledged('The lease is renewed', 'HeartbeatResult'),
  errors: ['service_not_found', 'lease_mismatch', 'service_gone'],
} as const satisfies Operation;

export const heartbeat = {
  ...heartbeatInstance,
  id: 'heartbeat',
  path: '/heartbeat',
  summary: 'Renew a lease, with the instance in the body',
  body: { schema: 'HeartbeatTarget', required: true, example: { name: 'billing', id: 'billing-1' } },
} as const satisfies Operation;

export const heartbeats = {
  id: 'heartbeats',
  group: 'Instances',
  method: 'POST',
  path: '/heartbeats',
  prefixes: ['/v1'],
  summary: 'Renew many leases',
  description: 'At most 5,000 at once. What could not be renewed is told, and does not keep the others from it.',
  body: {
    schema: 'HeartbeatBatch',
    required: true,
    example: { instances: [{ name: 'billing', id: 'billing-1' }] },
  },
  writes: true,
  answers: { 200: { description: 'What was renewed, and what was not.', content: json('HeartbeatsResult') } },
} as const satisfies Operation;

export const deregisterInstance = {
  id: 'deregisterInstance',
  group: 'Instances',
  method: 'DELETE',
  path: '/services/{name}/{id}',
  prefixes: ['/v1', ''],
  summary: 'Deregister an instance',
  description: 'Takes it off the list at once. A tombstone tells those who still send heartbeats for it.',
  headers: ['Prefer'],
  body: { schema: 'Lease', required: false, example: { lease_id: 7 } },
  writes: true,
  answers: acknowledged('It is no longer listed', 'DeregistrationResult'),
  errors: ['service_not_found', 'lease_mismatch'],
} as const satisfies Operation;
