import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePorts } from './cluster.ts';
import { waitFor } from './wait-for.ts';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let directory = '';
const undo: (() => unknown)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'manifest-start-'));
});
afterEach(async () => {
  for (const each of undo.splice(0)) await each();
  rmSync(directory, { recursive: true, force: true });
});

/** A member that is starting, with all that it says. */
function serve(ports: readonly number[], env: Readonly<Record<string, string>>) {
  const [rest, grpc, peer] = ports.map(String);
  const parameters = ['serve', '--rest-port', rest ?? '', '--grpc-port', grpc ?? '', '--peer-port', peer ?? ''];
  const child = spawn(process.execPath, [program, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', MANIFEST_DATA_DIR: join(directory, 'data'), ...env },
  });
  undo.push(() => child.kill('SIGKILL'));
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  return { child, said, ended: once(child, 'close') as Promise<[number | null, string | null]> };
}

test('a member names every port that is taken, at once, and says nothing else', async () => {
  const ports = await freePorts(3);
  const [rest, , peer] = ports;
  for (const port of [rest, peer]) {
    const server: Server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    undo.push(() => server.close());
  }
  const { said, ended } = serve(ports, {});
  expect(await ended).toEqual([1, null]);
  expect(said.err).toBe(
    `error: ports ${rest}, ${peer} are in use\n` +
      'hint: end the process that uses them, or choose others with --rest-port, --peer-port\n',
  );
  expect(existsSync(join(directory, 'data'))).toBe(false);
});

// In a process of its own: what it guards against is a loop that no timeout of a test would end.
test.skipIf(!existsSync('/proc/self'))('a data directory that cannot be made is told', async () => {
  const { said, ended } = serve(await freePorts(3), { MANIFEST_DATA_DIR: '/proc/nowhere' });
  expect(await ended).toEqual([1, null]);
  expect(said.err).toMatch(/^error: the directory \/proc\/nowhere cannot be made: .*\nhint: .*--data-dir\n$/);
});

test.skipIf(process.platform === 'win32').each([
  ['that is told to stop ends when its grace is over', 1],
  ['that is told twice ends at once', 2],
])('a member that hangs while it starts %s', async (_what, times) => {
  // Whoever reads from this waits for ever, as with a disk that went away.
  const data = join(directory, 'data');
  mkdirSync(data);
  writeFileSync(join(data, '000001.log'), '');
  await once(spawn('mkfifo', [join(data, 'CURRENT')]), 'exit');
  const graceMs = times === 1 ? 1_000 : 600_000;
  const { child, said, ended } = serve(await freePorts(3), { MANIFEST_SHUTDOWN_GRACE_MS: String(graceMs) });
  await waitFor(() => said.out.includes('"starting"') || undefined, { timeoutMs: 20_000, what: 'the member to start' });
  child.kill('SIGTERM');
  await waitFor(() => said.out.includes('stopping; ') || undefined, { timeoutMs: 20_000, what: 'it to stop' });
  if (times === 2) {
    // Two signals within half a second are one wish.
    const again = setInterval(() => child.kill('SIGTERM'), 200);
    undo.push(() => clearInterval(again));
  }
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(said.out).not.toContain('"serving"');
  const reason = times === 1 ? 'not stopped within shutdown-grace-ms (1000 ms)' : 'told again, by SIGTERM';
  expect(said.err).toBe(`error: ${reason}: ended at once\n`);
});
