import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { isInstalled } from './load/run-program.ts';

/** What the numbers depend on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly fileSystem: string;
  /** Processes that ran or waited on average, in the minute before the benchmark began. */
  readonly loadBefore: number;
}

export interface Versions {
  readonly manifest: string;
  readonly node: string;
  readonly etcd: string | null;
  readonly h2load: string | null;
  readonly wrk: string | null;
}

/** @param directory in which the members keep their data */
export function describeMachine(directory: string): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release().split('-')[0] ?? '',
    fileSystem: fileSystemOf(directory),
    loadBefore: loadavg()[0] ?? 0,
  };
}

export function versions(): Versions {
  const file = new URL('../../package.json', import.meta.url);
  return {
    manifest: `${(JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version}${commit()}`,
    node: process.versions.node,
    etcd: versionOf('etcd', ['--version'], /etcd Version: (\S+)/),
    h2load: versionOf('h2load', ['--version'], /nghttp2\/(\S+)/),
    wrk: versionOf('wrk', ['--version'], /^wrk (?:debian\/)?(\S+)/),
  };
}

/** Other work that takes more than this share of the cores makes numbers worthless. */
const busyShare = 0.25;

/** What to say of a machine that did other work besides; `null` for a quiet one. */
export function busyWarning({ loadBefore, cores }: Machine): string | null {
  if (loadBefore <= busyShare * cores) return null;
  return `The machine did other work besides (a load of ${loadBefore.toFixed(1)} on ${cores} cores before the benchmark began): these numbers are preliminary.`;
}

/** File systems that keep everything in memory: nothing that is measured on them is durable. */
const volatileMagic = new Set([0x01021994, 0x858458f6]);

/** @throws Error when there is no such directory, or what is written in it is only in memory */
export function refuseVolatile(directory: string): void {
  if (!existsSync(directory)) throw new Error(`There is no directory ${directory}. Choose one with --dir.`);
  if (volatileMagic.has(statfsSync(directory).type)) {
    throw new Error(`${directory} is in memory. Choose a directory on a disk with --dir.`);
  }
}

function fileSystemOf(directory: string): string {
  try {
    const output = execFileSync('df', ['--output=fstype', directory], { encoding: 'utf8' });
    return output.trim().split('\n').at(-1) ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

function commit(): string {
  try {
    const options = { encoding: 'utf8', cwd: import.meta.dirname, stdio: 'pipe' } as const;
    return ` (${execFileSync('git', ['rev-parse', '--short', 'HEAD'], options).trim()})`;
  } catch {
    return '';
  }
}

/** Some of these programs say their version and end with 1. */
function versionOf(program: string, parameters: readonly string[], pattern: RegExp): string | null {
  if (!isInstalled(program)) return null;
  let output: string;
  try {
    output = execFileSync(program, parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    output = String((error as { readonly stdout?: string }).stdout ?? '');
  }
  return pattern.exec(output)?.[1] ?? 'unknown';
}
