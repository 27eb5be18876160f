import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { type Cluster, startCluster } from './cluster.ts';
import { outputOf, runPython, startPython } from './python.ts';

const liveTests = 'clients/python/live_tests';

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

test('the Python client passes its own tests against stub servers', async () => {
  await runPython(['-m', 'unittest', 'discover', '-s', 'clients/python/tests']);
});

test('the Python client writes through one member and reads through the others', async () => {
  cluster = await startCluster();
  await runPython(['-m', 'unittest', 'discover', '-s', liveTests, '-p', 'test_live.py'], {
    MANIFEST_TEST_URLS: cluster.urls.join(','),
  });
});

test('the Python client shows its token where the cluster wants one', async () => {
  const token = 'a-token-for-this-test';
  cluster = await startCluster({ nodes: 1, env: { MANIFEST_AUTH_TOKEN: token } });
  await runPython(['-m', 'unittest', 'discover', '-s', liveTests, '-p', 'test_live_auth.py'], {
    MANIFEST_TEST_URLS: cluster.urls.join(','),
    MANIFEST_TEST_TOKEN: token,
  });
});

test('no call of the Python client fails while leader after leader is killed', async () => {
  cluster = await startCluster();
  const caller = startPython([`${liveTests}/keep_calling.py`], { MANIFEST_TEST_URLS: cluster.urls.join(',') });
  const output = outputOf(caller, 'keep_calling.py');
  try {
    await Promise.race([once(caller.stdout, 'data'), output]);
    for (let round = 0; round < 3; round++) {
      const leader = await cluster.leader();
      await cluster.kill(leader, 'SIGKILL');
      await cluster.leader();
      cluster.startMember(leader);
      await cluster.ready();
    }
    caller.stdin.end();
    const report = JSON.parse((await output).replace('started', '')) as {
      calls: number;
      longest_seconds: number;
      problems: string[];
    };
    console.log(`${report.calls} calls over three dead leaders, the longest ${report.longest_seconds.toFixed(2)} s`);
    expect(report.problems).toEqual([]);
    expect(report.calls).toBeGreaterThan(50);
  } finally {
    caller.kill('SIGKILL');
    await output.catch(() => '');
  }
});
