import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { type Cluster, startCluster } from './cluster.ts';
import { projectDirectory } from './python.ts';

/** Debian's packages are for Debian's Python, which need not be the first one of the path. */
const python = ['python3', '/usr/bin/python3'].find((program) => succeeds(program, ['-c', 'import grpc']));
const hasCompiler = succeeds('protoc', ['--version']) && succeeds('which', ['grpc_python_plugin']);

function succeeds(program: string, parameters: readonly string[]): boolean {
  return spawnSync(program, parameters, { timeout: 30_000 }).status === 0;
}

let cluster: Cluster | undefined;
let directory: string | undefined;
afterEach(async () => {
  await cluster?.stop();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

test('a gRPC client generated from proto/ in another language registers, streams heartbeats and watches', async ({
  skip,
}) => {
  if (!python || !hasCompiler) {
    const packages = 'python3-grpcio protobuf-compiler protobuf-compiler-grpc libprotobuf-dev';
    return skip(`grpcio or protoc is missing: apt-get install ${packages}`);
  }
  cluster = await startCluster();
  directory = mkdtempSync(join(tmpdir(), 'manifest-interchange-'));
  const parameters = [join(projectDirectory, 'test/process/interchange.py'), directory, ...cluster.grpcAddresses];
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', no_proxy: '*', NO_PROXY: '*' };
  const { stdout } = await promisify(execFile)(python, parameters, { env, timeout: 90_000 });
  expect(stdout.trimEnd().split('\n')).toEqual([
    'watch synced',
    'registered up True 10.0',
    'watch registered up other-language',
    'beat 1 [] ',
    "beat 1 ['service_not_found'] ",
    'beat 0 [] validation_error',
    'stream ended []',
    'refused INVALID_ARGUMENT invalid_version version',
    'watch deregistered down',
    "again ['registered', 'deregistered']",
  ]);
});
