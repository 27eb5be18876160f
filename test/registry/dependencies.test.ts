import { expect, test } from 'vitest';
import { type DependencyGraph, GraphMaker, related } from '../../src/registry/dependencies.ts';
import type { Status } from '../../src/registry/records.ts';
import { inOneGo } from '../../src/registry/slices.ts';
import { graphOf as graphOfInstances, nodesOf } from './graph-of.ts';
import { registration } from './machine-driver.ts';

/** Written as `web>db,queue`, with `?` or `!` behind a name for unknown and unhealthy. */
function instancesOf(...lines: readonly string[]) {
  return lines.map((line, i) => {
    const [said = '', dependencies = ''] = line.split('>');
    const status: Status = said.endsWith('?') ? 'unknown' : said.endsWith('!') ? 'unhealthy' : 'up';
    const name = said.replace(/[?!]$/, '');
    const metadata = dependencies === '' ? {} : { dependencies: dependencies.split(',') };
    return { registration: registration(name, `i-${i}`, metadata), status } as const;
  });
}

const graphOf = (...lines: readonly string[]): DependencyGraph => graphOfInstances(instancesOf(...lines));

test('a service is the sum of its instances', () => {
  const { services, edges } = graphOf('web>db', 'web!>queue', 'db?', 'db!', 'queue!');
  expect(services).toEqual([
    { name: 'db', status: 'unknown', instances: 2, instances_up: 0, dependencies: [] },
    { name: 'queue', status: 'unhealthy', instances: 1, instances_up: 0, dependencies: [] },
    { name: 'web', status: 'up', instances: 2, instances_up: 1, dependencies: ['db', 'queue'] },
  ]);
  expect(edges).toEqual([
    { from: 'web', to: 'db' },
    { from: 'web', to: 'queue' },
  ]);
});

test('what nobody is and somebody needs is missing', () => {
  expect(graphOf('web>db,cache', 'api>db').missing).toEqual([
    { name: 'cache', required_by: ['web'] },
    { name: 'db', required_by: ['api', 'web'] },
  ]);
});

test('levels start what others need before them, and what is missing holds up nobody', () => {
  const graph = graphOf('web>api,cache', 'api>db,queue', 'db', 'queue>db', 'lonely', 'cache>nowhere');
  expect(graph.startup_order).toEqual([['cache', 'db', 'lonely'], ['queue'], ['api'], ['web']]);
  expect(graph.cycles).toEqual([]);
});

test('cycles are named one by one, and their services start together', () => {
  const graph = graphOf('a>b', 'b>c,a', 'c>a', 'self>self', 'after>a', 'before', 'c>before');
  expect(graph.cycles).toEqual([['a', 'b'], ['a', 'b', 'c'], ['self']]);
  expect(graph.startup_order).toEqual([['before', 'self'], ['a', 'b', 'c'], ['after']]);
});

test('in a random graph the levels keep every dependency that is on no cycle', () => {
  let seed = 7;
  const random = (bound: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * bound);
  };
  let judged = 0;
  for (let round = 0; round < 100; round++) {
    const count = 2 + random(12);
    const lines = Array.from({ length: count }, (_, i) => {
      const dependencies = Array.from({ length: random(4) }, () => `s-${random(count + 2)}`);
      return `s-${i}>${[...new Set(dependencies)].join(',')}`;
    });
    const graph = graphOf(...lines);
    const level = new Map(graph.startup_order.flatMap((names, i) => names.map((name) => [name, i] as const)));
    expect([...level.keys()].sort()).toEqual(graph.services.map(({ name }) => name));
    const reaches = (from: string, to: string) =>
      related(graph, from, 'dependencies', true).some(({ name }) => name === to);
    for (const { from, to } of graph.edges) {
      const [dependent, needed] = [level.get(from), level.get(to)];
      if (dependent === undefined || needed === undefined || from === to) continue;
      judged++;
      if (reaches(to, from)) expect(needed).toBe(dependent);
      else expect(needed).toBeLessThan(dependent);
    }
    const onCycle = graph.services.filter(({ name }) =>
      graph.edges.some(({ from, to }) => from === name && (to === name || reaches(to, name))),
    );
    expect(new Set(graph.cycles.flat())).toEqual(new Set(onCycle.map(({ name }) => name)));
  }
  expect(judged).toBeGreaterThan(300);
});

test('a chain longer than any stack is walked', () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => (i === 0 ? 's-0' : `s-${i}>s-${i - 1}`));
  expect(graphOf(...lines).startup_order).toHaveLength(20_000);
});

test('relations go both ways, directly or over others, each with its health', () => {
  const graph = graphOf('web>api', 'api!>db', 'db>disk', 'job>db', 'db>api');
  expect(related(graph, 'web', 'dependencies', false)).toEqual([
    { name: 'api', status: 'unhealthy', instances: 1, instances_up: 0, direct: true },
  ]);
  expect(related(graph, 'web', 'dependencies', true).map(({ name, status, direct }) => [name, status, direct])).toEqual(
    [
      ['api', 'unhealthy', true],
      ['db', 'up', false],
      ['disk', 'missing', false],
    ],
  );
  expect(related(graph, 'disk', 'dependents', true).map(({ name, direct }) => [name, direct])).toEqual([
    ['api', false],
    ['db', true],
    ['job', false],
    ['web', false],
  ]);
  expect(related(graph, 'api', 'dependents', true).map(({ name }) => name)).toEqual(['db', 'job', 'web']);
  expect(related(graph, 'nobody', 'dependencies', true)).toEqual([]);
});

test('a graph is made in slices, and is the one that is made in one go', () => {
  const services = nodesOf(instancesOf('a>b,c,nowhere', 'b>c', 'c>a', 'd>d', 'e>a,d', 'f', 'g>f,e', 'h>g'));
  const whole = inOneGo(new GraphMaker().making(services));
  const making = new GraphMaker(1).making(services);
  let pauses = 0;
  let step = making.next();
  for (; !step.done; step = making.next()) pauses++;
  expect(step.value).toEqual(whole);
  expect(pauses).toBeGreaterThan(services.length);
});

test('the shape of a graph is kept while only health and numbers change', () => {
  const maker = new GraphMaker();
  const graph = (...lines: readonly string[]) => inOneGo(maker.making(nodesOf(instancesOf(...lines))));
  const first = graph('web>db', 'db>disk');
  const ill = graph('web!>db', 'web>db', 'db?>disk');
  expect(ill.edges).toBe(first.edges);
  expect(ill.services).not.toEqual(first.services);
  expect(ill).toEqual(graphOf('web!>db', 'web>db', 'db?>disk'));
});

test.each([
  ['another dependency', ['web>disk', 'db>disk']],
  ['one dependency more', ['web>db,disk', 'db>disk']],
  ['a service more', ['web>db', 'db>disk', 'disk']],
  ['another service', ['web>db', 'disk>disk']],
])('the shape of a graph is made anew for %s', (_what, lines) => {
  const maker = new GraphMaker();
  inOneGo(maker.making(nodesOf(instancesOf('web>db', 'db>disk'))));
  expect(inOneGo(maker.making(nodesOf(instancesOf(...lines))))).toEqual(graphOf(...lines));
});
