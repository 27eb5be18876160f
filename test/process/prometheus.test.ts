import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Cluster, freePorts, startCluster } from './cluster.ts';
import { projectDirectory } from './python.ts';
import { call, registration } from './rest.ts';
import { waitFor } from './wait-for.ts';

const isInstalled = spawnSync('prometheus', ['--version'], { timeout: 30_000 }).status === 0;

let cluster: Cluster | undefined;
let prometheus: Prometheus | undefined;
afterEach(async () => {
  await prometheus?.stop();
  await cluster?.stop();
});

interface Target {
  /** After relabeling. */
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapeUrl: string;
  readonly discoveredLabels: Readonly<Record<string, string>>;
}

/** The configuration in the documentation, for another address and less patient. */
function documentedConfiguration(discoveryUrl: string): string {
  const text = readFileSync(join(projectDirectory, 'docs/rest.md'), 'utf8');
  const [, yaml = ''] = /```yaml\n(scrape_configs:\n[^`]*)```/.exec(text) ?? [];
  const changed = yaml
    .replace(/url: .*/, `url: '${discoveryUrl}'`)
    .replace(/refresh_interval: .*/, 'refresh_interval: 1s')
    .replace('job_name: services', 'job_name: services\n    scrape_interval: 1h');
  expect(changed).toContain(discoveryUrl);
  return changed;
}

/** A real Prometheus that asks the registry every second whom it is to watch. */
class Prometheus {
  readonly #url: string;
  readonly #directory: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(url: string, directory: string, process: ChildProcess) {
    this.#url = url;
    this.#directory = directory;
    this.#process = process;
    this.#exited = new Promise((resolve) => process.once('exit', resolve));
  }

  static async start(discoveryUrl: string): Promise<Prometheus> {
    const directory = mkdtempSync(join(tmpdir(), 'manifest-prometheus-'));
    const [port = 0] = await freePorts(1);
    const file = join(directory, 'prometheus.yml');
    writeFileSync(file, documentedConfiguration(discoveryUrl));
    const process = spawn(
      'prometheus',
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: 'ignore' },
    );
    return new Prometheus(`http://127.0.0.1:${port}`, directory, process);
  }

  async targets(): Promise<readonly Target[]> {
    const { status, body } = await call(this.#url, 'GET', '/api/v1/targets?state=active');
    expect(status).toBe(200);
    return body.data.activeTargets;
  }

  /** Waits until it knows these instances, and no others. */
  async knows(ids: readonly string[]): Promise<readonly Target[]> {
    let last: readonly unknown[] = [];
    return waitFor(
      async () => {
        const targets = await this.targets();
        last = targets.map(({ discoveredLabels }) => discoveredLabels.__meta_manifest_instance_id).toSorted();
        return JSON.stringify(last) === JSON.stringify(ids.toSorted()) ? targets : undefined;
      },
      { timeoutMs: 60_000, what: `the targets ${ids.join(', ')}` },
    ).catch((error: unknown) => {
      throw new Error(`${error}; the last ones were ${last.join(', ')}`);
    });
  }

  /** How often it asked the registry in vain. */
  async failures(): Promise<number> {
    const { body } = await call(this.#url, 'GET', '/metrics');
    const counts = String(body).matchAll(/^prometheus_sd_(?:http_failures|refresh_failures)_total\S* (\d+)$/gm);
    return [...counts].reduce((most, [, count]) => Math.max(most, Number(count)), 0);
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

test('Prometheus watches exactly the instances that are listed, and goes on while the registry cannot tell', async ({
  skip,
}) => {
  if (!isInstalled) {
    if (process.env.CI === 'true') throw new Error('prometheus is missing: apt-get install prometheus');
    return skip('prometheus is missing: apt-get install prometheus');
  }
  // Prometheus waits no longer for an answer than until it asks again.
  cluster = await startCluster({ nodes: 2, env: { MANIFEST_LEADER_WAIT_MS: '300' } });
  const url = cluster.url(0);
  // Nobody sends heartbeats for them.
  const ttl = { unhealthy_after: 3_600, remove_after: 7_200 };
  const register = (body: object) => call(url, 'POST', '/v1/services', { ...body, ttl });
  await register(
    registration('billing', 'billing-1', {
      interfaces: { REST: 'http://127.0.0.1:9/api' },
      metadata: { tags: ['core'], metrics_path: '/internal/metrics', 'odd-key.1': 'x' },
    }),
  );
  await register(registration('billing', 'billing-2', { interfaces: { REST: 'https://127.0.0.1:9' } }));
  await register(registration('billing', 'billing-3', { metadata: { tags: ['a', 'internal'] } }));
  await register(registration('ledger', 'ledger-1', { interfaces: { gRPC: '127.0.0.1:9' } }));

  prometheus = await Prometheus.start(`${url}/v1/sd/prometheus?name=b`);
  const targets = await prometheus.knows(['billing-1', 'billing-2']);
  const urls = targets.map(({ scrapeUrl }) => scrapeUrl).toSorted();
  expect(urls).toEqual(['http://127.0.0.1:9/internal/metrics', 'https://127.0.0.1:9/metrics']);
  const first = targets.find(({ labels }) => labels.instance === 'billing-1');
  expect(first?.labels).toEqual({ job: 'services', service: 'billing', instance: 'billing-1' });
  expect(first?.discoveredLabels).toMatchObject({
    __address__: '127.0.0.1:9',
    __meta_manifest_service: 'billing',
    __meta_manifest_version: '1.0.0',
    __meta_manifest_status: 'up',
    __meta_manifest_tags: ',core,',
    __meta_manifest_metadata_odd_key_1: 'x',
  });

  await call(url, 'DELETE', '/v1/services/billing/billing-2');
  await prometheus.knows(['billing-1']);

  await cluster.kill(1);
  const before = await prometheus.failures();
  await waitFor(async () => ((await prometheus?.failures()) ?? 0) >= before + 2 || undefined, {
    timeoutMs: 60_000,
    what: 'Prometheus to ask in vain',
  });
  expect((await call(url, 'GET', '/v1/sd/prometheus')).status).toBe(503);
  await prometheus.knows(['billing-1']);
});
