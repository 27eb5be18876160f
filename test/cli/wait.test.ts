import { afterEach, describe, expect, it } from 'vitest';
import { freePorts } from '../process/cluster.ts';
import { run } from './command-line.ts';
import { type PreparedAnswer, recordOf, ScriptedMember, type SeenRequest } from './scripted-member.ts';

const members: ScriptedMember[] = [];

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.stop()));
});

async function member(answer: (request: SeenRequest) => PreparedAnswer): Promise<ScriptedMember> {
  const started = await ScriptedMember.start(answer);
  members.push(started);
  return started;
}

const at = (revision: number, ...records: readonly unknown[]): PreparedAnswer => ({
  headers: { 'x-manifest-index': String(revision) },
  body: records,
});

describe('wait', () => {
  it('ends at once where the service is up', async () => {
    const { url } = await member(() => at(5, recordOf('a', 'a-1')));
    expect(await run(['wait', 'a', '--url', url])).toEqual({
      code: 0,
      out: '',
      err: 'waiting for a (at most 60s)\na is up\n',
    });
  });

  it('has the members hold their answer until something changes, for a service that is not there yet', async () => {
    const asked = await member(({ url: { searchParams } }) => {
      const index = searchParams.get('index');
      if (index === null) return at(5);
      return index === '5' ? at(8, recordOf('a', 'a-1', { status: 'unknown' })) : at(9, recordOf('a', 'a-1'));
    });
    expect((await run(['wait', 'a', '--url', asked.url])).code).toBe(0);
    expect(asked.requests.map(({ url }) => `${url.pathname}${url.search}`)).toEqual([
      '/v1/services/a/instances',
      '/v1/services/a/instances?index=5&wait=25s',
      '/v1/services/a/instances?index=8&wait=25s',
    ]);
  });

  it('waits for all of them, each as many times as asked for, with the conditions', async () => {
    const asked = await member(({ url: { pathname, searchParams } }) => {
      const name = pathname.split('/')[3] ?? '';
      const held = searchParams.has('index');
      return at(held ? 6 : 5, ...[1, 2].slice(0, held ? 2 : 1).map((i) => recordOf(name, `${name}-${i}`)));
    });
    const { code, err } = await run(['wait', 'a', 'b', '--count', '2', '--version', '^1', '--url', asked.url]);
    expect(code).toBe(0);
    expect(err.split('\n').sort()).toEqual(['', 'a is up', 'b is up', 'waiting for a, b (at most 60s)']);
    expect(asked.requests.map(({ url }) => [url.pathname, url.searchParams.get('version')]).sort()).toEqual([
      ['/v1/services/a/instances', '^1'],
      ['/v1/services/a/instances', '^1'],
      ['/v1/services/b/instances', '^1'],
      ['/v1/services/b/instances', '^1'],
    ]);
  });

  it('ends with 6 when the time is over, and says how each one is that is missing', async () => {
    const { url } = await member(({ url: { pathname, searchParams } }) => {
      if (searchParams.has('index')) return { hold: true };
      if (pathname.includes('/sick/')) return at(5, recordOf('sick', 'sick-1', { status: 'unhealthy' }));
      return pathname.includes('/well/') ? at(5, recordOf('well', 'well-1')) : at(5);
    });
    const { code, out, err } = await run(['wait', 'well', 'sick', 'none', '--timeout', '300ms', '--url', url]);
    expect({ code, out }).toEqual({ code: 6, out: '' });
    expect(err).toBe(
      'waiting for well, sick, none (at most 300ms)\nwell is up\n' +
        'error: not up after 300ms:\n  sick: sick-1 is unhealthy\n  none: no such instance is registered\n',
    );
  });

  it('waits for the registry itself, at any of its members', async () => {
    const [port] = await freePorts(1);
    let times = 0;
    const { url } = await member(() => {
      times++;
      return times === 1 ? { status: 503, body: { message: 'No leader.' } } : at(5, recordOf('a', 'a-1'));
    });
    expect((await run(['wait', 'a', '--url', `http://127.0.0.1:${port},${url}`])).code).toBe(0);
    expect(times).toBe(2);
  });

  it('says what kept it from knowing when the time is over', async () => {
    const [port] = await freePorts(1);
    const { code, err } = await run(['wait', 'a', '--timeout', '200ms', '--url', `http://127.0.0.1:${port}`]);
    expect(code).toBe(6);
    expect(err).toContain(`a: no registry answers at http://127.0.0.1:${port} (ECONNREFUSED)`);
  });

  it('does not wait where the registry has said no', async () => {
    const { url } = await member(() => ({ status: 400, body: { error: 'validation_error', message: 'Bad name.' } }));
    expect((await run(['wait', 'A B', '--url', url])).code).toBe(2);
  });

  it.each([
    ['--timeout', 'soon'],
    ['--count', '0'],
  ])('refuses %s %s', async (flag, value) => {
    expect((await run(['wait', 'a', flag, value])).code).toBe(2);
  });
});
