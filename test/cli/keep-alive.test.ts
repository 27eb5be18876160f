import { EventEmitter } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { KeptLease } from '../../src/cli/kept-lease.ts';
import { freePorts } from '../process/cluster.ts';
import { waitFor } from '../process/wait-for.ts';
import { run } from './command-line.ts';
import { type PreparedAnswer, recordOf, ScriptedMember, type SeenRequest } from './scripted-member.ts';

const members: ScriptedMember[] = [];
const leases: KeptLease[] = [];

afterEach(async () => {
  await Promise.all(leases.splice(0).map((lease) => lease.end()));
  await Promise.all(members.splice(0).map((member) => member.stop()));
});

type Script = (request: SeenRequest) => PreparedAnswer | undefined;

/** Takes registrations, with a lease more each time, heartbeats and goodbyes, where `script` does not say otherwise. */
async function member(script: Script = () => undefined, firstLease = 1): Promise<ScriptedMember> {
  let lease = firstLease;
  const started = await ScriptedMember.start((request) => {
    const scripted = script(request);
    if (scripted) return scripted;
    if (request.method !== 'POST') return { status: 204 };
    return { status: 201, body: { ...(request.body as object), lease_id: lease++, heartbeat_interval: 0.02 } };
  });
  members.push(started);
  return started;
}

const said = ({ requests }: ScriptedMember) =>
  requests.map(({ method, body }) => `${method} ${(body as { lease_id?: number } | null)?.lease_id ?? '-'}`);

async function sees(registry: ScriptedMember, what: string, times = 1): Promise<void> {
  await waitFor(() => said(registry).filter((one) => one === what).length >= times || undefined, {
    timeoutMs: 10_000,
    what,
    everyMs: 2,
  });
}

async function keep(...urls: readonly string[]): Promise<{ lease: KeptLease; told: string[] }> {
  const told: string[] = [];
  const { name, id, version, interfaces } = recordOf('a', 'a-1');
  const record = { name, id, version, interfaces };
  const lease = new KeptLease({ urls, token: null, timeoutMs: 5_000 }, record, (text) => told.push(text));
  leases.push(lease);
  await lease.begin();
  return { lease, told };
}

const refused = (status: number, error: string): PreparedAnswer => ({ status, body: { error, message: `${error}.` } });

describe('a kept lease', () => {
  it('registers, heartbeats with its lease at the interval that the registry says, and says goodbye', async () => {
    const registry = await member();
    const { lease, told } = await keep(registry.url);
    await sees(registry, 'PUT 1', 3);
    await lease.end();
    expect(said(registry)[0]).toBe('POST -');
    expect(said(registry).at(-1)).toBe('DELETE 1');
    expect(told).toEqual(['registered a/a-1']);
    const count = registry.requests.length;
    await lease.end();
    expect(registry.requests.length).toBeLessThanOrEqual(count + 1);
  });

  it.each([404, 410])('registers again when a heartbeat is answered with %i', async (status) => {
    const registry = await member(({ method, body }) => {
      const isOld = method === 'PUT' && (body as { lease_id: number }).lease_id === 1;
      return isOld ? refused(status, 'service_gone') : undefined;
    });
    await keep(registry.url);
    await sees(registry, 'PUT 2', 2);
    expect(said(registry).slice(0, 4)).toEqual(['POST -', 'PUT 1', 'POST -', 'PUT 2']);
  });

  it('begins though no member answers, and registers as soon as one does', async () => {
    let isAway = true;
    const registry = await member(() => (isAway ? refused(503, 'service_unavailable') : undefined));
    const { told } = await keep(registry.url);
    expect(told).toEqual([expect.stringMatching(/^no heartbeat gets through; trying on: /)]);
    isAway = false;
    await sees(registry, 'PUT 1');
    expect(told.slice(1)).toEqual(['registered a/a-1', 'heartbeats get through again']);
  });

  it('heartbeats through the other members, first through the one that answered last', async () => {
    const [port] = await freePorts(1);
    const [cut, whole] = [await member(() => refused(503, 'service_unavailable')), await member()];
    await keep(`http://127.0.0.1:${port}`, cut.url, whole.url);
    await sees(whole, 'PUT 1', 5);
    expect(said(cut)).toEqual(['POST -']);
  });

  it('keeps trying through a time in which nobody answers, under the lease that it has', async () => {
    let isAway = false;
    const registry = await member(() => (isAway ? { hangUp: true } : undefined));
    const { told } = await keep(registry.url);
    await sees(registry, 'PUT 1', 2);
    isAway = true;
    await waitFor(() => told.length > 1 || undefined, { timeoutMs: 10_000, what: 'the trouble to be told' });
    isAway = false;
    await waitFor(() => told.length > 2 || undefined, { timeoutMs: 10_000, what: 'the end of it to be told' });
    expect(told.at(-1)).toBe('heartbeats get through again');
    expect(new Set(said(registry).slice(1))).toEqual(new Set(['PUT 1']));
  });

  it('leaves the place to a newer process with the same id, and does not deregister it', async () => {
    const registry = await member(({ method }) => (method === 'PUT' ? refused(409, 'lease_mismatch') : undefined));
    const { lease, told } = await keep(registry.url);
    await sees(registry, 'PUT 1', 3);
    await lease.end();
    expect(said(registry).filter((one) => !one.startsWith('PUT'))).toEqual(['POST -']);
    expect(told.filter((text) => text.includes('stands back'))).toHaveLength(1);
  });

  it('takes the place again when the newer process has left it', async () => {
    let beats = 0;
    const registry = await member(({ method }) => {
      if (method !== 'PUT') return undefined;
      beats++;
      if (beats > 3) return undefined;
      return beats < 3 ? refused(409, 'lease_mismatch') : refused(410, 'service_gone');
    });
    const { lease } = await keep(registry.url);
    await sees(registry, 'PUT 2');
    await lease.end();
    expect(said(registry).at(-1)).toBe('DELETE 2');
  });

  it('takes a mismatch for its own doing when a registration of its own went unanswered', async () => {
    const silent = await member(({ method }) => (method === 'POST' ? { hangUp: true } : undefined));
    // The first registration was carried out after the second one: the lease is 2 by now.
    const registry = await member(({ body }) =>
      (body as { lease_id?: number } | null)?.lease_id === 1 ? refused(409, 'lease_mismatch') : undefined,
    );
    const { told } = await keep(silent.url, registry.url);
    await sees(registry, 'PUT 2', 2);
    expect(said(registry).slice(0, 3)).toEqual(['POST -', 'PUT 1', 'POST -']);
    expect(told).toEqual(['registered a/a-1']);
  });

  it('does not say goodbye before a registration that is under way has been answered', async () => {
    let answerSecond = () => {};
    let posts = 0;
    const registry = await member(({ method }) => {
      if (method === 'PUT') return refused(410, 'service_gone');
      if (method !== 'POST') return undefined;
      posts++;
      answerSecond();
      return undefined;
    });
    const { lease } = await keep(registry.url);
    const ended = new Promise<void>((resolve) => {
      answerSecond = () => {
        if (posts === 2) resolve(lease.end());
      };
    });
    await ended;
    expect(said(registry).slice(-2)).toEqual(['POST -', 'DELETE 2']);
  });

  it('says when it could not deregister', async () => {
    const registry = await member(({ method }) =>
      method === 'DELETE' ? refused(503, 'service_unavailable') : undefined,
    );
    const { lease, told } = await keep(registry.url);
    await lease.end();
    expect(told.at(-1)).toMatch(/^could not deregister a\/a-1; it is removed when its lease ends: /);
  });
});

describe('register --keep-alive', () => {
  const command = (...lines: readonly string[]) => [process.execPath, '-e', lines.join(';')];
  const flags = ['register', 'a', '--id', 'a-1', '--version', '1.0.0', '--interface', 'CLI=a', '--keep-alive'];

  it.each<[string, readonly string[], number]>([
    ['its own', command('process.exit(3)'), 3],
    ['0', command(''), 0],
    ['128 and the number of the signal that ended it', command('process.kill(process.pid, "SIGKILL")'), 137],
  ])('ends with the exit code of the command: %s', async (_what, line, code) => {
    const registry = await member();
    const outcome = await run([...flags, '--url', registry.url, '--', ...line]);
    expect({ code: outcome.code, out: outcome.out }).toEqual({ code, out: '' });
    expect(said(registry)[0]).toBe('POST -');
    expect(said(registry).at(-1)).toBe('DELETE 1');
  });

  it.each<[string, string, number, string]>([
    ['127 where there is no such program', '/nowhere/at/all', 127, 'no such program'],
    ['127 where there is none of that name', 'no-such-program-anywhere', 127, 'no such program'],
    ['126 where it is a directory', tmpdir(), 126, 'none that may be run (EACCES)'],
    ['126 where it may not be run', fileURLToPath(import.meta.url), 126, 'none that may be run (EACCES)'],
  ])('ends with %s, and registers nothing', async (_what, program, code, reason) => {
    const registry = await member();
    const outcome = await run([...flags, '--url', registry.url, '--', program, 'x']);
    expect(outcome).toEqual({ code, out: '', err: expect.stringContaining(`cannot run ${program}: `) });
    expect(outcome.err).toContain(reason);
    expect(said(registry)).toEqual([]);
  });

  it('finds a program by its name', async () => {
    const { url } = await member();
    expect((await run([...flags, '--url', url, '--', 'sh', '-c', 'exit 9'])).code).toBe(9);
  });

  it('hands the command its own flags and dashes', async () => {
    const { url } = await member();
    const line = ['-e', 'process.exit(process.argv.join(" ").endsWith("--version 2 -- x") ? 42 : 1)'];
    expect(
      (await run([...flags, '--url', url, '--', process.execPath, ...line, '--', '--version', '2', '--', 'x'])).code,
    ).toBe(42);
  });

  it('reads the record from a file', async () => {
    const registry = await member();
    const directory = mkdtempSync(join(tmpdir(), 'manifest-keep-alive-'));
    writeFileSync(join(directory, 'record.json'), JSON.stringify(recordOf('a', 'from-file')));
    const file = ['register', '--file', join(directory, 'record.json'), '--keep-alive', '--url', registry.url];
    expect((await run([...file, '--', ...command('process.exit(9)')])).code).toBe(9);
    rmSync(directory, { recursive: true });
    expect(registry.last.url.pathname).toBe('/v1/services/a/from-file');
  });

  it('runs nothing where the registry refuses the record', async () => {
    const { url } = await member(() => refused(400, 'validation_error'));
    const { code, err } = await run([...flags, '--url', url, '--', ...command('process.exit(9)')]);
    expect(code).toBe(2);
    expect(err).toContain('validation_error');
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'])(
    'forwards %s, and deregisters when the command has ended by it',
    async (name) => {
      const registry = await member();
      const signals = new EventEmitter();
      const pidFile = join(mkdtempSync(join(tmpdir(), 'manifest-signal-')), 'ready');
      const ended = run(
        [
          ...[...flags, '--url', registry.url, '--'],
          ...command(
            `process.on('${name}', () => process.exit(77))`,
            `require('fs').writeFileSync('${pidFile}', '')`,
            'setInterval(() => {}, 1000)',
          ),
        ],
        { signals },
      );
      await waitFor(() => existsSync(pidFile) || undefined, { timeoutMs: 10_000, what: 'the command to be ready' });
      expect(said(registry)).not.toContain('DELETE 1');
      signals.emit(name);
      expect((await ended).code).toBe(77);
      expect(said(registry).at(-1)).toBe('DELETE 1');
      expect(signals.eventNames()).toEqual([]);
    },
  );

  it('runs nothing when it is stopped before it could', async () => {
    const signals = new EventEmitter();
    const registry = await member(({ method }) => {
      if (method === 'POST') signals.emit('SIGTERM');
      return undefined;
    });
    expect((await run([...flags, '--url', registry.url, '--', ...command('process.exit(9)')], { signals })).code).toBe(
      143,
    );
    expect(said(registry)).toEqual(['POST -', 'DELETE 1']);
  });
});
