import { afterEach, describe, expect, it } from 'vitest';
import { graphOf as graphOfInstances } from '../registry/graph-of.ts';
import { run } from './command-line.ts';
import { recordOf, ScriptedMember } from './scripted-member.ts';

const members: ScriptedMember[] = [];

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.stop()));
});

/** What the registry itself makes of such services. */
function graphOf(services: Readonly<Record<string, readonly string[]>>, status: 'up' | 'unhealthy' = 'up') {
  return graphOfInstances(
    Object.entries(services).map(([name, dependencies]) => ({
      registration: { ...recordOf(name, `${name}-1`), metadata: { dependencies } },
      status,
    })),
  );
}

async function graph(body: unknown, ...args: readonly string[]) {
  const member = await ScriptedMember.start(() => ({ body }));
  members.push(member);
  return run(['graph', ...args, '--url', member.url]);
}

const shop = graphOf({ web: ['billing', 'stock'], billing: ['store'], stock: ['store', 'mail'], store: [], lone: [] });

describe('graph', () => {
  it('draws a tree from those on that nobody depends on, each service told once', async () => {
    const { code, out } = await graph(graphOf({ web: ['a', 'b'], a: ['c'], b: ['a', 'c'], c: [], lone: [] }));
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'lone up',
      'web up',
      '├── a up',
      '│   └── c up',
      '└── b up',
      '    ├── a up (see above)',
      '    └── c up',
      '',
    ]);
  });

  it('names what is missing and every cycle, and gets to an end', async () => {
    const { out } = await graph(graphOf({ a: ['b'], b: ['a', 'nobody'] }, 'unhealthy'));
    expect(out.split('\n')).toEqual([
      'a unhealthy',
      '└── b unhealthy',
      '    ├── a unhealthy (a cycle)',
      '    └── nobody missing',
      '',
      'missing: nobody, required by b',
      'cycle: a → b → a',
      '',
    ]);
  });

  it('of one service has what it depends on, or what depends on it', async () => {
    expect((await graph(shop, 'stock')).out).toBe(
      'stock up\n├── mail missing\n└── store up\n\nmissing: mail, required by stock\n',
    );
    expect((await graph(shop, 'store', '--dependents')).out).toBe(
      'store up\n├── billing up\n│   └── web up\n└── stock up\n    └── web up\n',
    );
    expect((await graph(shop, 'mail', '--dependents')).out).toContain('mail missing\n└── stock up\n    └── web up\n');
  });

  it('survives a chain that is longer than a stack is deep', async () => {
    const chain = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`s-${i}`, [`s-${i + 1}`]]));
    expect((await graph(graphOf(chain))).out.split('\n').length).toBeGreaterThan(3_000);
  });

  it('prints the graph itself as JSON, all or a part', async () => {
    expect(JSON.parse((await graph(shop, '-o', 'json')).out)).toEqual(shop);
    const { services, edges, startup_order } = JSON.parse((await graph(shop, 'billing', '-o', 'json')).out);
    expect(services.map(({ name }: { name: string }) => name)).toEqual(['billing', 'store']);
    expect({ edges, startup_order }).toEqual({
      edges: [{ from: 'billing', to: 'store' }],
      startup_order: [['store'], ['billing']],
    });
  });

  it('prints what Graphviz draws', async () => {
    expect((await graph(graphOf({ a: ['b'] }), '-o', 'dot')).out).toBe(
      [
        'digraph services {',
        '  rankdir=LR;',
        '  node [shape=box];',
        '  "a" [label="a\\nup", color=green];',
        '  "b" [label="b\\nmissing", color=red, style=dashed];',
        '  "a" -> "b";',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('prints what Mermaid draws, for a service called "end", too', async () => {
    const lines = (await graph(graphOf({ end: ['b'] }), '-o', 'mermaid')).out.split('\n');
    expect(lines.slice(0, 4)).toEqual([
      'graph LR',
      '  s0["end<br/>up"]:::up',
      '  s1["b<br/>missing"]:::missing',
      '  s0 --> s1',
    ]);
  });

  it('ends with 3 for a service that nobody is and nobody needs, and with 1 for what is no graph', async () => {
    expect(await graph(shop, 'nowhere')).toMatchObject({ code: 3, out: '' });
    expect(await graph([], '-o', 'json')).toMatchObject({ code: 1, out: '' });
  });
});
