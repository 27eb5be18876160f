import { execFileSync } from 'node:child_process';
import { afterAll, expect, test } from 'vitest';
import { ComposeCluster, whyNoDocker } from './docker.ts';
import { call, registration } from './rest.ts';
import { waitFor } from './wait-for.ts';

let cluster: ComposeCluster | undefined;
afterAll(() => cluster?.down());

const reads = (url: string, name: string) =>
  waitFor(
    async () => {
      const answer = await call(url, 'GET', `/v1/services/${name}`, undefined, { timeoutMs: 3_000 });
      return answer.status === 200 ? answer.body : undefined;
    },
    { timeoutMs: 60_000, what: `${url} to answer with ${name}`, everyMs: 100 },
  );

test('the compose file builds and runs a cluster that survives its leader', async (context) => {
  const reason = whyNoDocker();
  if (reason !== null) {
    console.log(`skipped: ${reason}`);
    context.skip(reason);
  }
  cluster = await ComposeCluster.create();
  cluster.compose('build');
  cluster.compose('up', '-d', '--no-build');
  const [first = '', second = '', third = ''] = cluster.urls;
  await reads(first, 'manifest');

  const written = await call(first, 'POST', '/v1/services', registration('contained', 'contained-1'));
  expect(written.status).toBe(201);
  for (const url of [second, third]) expect((await reads(url, 'contained')).lease_id).toBe(written.body.lease_id);
  await waitFor(() => cluster?.inspect('node-1').health === 'healthy' || undefined, {
    timeoutMs: 60_000,
    what: 'the health check to pass',
    everyMs: 500,
  });
  expect(cluster.inspect('node-1').user).toBe('node');

  const { body } = await call(first, 'GET', '/v1/cluster');
  const leader: string = body.leader;
  execFileSync('docker', ['kill', cluster.containerOf(leader)], { stdio: 'ignore' });
  const survivor = cluster.urls.find((_, i) => `node-${i + 1}` !== leader) ?? '';
  expect((await reads(survivor, 'contained')).lease_id).toBe(written.body.lease_id);
  const during = await call(survivor, 'POST', '/v1/services', registration('contained', 'contained-2'));
  expect(during.status).toBe(201);

  cluster.compose('start', leader);
  const returned = cluster.urls[Number(leader.slice(-1)) - 1] ?? '';
  const both = await reads(returned, 'contained');
  expect(both.map(({ id }: { id: string }) => id).sort()).toEqual(['contained-1', 'contained-2']);

  // A stop is a farewell: the process hears SIGTERM and ends by itself, with success.
  cluster.compose('stop');
  const code = execFileSync('docker', ['inspect', '-f', '{{.State.ExitCode}}', cluster.containerOf(leader)]);
  expect(code.toString().trim()).toBe('0');
}, 600_000);
