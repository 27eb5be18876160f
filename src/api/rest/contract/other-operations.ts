import { json, type Operation } from './operation.ts';

/** For whoever runs the registry, and whoever wants to know what it can. */

const looks = {
  group: 'Operations',
  method: 'GET',
  prefixes: ['/v1'],
} as const satisfies Partial<Operation>;

const wordOrJson = {
  'text/plain': { schema: 'Text' },
  'application/json': { schema: 'Readiness' },
} as const;

export const getHealth = {
  ...looks,
  id: 'getHealth',
  path: '/health',
  summary: 'See whether a member is healthy',
  description: 'Answered even by a member that has too much to do.',
  answers: {
    200: { description: 'It is.', headers: ['Cache-Control'], content: json('HealthReport') },
    503: {
      description: 'It is not, and why.',
      headers: ['Cache-Control', 'Retry-After'],
      content: json('UnhealthyReport'),
    },
  },
} as const satisfies Operation;

export const getLiveness = {
  ...looks,
  id: 'getLiveness',
  path: '/livez',
  prefixes: ['/v1', ''],
  summary: 'See whether the process runs',
  description: 'A word, or JSON for those who accept it.',
  answers: { 200: { description: 'It does.', headers: ['Cache-Control'], content: wordOrJson } },
} as const satisfies Operation;

export const getReadiness = {
  ...looks,
  id: 'getReadiness',
  path: '/readyz',
  prefixes: ['/v1', ''],
  summary: 'See whether a member can answer',
  description: 'A word, or JSON for those who accept it.',
  answers: {
    200: { description: 'It can.', headers: ['Cache-Control'], content: wordOrJson },
    503: { description: 'It cannot, and why.', headers: ['Cache-Control', 'Retry-After'], content: wordOrJson },
  },
} as const satisfies Operation;

export const getCluster = {
  ...looks,
  id: 'getCluster',
  path: '/cluster',
  summary: 'See the members',
  description: 'Who leads, and how far each one is.',
  query: ['hash'],
  answers: { 200: { description: 'The cluster.', headers: ['Cache-Control'], content: json('ClusterStatus') } },
  errors: ['service_unavailable'],
} as const satisfies Operation;

export const getMetrics = {
  ...looks,
  id: 'getMetrics',
  path: '/metrics',
  summary: 'Read the metrics',
  description: "The member's own, in the text format of Prometheus.",
  answers: {
    200: { description: 'The metrics.', headers: ['Cache-Control'], content: { 'text/plain': { schema: 'Text' } } },
  },
  errors: ['not_found'],
} as const satisfies Operation;

export const getDescription = {
  ...looks,
  id: 'getDescription',
  path: '/openapi.json',
  summary: 'Read this description',
  description: 'An OpenAPI 3.1 document, made from what requests are validated by.',
  headers: ['If-None-Match'],
  answers: {
    200: { description: 'The document.', headers: ['ETag', 'Cache-Control'], content: json('Description') },
    304: { description: 'What If-None-Match names is still good.', headers: ['ETag', 'Cache-Control'] },
  },
} as const satisfies Operation;

const pageHeaders = [
  'ETag',
  'Cache-Control',
  'Content-Security-Policy',
  'X-Content-Type-Options',
  'Referrer-Policy',
] as const;

export const getDocs = {
  ...getDescription,
  id: 'getDocs',
  path: '/docs',
  prefixes: [''],
  summary: 'Read this description as a page',
  description: 'Made from the same document.',
  answers: {
    200: {
      description: 'The page.',
      headers: pageHeaders,
      content: { 'text/html': { schema: 'Text' } },
    },
    304: { description: 'What If-None-Match names is still good.', headers: pageHeaders },
  },
} as const satisfies Operation;
