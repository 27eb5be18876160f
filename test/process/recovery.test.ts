import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Cluster, startCluster } from './cluster.ts';
import { call, registration } from './rest.ts';
import { waitFor } from './wait-for.ts';

let cluster: Cluster | undefined;
const mounts: string[] = [];

afterEach(async () => {
  await cluster?.stop();
  for (const directory of mounts.splice(0)) {
    execFileSync('umount', [directory]);
    rmSync(directory, { recursive: true, force: true });
  }
});

const frequentSnapshots = { MANIFEST_SNAPSHOT_EVERY_ENTRIES: '200', MANIFEST_KEEP_ENTRIES: '20' };

/** Registers `count` instances through any running member and returns the ids that were acknowledged. */
async function registerMany(target: Cluster, name: string, count: number, padBytes = 0): Promise<string[]> {
  const acknowledged: string[] = [];
  const urls = target.urls.filter((_, i) => target.isRunning(i));
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const i = next++;
      const id = `${name}-${i}`;
      const url = urls[i % urls.length] ?? '';
      // Random, so that LevelDB's compression cannot make it small.
      const metadata = { padding: randomBytes(Math.ceil(padBytes / 2)).toString('hex') };
      const answer = await call(url, 'POST', '/v1/services', registration(name, id, { metadata })).catch(() => null);
      if (answer?.status === 201) acknowledged.push(id);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return acknowledged;
}

async function idsListed(url: string, name: string): Promise<Set<string>> {
  const { status, body } = await call(url, 'GET', `/v1/services/${name}/instances`);
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return new Set(body.map((record: { id: string }) => record.id));
}

function logOf(target: Cluster, i: number): string {
  return readFileSync(target.members[i]?.logFile ?? '', 'utf8');
}

test('a follower that was down while the log was compacted comes back by snapshot', async () => {
  cluster = await startCluster({ env: frequentSnapshots });
  const follower = ((await cluster.leader()) + 1) % 3;
  await cluster.kill(follower);
  const acknowledged = await registerMany(cluster, 'many', 1_500, 200);
  expect(acknowledged).toHaveLength(1_500);

  cluster.startMember(follower);
  const url = cluster.url(follower);
  const listed = await waitFor(() => idsListed(url, 'many'), { timeoutMs: 30_000, what: 'the follower to catch up' });
  expect(acknowledged.filter((id) => !listed.has(id))).toEqual([]);
  expect(logOf(cluster, follower)).toContain('restored a snapshot received from the leader');
  await cluster.sameState();

  // And what it received lasts: it starts from it by itself.
  await cluster.kill(follower);
  cluster.startMember(follower);
  await cluster.ready();
  await cluster.sameState();
});

test('a member whose files have a flipped byte in the middle refuses with a clear message and the others go on', async () => {
  cluster = await startCluster();
  const acknowledged = await registerMany(cluster, 'solid', 300, 300);
  const victim = ((await cluster.leader()) + 1) % 3;
  await cluster.kill(victim);
  flipMiddleByte(cluster.members[victim]?.dataDirectory ?? '');

  cluster.startMember(victim);
  const code = await cluster.exited(victim);
  expect(code).not.toBe(0);
  const said = logOf(cluster, victim).split('\n').slice(-15).join('\n');
  expect(said).toMatch(/damaged/i);
  expect(said).toContain(cluster.members[victim]?.dataDirectory);
  for (const url of cluster.urls.filter((_, i) => i !== victim)) {
    const listed = await idsListed(url, 'solid');
    expect(acknowledged.filter((id) => !listed.has(id))).toEqual([]);
  }
});

test('a member that lost bytes of its log refuses with a clear message', async () => {
  cluster = await startCluster();
  await registerMany(cluster, 'solid', 300, 300);
  const victim = ((await cluster.leader()) + 1) % 3;
  await cluster.kill(victim);
  cutMiddle(cluster.members[victim]?.dataDirectory ?? '');

  cluster.startMember(victim);
  expect(await cluster.exited(victim)).not.toBe(0);
  expect(logOf(cluster, victim).split('\n').slice(-15).join('\n')).toMatch(/damaged/i);
});

test('a member with an emptied data directory does not take part under its old name', async () => {
  cluster = await startCluster();
  const acknowledged = await registerMany(cluster, 'solid', 50);
  const victim = ((await cluster.leader()) + 1) % 3;
  await cluster.kill(victim);
  rmSync(cluster.members[victim]?.dataDirectory ?? '', { recursive: true });

  cluster.startMember(victim);
  expect(await cluster.exited(victim)).not.toBe(0);
  expect(logOf(cluster, victim)).toMatch(/another data directory/);
  const listed = await idsListed(cluster.url((victim + 1) % 3), 'solid');
  expect(acknowledged.filter((id) => !listed.has(id))).toEqual([]);
});

test('a member whose disk fills up ends with a clear message and no acknowledged write is lost', async (context) => {
  const small = mkdtempSync(join(tmpdir(), 'manifest-small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'manifest-test', small], { stdio: 'pipe' });
    mounts.push(small);
  } catch (error) {
    rmSync(small, { recursive: true });
    context.skip(`a small file system cannot be mounted here: ${String(error)}`);
  }
  cluster = await startCluster({ manual: true });
  // The member with the small disk starts first, is elected with the second, and so leads when it fills up.
  cluster.startMember(0, { MANIFEST_DATA_DIR: join(small, 'data') });
  cluster.startMember(1);
  cluster.startMember(2);
  await cluster.ready();

  const acknowledged: string[] = [];
  for (let round = 0; cluster.isRunning(0) && round < 40; round++) {
    acknowledged.push(...(await registerMany(cluster, `filler-${round}`, 100, 8_000)));
  }
  expect(cluster.isRunning(0)).toBe(false);
  const code = await cluster.exited(0);
  expect(code).not.toBe(0);
  expect(logOf(cluster, 0)).toMatch(/disk .*full/i);

  await cluster.leader();
  expect(acknowledged.length).toBeGreaterThan(300);
  for (const url of [cluster.url(1), cluster.url(2)]) {
    const { body } = await call(url, 'GET', '/v1/services?limit=1');
    expect(body).toHaveLength(1);
    const rounds = new Set(acknowledged.map((id) => id.slice(0, id.lastIndexOf('-'))));
    for (const name of rounds) {
      const listed = await idsListed(url, name);
      expect(acknowledged.filter((id) => id.startsWith(`${name}-`) && !listed.has(id))).toEqual([]);
    }
  }
});

/** The file in which most of what was written lies. */
function greatestDataFile(directory: string): string {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(log|ldb)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const [greatest] = files.toSorted((a, b) => statSync(b).size - statSync(a).size);
  if (!greatest) throw new Error(`no data file in ${directory}`);
  return greatest;
}

function flipMiddleByte(directory: string): void {
  const file = greatestDataFile(directory);
  const bytes = readFileSync(file);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x01;
  writeFileSync(file, bytes);
}

function cutMiddle(directory: string): void {
  const file = greatestDataFile(directory);
  const bytes = readFileSync(file);
  const middle = Math.floor(bytes.length / 2);
  writeFileSync(file, Buffer.concat([bytes.subarray(0, middle), bytes.subarray(middle + 50)]));
}
