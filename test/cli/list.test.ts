import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { run } from './command-line.ts';
import { type PreparedAnswer, recordOf, ScriptedMember, type SeenRequest } from './scripted-member.ts';

const members: ScriptedMember[] = [];

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.stop()));
});

async function registry(answer: PreparedAnswer | ((request: SeenRequest) => PreparedAnswer)): Promise<ScriptedMember> {
  const member = await ScriptedMember.start(typeof answer === 'function' ? answer : () => answer);
  members.push(member);
  return member;
}

/** Gives `count` records in pages, by a cursor that is the place of the next one. */
function pages(count: number) {
  return ({ url: { searchParams } }: SeenRequest): PreparedAnswer => {
    const from = Number(searchParams.get('cursor') ?? searchParams.get('offset') ?? 0);
    const to = Math.min(count, from + Number(searchParams.get('limit')));
    return {
      headers: { 'x-total-count': String(count), ...(to < count ? { 'x-manifest-cursor': String(to) } : {}) },
      body: Array.from({ length: to - from }, (_, i) => recordOf('a', `a-${from + i}`)),
    };
  };
}

describe('list', () => {
  it('shows a table with a line for each instance', async () => {
    const { url } = await registry({
      body: [recordOf('billing', 'billing-1'), recordOf('orchestrator', 'o-1', { status: 'unknown', metadata: {} })],
    });
    const { code, out, err } = await run(['list', '--url', url]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n')).toEqual([
      'NAME          ID         STATUS   VERSION  INTERFACES                           TAGS',
      'billing       billing-1  up       1.0.0    REST=http://10.0.0.1:9000/billing-1  core,demo',
      'orchestrator  o-1        unknown  1.0.0    REST=http://10.0.0.1:9000/o-1',
      '',
    ]);
  });

  it('hands every condition on, each tag and each key of the metadata by itself', async () => {
    const member = await registry({ body: [] });
    await run([
      ...['list', '--url', member.url, '--status', 'up', '--tag', 'a', '--tag', 'b', '--environment', 'production'],
      ...['--dependency', 'd', '--interface', 'gRPC', '--name', 'bil', '--version', '^1.2', '--region', 'eu-1'],
      ...['--owner', 'team', '--instance', 'i-1', '--metadata', 'zone=b', '--metadata', 'note=x=y', '--limit', '5'],
      ...['--offset', '10'],
    ]);
    expect(Object.fromEntries(member.last.url.searchParams)).toEqual({
      status: 'up',
      tag: 'b',
      environment: 'production',
      dependency: 'd',
      interface: 'gRPC',
      name: 'bil',
      version: '^1.2',
      region: 'eu-1',
      owner: 'team',
      instance_id: 'i-1',
      'metadata.zone': 'b',
      'metadata.note': 'x=y',
      limit: '5',
      offset: '10',
    });
    expect(member.last.url.searchParams.getAll('tag')).toEqual(['a', 'b']);
  });

  it('follows the cursor to the end of a list that needs several answers', async () => {
    const member = await registry(pages(2_345));
    const { code, out } = await run(['list', '--tag', 'core', '-o', 'name', '--url', member.url]);
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toEqual(Array.from({ length: 2_345 }, (_, i) => `a/a-${i}`));
    expect(member.requests.map(({ url }) => url.search)).toEqual([
      '?tag=core&limit=1000',
      '?tag=core&limit=1000&cursor=1000',
      '?tag=core&limit=1000&cursor=2000',
    ]);
  });

  it('goes on at another member when one stops half way', async () => {
    const second = await registry(pages(1_500));
    const first = await registry((request) =>
      request.url.searchParams.has('cursor') ? { hangUp: true } : pages(1_500)(request),
    );
    const { code, out } = await run(['list', '-o', 'name', '--url', `${first.url},${second.url}`]);
    expect(code).toBe(0);
    expect(new Set(out.trimEnd().split('\n')).size).toBe(1_500);
    expect(second.requests).toHaveLength(1);
  });

  it('asks for no more than its limit, over several answers, too', async () => {
    const member = await registry(pages(5_000));
    const { out } = await run(['list', '--limit', '1200', '--offset', '7', '-o', 'name', '--url', member.url]);
    expect(out.trimEnd().split('\n')).toEqual(Array.from({ length: 1_200 }, (_, i) => `a/a-${7 + i}`));
    expect(member.requests.map(({ url }) => url.search)).toEqual(['?limit=1000&offset=7', '?limit=200&cursor=1007']);
  });

  it('tells a person at a terminal how to go on past its limit, and a script nothing', async () => {
    const { url } = await registry({ body: [recordOf('a', 'a-1')], headers: { 'x-total-count': '9' } });
    const args = ['list', '--limit', '1', '--offset', '2', '--url', url];
    const { out, err } = await run(args, { isTerminal: true });
    expect(err).toBe('6 more: go on with --offset 3\n');
    expect(out).not.toContain('more');
    expect((await run(args)).err).toBe('');
  });

  it('prints nothing when nothing matches, says so at a terminal only, and ends well', async () => {
    const { url } = await registry({ body: [] });
    expect(await run(['list', '--url', url])).toEqual({ code: 0, out: '', err: '' });
    const { out, err } = await run(['list', '--url', url], { isTerminal: true });
    expect({ out, err }).toEqual({ out: '', err: 'No registered instance meets this.\n' });
  });

  it.each([
    ['--limit', '0'],
    ['--limit', 'all'],
    ['--offset', '-1'],
    ['--metadata', 'zone'],
  ])('refuses %s %s before it asks anybody', async (flag, value) => {
    const member = await registry({ body: [] });
    const { code, err } = await run(['list', flag, value, '--url', member.url]);
    expect(code).toBe(2);
    expect(err).toContain(`${flag} must be`);
    expect(member.requests).toEqual([]);
  });

  it('lets no record move the cursor of the terminal, in any format for people', async () => {
    const { url } = await registry({ body: [recordOf('a', 'a-1', { interfaces: { CLI: 'x\u001b[2Jy\nz' } })] });
    for (const format of ['table', 'wide', 'name', 'yaml', 'json']) {
      expect((await run(['list', '-o', format, '--url', url])).out).not.toContain('\u001b');
    }
    expect((await run(['list', '--url', url])).out.trimEnd().split('\n')).toHaveLength(2);
  });
});

describe('the output', () => {
  const records = [
    recordOf('a', 'a-1', {
      metadata: { environment: 'production', region: 'eu-1', owner: 'x', dependencies: ['b', 'c'] },
    }),
    recordOf('a', 'a-2', { version: '1.10', metadata: { note: 'yes', tags: [] } }),
  ];

  it.each(['list', 'get a'])('of %s as JSON is the records themselves', async (command) => {
    const { url } = await registry({ body: records });
    expect(JSON.parse((await run([...command.split(' '), '-o', 'json', '--url', url])).out)).toEqual(records);
  });

  it.each(['list', 'get a'])(
    'of %s as YAML reads back as the records, with texts that look like values',
    async (command) => {
      const { url } = await registry({ body: records });
      const { out } = await run([...command.split(' '), '-o', 'yaml', '--url', url]);
      expect(parse(out)).toEqual(records);
      expect(out).toMatch(/^- name: a\n {2}id: a-1\n/);
      // YAML 1.1 takes a bare 1.10 for a number.
      expect(out).toContain('version: "1.10"');
    },
  );

  it.each(['list', 'get a'])('of %s as names has a line for each instance', async (command) => {
    const { url } = await registry({ body: records });
    expect((await run([...command.split(' '), '-o', 'name', '--url', url])).out).toBe('a/a-1\na/a-2\n');
  });

  it('wide has what the table has, and more', async () => {
    const { url } = await registry({ body: records });
    const [heading, first] = (await run(['list', '-o', 'wide', '--url', url])).out.split('\n');
    expect(heading?.split(/ +/)).toEqual([
      ...['NAME', 'ID', 'STATUS', 'VERSION', 'INTERFACES', 'TAGS', 'ENVIRONMENT', 'REGION', 'OWNER', 'DEPENDENCIES'],
      ...['REGISTERED', 'HEARTBEAT', 'LEASE', 'REVISION'],
    ]);
    for (const part of ['production', 'eu-1', 'b,c', '2026-01-01T00:00:00.000Z']) expect(first).toContain(part);
  });

  it.each([
    ['json', '[]\n'],
    ['yaml', '[]\n'],
    ['name', ''],
    ['table', ''],
  ])('of an empty list as %s is %j', async (format, out) => {
    const { url } = await registry({ body: [] });
    expect(await run(['list', '-o', format, '--url', url])).toEqual({ code: 0, out, err: '' });
  });

  it('in a format that nobody knows is refused with those that there are', async () => {
    const { code, err } = await run(['list', '-o', 'xml']);
    expect(code).toBe(2);
    expect(err).toContain('Allowed choices are table, wide, json, yaml, name');
  });
});
