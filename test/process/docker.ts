import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './cluster.ts';
import { run } from './docker-commands.ts';
import { type DockerHost, packageSources, proxyVariables } from './docker-host.ts';

type Docker = Extract<DockerHost, { kind: 'docker' }>;

/** The compose file's cluster, under names and ports of its own. */
export class ComposeCluster {
  /** REST addresses of node-1, node-2 and node-3. */
  readonly urls: readonly string[];
  readonly token = randomBytes(8).toString('hex');
  readonly #project = `manifest-test-${randomBytes(4).toString('hex')}`;
  readonly #directory = mkdtempSync(join(tmpdir(), 'manifest-compose-'));
  readonly #compose: Docker['compose'];
  readonly #env: NodeJS.ProcessEnv;

  private constructor(docker: Docker, ports: readonly number[], npmrc: string) {
    const [rest, grpc] = [ports.slice(0, 3), ports.slice(3)];
    this.urls = rest.map((port) => `http://127.0.0.1:${port}`);
    this.#compose = docker.compose;
    this.#env = {
      ...process.env,
      MANIFEST_NODE_IMAGE: docker.baseImage,
      MANIFEST_NPMRC: npmrc,
      MANIFEST_AUTH_TOKEN: this.token,
      ...Object.fromEntries(rest.map((port, i) => [`MANIFEST_REST_PORT_${i + 1}`, String(port)])),
      ...Object.fromEntries(grpc.map((port, i) => [`MANIFEST_GRPC_PORT_${i + 1}`, String(port)])),
    };
    // Builds reach packages as this machine does: over its network, through its proxy.
    const build = { network: 'host', args: Object.fromEntries(proxyVariables().map((name) => [name, null])) };
    const services = Object.fromEntries([1, 2, 3].map((i) => [`node-${i}`, { build }]));
    writeFileSync(join(this.#directory, 'override.json'), JSON.stringify({ services }));
  }

  static async create(docker: Docker): Promise<ComposeCluster> {
    return new ComposeCluster(docker, await freePorts(6), await packageSources());
  }

  /** Runs a subcommand of compose on this cluster. @returns what it printed */
  compose(...args: readonly string[]): Promise<string> {
    const [command, ...first] = this.#compose;
    const files = ['-f', 'docker-compose.cluster.yml', '-f', join(this.#directory, 'override.json')];
    return run(command, [...first, '-p', this.#project, ...files, ...args], this.#env);
  }

  /** The id of a member's container, running or not. */
  async containerOf(service: string): Promise<string> {
    // Asked of the engine: the versions of compose differ in whether they list what is stopped.
    const labels = [`project=${this.#project}`, `service=${service}`].flatMap((label) => [
      '--filter',
      `label=com.docker.compose.${label}`,
    ]);
    return (await run('docker', ['ps', '--all', '--quiet', ...labels])).trim();
  }

  /** One fact about a member's container, by a Go template, such as `{{.State.ExitCode}}`. */
  async inspect(service: string, template: string): Promise<string> {
    return (await run('docker', ['inspect', '--format', template, await this.containerOf(service)])).trim();
  }

  async down(): Promise<void> {
    await this.compose('down', '--volumes', '--rmi', 'local', '--timeout', '10');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
