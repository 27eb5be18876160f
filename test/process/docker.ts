import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from './cluster.ts';

const projectDirectory = fileURLToPath(new URL('../../', import.meta.url));
const baseImage = 'node:22-bookworm-slim';
const standInImage = 'manifest-test-base:stand-in';

function succeeds(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 60_000 }).status === 0;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: projectDirectory,
    env,
    encoding: 'utf8',
    timeout: 600_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return stdout;
  throw new Error(
    `${command} ${args.join(' ')} ended with ${status}:\n${stdout.slice(-2_000)}\n${stderr.slice(-2_000)}`,
  );
}

/** Why containers cannot be tried here; `null` when they can. */
export function whyNoDocker(): string | null {
  if (!succeeds('docker', 'info')) return 'no Docker Engine answers (docker info fails)';
  if (!composeCommand()) return 'neither "docker compose" nor "docker-compose" is installed';
  return null;
}

function composeCommand(): readonly [string, ...string[]] | null {
  if (succeeds('docker', 'compose', 'version')) return ['docker', 'compose'];
  return succeeds('docker-compose', 'version') ? ['docker-compose'] : null;
}

/** The Dockerfile's base image where it can be had, and otherwise one made of this machine's own parts. */
function obtainBaseImage(): string {
  if (succeeds('docker', 'image', 'inspect', baseImage) || succeeds('docker', 'pull', baseImage)) return baseImage;
  if (!succeeds('docker', 'image', 'inspect', standInImage)) {
    run(join(projectDirectory, 'scripts/stand-in-base-image.sh'), [standInImage]);
  }
  return standInImage;
}

/** The compose file's cluster, under names and ports of its own. */
export class ComposeCluster {
  readonly urls: readonly string[];
  readonly #project = `manifest-test-${process.pid}`;
  readonly #directory = mkdtempSync(join(tmpdir(), 'manifest-compose-'));
  readonly #env: NodeJS.ProcessEnv;
  readonly #compose: readonly [string, ...string[]];

  private constructor(compose: readonly [string, ...string[]], ports: readonly number[], base: string) {
    this.#compose = compose;
    const [rest, grpc] = [ports.slice(0, 3), ports.slice(3)];
    this.urls = rest.map((port) => `http://127.0.0.1:${port}`);
    const npmrc = join(homedir(), '.npmrc');
    this.#env = {
      ...process.env,
      MANIFEST_IMAGE: `${this.#project}:latest`,
      MANIFEST_NODE_IMAGE: base,
      // Packages come from wherever this machine gets its own.
      MANIFEST_NPMRC: existsSync(npmrc) ? readFileSync(npmrc, 'utf8') : '',
      ...Object.fromEntries(rest.map((port, i) => [`MANIFEST_REST_PORT_${i + 1}`, String(port)])),
      ...Object.fromEntries(grpc.map((port, i) => [`MANIFEST_GRPC_PORT_${i + 1}`, String(port)])),
    };
    const services = Object.fromEntries([1, 2, 3].map((i) => [`node-${i}`, { build: { network: 'host' } }]));
    writeFileSync(join(this.#directory, 'override.json'), JSON.stringify({ version: '3.8', services }));
  }

  static async create(): Promise<ComposeCluster> {
    const compose = composeCommand();
    if (!compose) throw new Error('There is no docker compose.');
    return new ComposeCluster(compose, await freePorts(6), obtainBaseImage());
  }

  compose(...args: readonly string[]): string {
    const [command, ...first] = this.#compose;
    const files = ['-f', 'docker-compose.cluster.yml', '-f', join(this.#directory, 'override.json')];
    return run(command, [...first, '-p', this.#project, ...files, ...args], this.#env);
  }

  containerOf(service: string): string {
    return this.compose('ps', '-q', service).trim();
  }

  /** Health as the image's own check tells it, and who the process runs as. */
  inspect(service: string): { readonly health: string; readonly user: string } {
    const format = '{{.State.Health.Status}} {{.Config.User}}';
    const [health = '', user = ''] = execFileSync('docker', ['inspect', '-f', format, this.containerOf(service)], {
      encoding: 'utf8',
    })
      .trim()
      .split(' ');
    return { health, user };
  }

  down(): void {
    this.compose('down', '-v', '--timeout', '10');
    spawnSync('docker', ['image', 'rm', `${this.#project}:latest`], { stdio: 'ignore' });
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
