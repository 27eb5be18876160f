import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from './cluster.ts';
import { runPython } from './python.ts';

const runner = 'test/process/quick-reference/run.py';

/** As the runner lists them. Each takes its text from the document and runs it unchanged. */
const programs = [
  'client library API',
  'SAP-043: several interfaces',
  'complete example, ended by Ctrl+C',
  'complete example, ended by SIGTERM',
  'dependencies',
  'discovery pattern 1: direct lookup',
  'discovery pattern 2: list with filtering',
  'discovery pattern 3: dependency resolution',
  'discovery pattern 4: caching',
  'workflow 4: health check before calling',
  'pattern 1: service factory',
  'pattern 2: heartbeat manager',
  'pattern 3: dependency resolver',
  'pattern 4: service proxy',
  'pitfall 1: heartbeat after registration',
  'pitfall 2: heartbeat failures',
  'pitfall 3: discovered addresses',
  'pitfall 4: deregistering on shutdown',
  'pitfall 5: cached lookups',
  'pitfall 6: discovery with retries',
  'quick start',
  'troubleshooting: service not found',
  'troubleshooting: unhealthy',
] as const;

let cluster: Cluster | undefined;
beforeAll(async () => {
  // The document's own port, and short leases for the services that turn unhealthy on purpose.
  cluster = await startCluster({ basePort: 8500, env: { MANIFEST_TTL_MIN: '0.5' } });
});
afterAll(() => cluster?.stop());

test('every Python program of the quick reference is run here', async () => {
  expect((await runPython([runner, 'list'])).trimEnd().split('\n')).toEqual(programs);
});

test.each(programs)('the quick reference runs as printed: %s', async (program) => {
  await runPython([runner, program, ...(cluster?.urls ?? [])]);
});
