import { holdParameters } from '../../../registry/watch-queries.ts';
import { scrapeKeys } from '../prometheus-targets.ts';
import { type Operation, readAnswers } from './operation.ts';
import { filters } from './parameters.ts';

/** What only looks. */

const reads = {
  group: 'Discovery',
  method: 'GET',
  prefixes: ['/v1', ''],
  headers: ['If-None-Match'],
} as const satisfies Partial<Operation>;

export const listInstances = {
  ...reads,
  id: 'listInstances',
  path: '/services',
  summary: 'List instances of all services',
  description: 'By name and id, those that meet every condition.',
  query: [...filters, 'name', 'limit', 'offset', 'cursor', 'consistency', 'fields', ...holdParameters],
  answers: readAnswers('A page of the list.', 'ShownInstances', ['X-Total-Count', 'X-Manifest-Cursor', 'Link']),
  errors: ['rate_limit_exceeded'],
  example: { status: 'up', tag: 'core', limit: '100' },
} as const satisfies Operation;

export const getService = {
  ...reads,
  id: 'getService',
  path: '/services/{name}',
  summary: 'Look a service up',
  description: 'The record where it has one instance, an array where it has several, healthy ones first.',
  query: [...filters, 'consistency', 'fields', ...holdParameters],
  answers: readAnswers('The instances.', 'OneOrMoreInstances'),
  errors: ['service_not_found', 'rate_limit_exceeded'],
  example: { fields: 'interfaces,status' },
} as const satisfies Operation;

export const getServiceInstances = {
  ...reads,
  id: 'getServiceInstances',
  path: '/services/{name}/instances',
  summary: 'List the instances of a service',
  description: 'Always an array, healthy ones first, then by id. Empty where there is none.',
  query: [...filters, 'consistency', 'fields', ...holdParameters],
  answers: readAnswers('The instances.', 'ShownInstances'),
  errors: ['rate_limit_exceeded'],
  example: { version: '^2.1' },
} as const satisfies Operation;

export const getInstance = {
  ...reads,
  id: 'getInstance',
  path: '/services/{name}/{id}',
  summary: 'Look an instance up',
  description: 'Its record.',
  query: ['consistency', 'fields'],
  answers: readAnswers('The record.', 'ShownInstance'),
  errors: ['service_not_found'],
} as const satisfies Operation;

export const watch = {
  id: 'watch',
  group: 'Discovery',
  method: 'GET',
  path: '/watch',
  prefixes: ['/v1'],
  summary: 'Follow changes',
  description:
    'Sends each change as a Server-Sent Event, in the order of the revisions, with nothing lost and nothing twice: resume at any member with the id of the last event. A comment keeps the line open every 15 s.',
  query: [...filters, 'name', 'service', 'from', 'initial', 'consistency'],
  headers: ['Last-Event-ID'],
  answers: {
    200: {
      description:
        'Changes (registered, updated, status, deregistered, expired), whose id is their revision. current and synced: the present state, and that it is whole. compacted: what happened since is not known any more; the present state follows, and replaces what was known. progress: nothing else happened through its id. closed: the end, and why; resume anywhere.',
      headers: ['Cache-Control', 'X-Accel-Buffering'],
      content: {
        'text/event-stream': {
          schema: 'Text',
          events: {
            registered: 'WatchedInstance',
            updated: 'WatchedInstance',
            status: 'WatchedInstance',
            deregistered: 'WatchedInstance',
            expired: 'WatchedInstance',
            current: 'Instance',
            synced: 'Position',
            compacted: 'Position',
            progress: 'Position',
            closed: 'Error',
          },
          example: 'id: 41\nevent: synced\ndata: {"revision":41}\n\n',
        },
      },
    },
  },
  errors: ['rate_limit_exceeded', 'service_unavailable'],
  example: { service: 'billing', initial: 'true' },
} as const satisfies Operation;

export const getDependencyGraph = {
  ...reads,
  id: 'getDependencyGraph',
  group: 'Dependencies',
  path: '/dependencies',
  prefixes: ['/v1'],
  summary: 'See who depends on whom',
  description: 'The graph of all services, with missing ones, cycles, and the order in which they may start.',
  query: ['consistency'],
  answers: readAnswers('The graph.', 'DependencyGraph'),
} as const satisfies Operation;

export const getDependencies = {
  ...reads,
  id: 'getDependencies',
  group: 'Dependencies',
  path: '/services/{name}/dependencies',
  summary: 'See what a service depends on',
  description: 'Each with its health, and whether all of them are up.',
  query: ['consistency', 'transitive'],
  answers: readAnswers('What it depends on.', 'Dependencies'),
  errors: ['service_not_found'],
  example: { transitive: 'true' },
} as const satisfies Operation;

export const getDependents = {
  ...getDependencies,
  id: 'getDependents',
  path: '/services/{name}/dependents',
  summary: 'See what depends on a service',
  description: 'Each with its health.',
  answers: readAnswers('What depends on it.', 'Dependents'),
} as const satisfies Operation;

export const getPrometheusTargets = {
  ...reads,
  id: 'getPrometheusTargets',
  path: '/sd/prometheus',
  prefixes: ['/v1'],
  summary: 'Let Prometheus discover instances',
  description: `For http_sd_configs: every listed instance with a REST interface. Labels: __meta_manifest_service, _instance_id, _version, _status, _environment, _region, _owner, _tags (each tag between commas, with one on both ends), and _metadata_KEY, where other characters than letters, digits and _ have become _. __scheme__ is that of the address, unless the metadata has ${scrapeKeys.scheme} (http or https); __metrics_path__ is ${scrapeKeys.path} of the metadata where that begins with /. While the registry cannot confirm the list it answers 503, and Prometheus keeps the targets it has.`,
  query: [...filters, 'name', 'consistency'],
  answers: readAnswers('The targets.', 'PrometheusTargets'),
  example: { environment: 'production' },
} as const satisfies Operation;
