import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { run } from './command-line.ts';
import { type PreparedAnswer, recordOf, ScriptedMember, type SeenRequest, statusOf } from './scripted-member.ts';

let fake: ScriptedMember | null = null;

afterEach(async () => {
  await fake?.stop();
  fake = null;
});

async function registry(answer: PreparedAnswer | ((request: SeenRequest) => PreparedAnswer)): Promise<ScriptedMember> {
  fake = await ScriptedMember.start(typeof answer === 'function' ? answer : () => answer);
  return fake;
}

describe('get', () => {
  it('asks for the service, or for one instance', async () => {
    const { url } = await registry(({ url: { pathname } }) => ({
      body: pathname.endsWith('/a-1') ? recordOf('a', 'a-1') : [recordOf('a', 'a-1'), recordOf('a', 'a-2')],
    }));
    expect((await run(['get', 'a', '--url', url])).out.trimEnd().split('\n')).toHaveLength(3);
    expect(fake?.last.url.pathname).toBe('/v1/services/a');
    expect((await run(['get', 'a', 'a-1', '--url', url])).out.trimEnd().split('\n')).toHaveLength(2);
    expect(fake?.last.url.pathname).toBe('/v1/services/a/a-1');
  });

  it('prints a list for a service however many instances it has, and the record alone for an instance', async () => {
    const { url } = await registry({ body: recordOf('a', 'a-1') });
    expect(JSON.parse((await run(['get', 'a', '-o', 'json', '--url', url])).out)).toEqual([recordOf('a', 'a-1')]);
    expect(JSON.parse((await run(['get', 'a', 'a-1', '-o', 'json', '--url', url])).out)).toEqual(recordOf('a', 'a-1'));
  });

  it('lets no name leave its place in the path', async () => {
    const { url } = await registry({ body: [recordOf('a', 'a-1')] });
    await run(['get', '../cluster?x=', '--url', url]);
    expect(fake?.last.url.pathname).toBe('/v1/services/..%2Fcluster%3Fx%3D');
  });

  it('ends with 3 where there is no such service', async () => {
    const { url } = await registry({
      status: 404,
      body: { error: 'service_not_found', message: 'Service x is unknown.' },
    });
    expect(await run(['get', 'x', '--url', url])).toEqual({
      code: 3,
      out: '',
      err: 'error: Service x is unknown. [service_not_found]\n',
    });
  });
});

describe('register', () => {
  const directory = mkdtempSync(join(tmpdir(), 'manifest-register-'));
  const created = (request: SeenRequest): PreparedAnswer => ({
    status: 201,
    body: { ...(request.body as object), lease_id: 1 },
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('sends what the flags say and prints the id of the instance', async () => {
    const { url } = await registry(created);
    const { code, out } = await run([
      ...['register', 'billing', '--id', 'b-1', '--version', '2.1.0', '--url', url],
      ...['--interface', 'REST=http://h:1/?a=b', '--interface', 'CLI=billing', '--tag', 'core', '--tag', 'money'],
      ...['--dependency', 'orchestrator', '--description', 'Invoices', '--environment', 'production'],
      ...['--region', 'eu-1', '--owner', 'team-money'],
      ...[
        '--metadata',
        '{"region": "eu", "tags": ["overruled"]}',
        '--heartbeat-interval',
        '2.5',
        '--remove-after',
        '9',
      ],
    ]);
    expect({ code, out }).toEqual({ code: 0, out: 'b-1\n' });
    expect(fake?.last.body).toEqual({
      name: 'billing',
      id: 'b-1',
      version: '2.1.0',
      interfaces: { REST: 'http://h:1/?a=b', CLI: 'billing' },
      metadata: {
        region: 'eu-1',
        owner: 'team-money',
        description: 'Invoices',
        environment: 'production',
        tags: ['core', 'money'],
        dependencies: ['orchestrator'],
      },
      ttl: { heartbeat_interval: 2.5, remove_after: 9 },
    });
  });

  it('makes up the id itself, so that it can ask a second member without registering twice', async () => {
    const silent = await ScriptedMember.start(() => ({ hangUp: true }));
    const { url } = await registry(created);
    const { code, out } = await run(['register', 'billing', '--version', '1.0.0', '--url', `${silent.url},${url}`]);
    const ids = [silent.last.body, fake?.last.body].map((body) => (body as { id: string }).id);
    await silent.stop();
    expect(code).toBe(0);
    expect(ids[0]).toMatch(/^billing-[0-9a-f]{8}$/);
    expect(new Set([...ids, out.trim()]).size).toBe(1);
  });

  it('reads the whole record from a file, or from standard input', async () => {
    const { url } = await registry(created);
    const file = join(mkdtempSync(join(tmpdir(), 'manifest-record-')), 'record.json');
    writeFileSync(file, JSON.stringify(recordOf('a', 'from-file')));
    expect((await run(['register', '--file', file, '--url', url])).out).toBe('from-file\n');
    const input = JSON.stringify(recordOf('a', 'from-input'));
    expect((await run(['register', '--file', '-', '--url', url], { input })).out).toBe('from-input\n');
    expect(fake?.last.body).toEqual(recordOf('a', 'from-input'));
  });

  it.each<[string, string[], string]>([
    ['two names', ['a', 'b'], 'one NAME only, not also "b"'],
    ['a command without --keep-alive', ['a', '--', 'true'], 'a command to run goes with --keep-alive'],
    ['--keep-alive without a command', ['a', '--keep-alive'], '--keep-alive needs a command after --'],
    ['--keep-alive without a name', ['--keep-alive', '--', 'true'], 'give a NAME, or the whole record with --file'],
    ['no name', ['--version', '1.0.0'], 'give a NAME, or the whole record with --file'],
    ['a name and a file', ['a', '--file', '-'], 'either a NAME or --file'],
    ['an interface without a type', ['a', '--interface', 'http://h'], '--interface must be TYPE=ADDRESS'],
    ['metadata that is not JSON', ['a', '--metadata', '{'], '--metadata is not valid JSON'],
    ['metadata that is a list', ['a', '--metadata', '[]'], '--metadata must be a JSON object'],
    ['a time that is a word', ['a', '--remove-after', 'soon'], '--remove-after must be a number of seconds'],
    ['a file that is not there', ['--file', '/nowhere/at/all.json'], '--file /nowhere/at/all.json cannot be read'],
    ['an input that is no record', ['--file', '-'], '--file - is not valid JSON'],
  ])('refuses %s before it asks anybody', async (_what, args, message) => {
    const { url } = await registry(created);
    const { code, out, err } = await run(['register', ...args, '--url', url], { input: 'not json' });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
    expect(fake?.requests).toEqual([]);
  });

  it('shows what the registry does not like, with 2', async () => {
    const body = {
      error: 'validation_error',
      message: 'interfaces must have at least one interface',
      field: 'interfaces',
    };
    const { url } = await registry({ status: 400, body });
    const { code, err } = await run(['register', 'a', '--version', '1.0.0', '--url', url]);
    expect({ code, err }).toEqual({ code: 2, err: `error: ${body.message} [validation_error]\n` });
  });
});

describe('deregister', () => {
  it('removes one instance and says so', async () => {
    const { url } = await registry({ status: 204 });
    expect(await run(['deregister', 'a', 'a-1', '--url', url])).toEqual({
      code: 0,
      out: 'deregistered a a-1\n',
      err: '',
    });
    expect(fake?.last).toMatchObject({ method: 'DELETE', url: { pathname: '/v1/services/a/a-1' } });
    const { out } = await run(['deregister', 'a', 'a-1', '-o', 'json', '--url', url]);
    expect(JSON.parse(out)).toEqual({ name: 'a', id: 'a-1', deregistered: true });
  });

  it('carries the token of --token, or of the variable', async () => {
    const { url } = await registry({ status: 204 });
    await run(['deregister', 'a', 'a-1', '--url', url], { environment: { MANIFEST_AUTH_TOKEN: 'from-variable' } });
    expect(fake?.last.headers.authorization).toBe('Bearer from-variable');
    await run(['deregister', 'a', 'a-1', '--url', url, '--token', 'from-flag']);
    expect(fake?.last.headers.authorization).toBe('Bearer from-flag');
    await run(['deregister', 'a', 'a-1', '--url', url]);
    expect(fake?.last.headers.authorization).toBeUndefined();
  });

  it('needs both a name and an id', async () => {
    const { code, err } = await run(['deregister', 'a']);
    expect(code).toBe(2);
    expect(err).toContain("missing required argument 'ID'");
  });
});

describe('status', () => {
  it('shows the leader, and how far each member has got', async () => {
    const { url } = await registry({ body: statusOf() });
    const { code, out } = await run(['status', '--url', url]);
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toEqual([
      'cluster manifest: leader node-1, term 4 (asked node-1)',
      '',
      'MEMBER  ROLE         TERM  COMMIT  APPLIED  LAG  UPTIME  VERSION  REST',
      'node-1  leader       4     120     118      2    1h02m   0.1.0    http://node-1:8500',
      'node-2  follower     4     120     118      2    1h02m   0.1.0    http://node-2:8500',
      'node-3  unreachable  4     120     118      ?    ?       0.1.0    http://node-3:8500',
    ]);
  });

  it('ends with 4 when nobody leads, and still shows the members', async () => {
    const { url } = await registry({ body: statusOf(null) });
    const { code, out, err } = await run(['status', '--url', url]);
    expect({ code, err }).toEqual({ code: 4, err: 'error: the cluster has no leader\n' });
    expect(out).toContain('no leader, term 4');
    expect(out).toContain('node-2');
  });

  it('prints what the member said as JSON', async () => {
    const { url } = await registry({ body: statusOf() });
    expect(JSON.parse((await run(['status', '-o', 'json', '--url', url])).out)).toEqual(statusOf());
  });

  it('colours the leader at a terminal, and nothing elsewhere', async () => {
    const { url } = await registry({ body: statusOf() });
    expect((await run(['status', '--url', url], { colour: true })).out).toContain('\u001b[32mleader     ');
    expect((await run(['status', '--url', url])).out).not.toContain('\u001b');
  });

  it('asks the registry that MANIFEST_URL names', async () => {
    const { url } = await registry({ body: statusOf() });
    expect((await run(['status'], { environment: { MANIFEST_URL: `${url}/` } })).code).toBe(0);
    expect(fake?.last.url.pathname).toBe('/v1/cluster');
  });
});
