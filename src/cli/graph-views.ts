import type { DependencyGraph, ServiceHealth } from '../registry/dependencies.ts';
import { paint, printable } from './output.ts';
import { colourOfStatus } from './records.ts';

type Direction = 'dependencies' | 'dependents';

/** The part of a graph that has to do with one service: all that it depends on, or all that depends on it. */
export function partOf(graph: DependencyGraph, name: string, direction: Direction): DependencyGraph {
  const next = neighbours(graph, direction);
  const inside = new Set([name]);
  for (const each of inside) for (const to of next.get(each) ?? []) inside.add(to);
  const within = (names: readonly string[]) => names.filter((each) => inside.has(each));
  return {
    services: graph.services.filter((service) => inside.has(service.name)),
    edges: graph.edges.filter(({ from, to }) => inside.has(from) && inside.has(to)),
    missing: graph.missing
      .filter((missing) => inside.has(missing.name))
      .map((missing) => ({ name: missing.name, required_by: within(missing.required_by) })),
    cycles: graph.cycles.filter((cycle) => cycle.every((each) => inside.has(each))),
    startup_order: graph.startup_order.map(within).filter((level) => level.length > 0),
  };
}

/**
 * Lines for a terminal. What a service depends on is told once, and referred to where it comes again.
 * @param root only this service; `null`: everything, from those on that nobody depends on
 */
export function renderTree(graph: DependencyGraph, root: string | null, direction: Direction, colour: boolean): string {
  const next = neighbours(graph, direction);
  const status = statusOf(graph);
  const told = new Set<string>();
  const lines: string[] = [];
  const label = (name: string, more: string) => {
    const health = status(name);
    return `${printable(name)} ${paint(printable(health), colourOfStatus(health), colour)}${paint(more, 'dim', colour)}`;
  };
  // Without recursion: a chain of dependencies may be longer than a stack is deep.
  const tell = (start: string) => {
    const open = [{ name: start, lead: '', indent: '', above: [] as readonly string[] }];
    for (let step = open.pop(); step; step = open.pop()) {
      const { name, lead, indent, above } = step;
      const children = next.get(name) ?? [];
      const isCycle = above.includes(name);
      const isKnown = !isCycle && told.has(name) && children.length > 0;
      lines.push(`${lead}${label(name, isCycle ? ' (a cycle)' : isKnown ? ' (see above)' : '')}`);
      if (isCycle || isKnown) continue;
      told.add(name);
      const below = children.map((child, i) => {
        const isLast = i === children.length - 1;
        return {
          name: child,
          lead: `${indent}${isLast ? '└── ' : '├── '}`,
          indent: `${indent}${isLast ? '    ' : '│   '}`,
          above: [...above, name],
        };
      });
      open.push(...below.reverse());
    }
  };
  if (root !== null) tell(root);
  else {
    const names = graph.services.map(({ name }) => name);
    const pointedTo = new Set([...next.values()].flat());
    for (const name of names) if (!pointedTo.has(name)) tell(name);
    // What is left is in a cycle, or only reached from one.
    for (const name of names) if (!told.has(name)) tell(name);
  }
  return `${[...lines, ...troubles(graph, colour)].join('\n')}\n`;
}

function troubles(graph: DependencyGraph, colour: boolean): string[] {
  const lines = [
    ...graph.missing.map(({ name, required_by }) => `missing: ${name}, required by ${required_by.join(', ')}`),
    ...graph.cycles.map((cycle) => `cycle: ${[...cycle, cycle[0]].join(' → ')}`),
  ].map((line) => paint(printable(line), 'red', colour));
  return lines.length === 0 ? [] : ['', ...lines];
}

/** For Graphviz. */
export function renderDot(graph: DependencyGraph): string {
  const quoted = (text: string) => JSON.stringify(text);
  const nodes = nodesOf(graph).map(
    ([name, health]) =>
      `  ${quoted(name)} [label=${quoted(`${name}\n${health}`)}, color=${dotColours[health] ?? 'gray'}];`,
  );
  const edges = graph.edges.map(({ from, to }) => `  ${quoted(from)} -> ${quoted(to)};`);
  return `${['digraph services {', '  rankdir=LR;', '  node [shape=box];', ...nodes, ...edges, '}'].join('\n')}\n`;
}

const dotColours: Readonly<Record<ServiceHealth, string>> = {
  up: 'green',
  unhealthy: 'red',
  unknown: 'orange',
  missing: 'red, style=dashed',
};

/** For Markdown that draws. A node's id is its place: Mermaid has words of its own, such as `end`, that a name may be. */
export function renderMermaid(graph: DependencyGraph): string {
  const nodes = nodesOf(graph);
  const ids = new Map(nodes.map(([name], i) => [name, `s${i}`]));
  const boxes = nodes.map(([name, health]) => `  ${ids.get(name)}["${name}<br/>${health}"]:::${health}`);
  const arrows = graph.edges.map(({ from, to }) => `  ${ids.get(from)} --> ${ids.get(to)}`);
  const classes = [
    'classDef up stroke:#2da44e',
    'classDef unhealthy stroke:#cf222e',
    'classDef unknown stroke:#bf8700',
    'classDef missing stroke:#cf222e,stroke-dasharray:4',
  ].map((line) => `  ${line}`);
  return `${['graph LR', ...boxes, ...arrows, ...classes].join('\n')}\n`;
}

function nodesOf(graph: DependencyGraph): readonly (readonly [string, ServiceHealth])[] {
  return [
    ...graph.services.map(({ name, status }) => [name, status] as const),
    ...graph.missing.map(({ name }) => [name, 'missing'] as const),
  ];
}

function statusOf({ services }: DependencyGraph): (name: string) => ServiceHealth {
  const known = new Map(services.map(({ name, status }) => [name, status]));
  return (name) => known.get(name) ?? 'missing';
}

function neighbours({ edges }: DependencyGraph, direction: Direction): Map<string, string[]> {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) {
    const [here, there] = direction === 'dependencies' ? [from, to] : [to, from];
    next.set(here, [...(next.get(here) ?? []), there]);
  }
  return next;
}
