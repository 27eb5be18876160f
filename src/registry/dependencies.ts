import type { Status } from './records.ts';
import type { Sliced } from './slices.ts';

/** Arrows followed in one go: what takes more of them is done in slices. */
const defaultSliceSteps = 2_000;

/** What a service is as a whole: `up` while one instance is; `missing` when somebody depends on it and nobody is it. */
export type ServiceHealth = Status | 'missing';

export interface ServiceNode {
  readonly name: string;
  readonly status: ServiceHealth;
  readonly instances: number;
  readonly instances_up: number;
  /** What any of its instances depends on, sorted. */
  readonly dependencies: readonly string[];
}

export interface DependencyEdge {
  readonly from: string;
  readonly to: string;
}

export interface MissingService {
  readonly name: string;
  readonly required_by: readonly string[];
}

/** What follows from who depends on whom, whatever their health. */
interface GraphShape {
  readonly edges: readonly DependencyEdge[];
  readonly missing: readonly MissingService[];
  /** For each service that depends on itself over others, a shortest such way; each way once, from its least name on. */
  readonly cycles: readonly (readonly string[])[];
  /** Services that may start together once all levels before have; those of a cycle stand in one level. */
  readonly startup_order: readonly (readonly string[])[];
}

/** Who depends on whom. All lists are sorted by name, so every member answers alike. */
export interface DependencyGraph extends GraphShape {
  readonly services: readonly ServiceNode[];
}

/** One service that another one has to do with, and how it is. */
export interface RelatedService {
  readonly name: string;
  readonly status: ServiceHealth;
  readonly instances: number;
  readonly instances_up: number;
  /** Not only over others. */
  readonly direct: boolean;
}

/** Makes graphs, and keeps the shape of the last: health changes often, and who depends on whom seldom. */
export class GraphMaker {
  readonly #sliceSteps: number;
  #last: { readonly services: readonly ServiceNode[]; readonly shape: GraphShape } | null = null;

  constructor(sliceSteps = defaultSliceSteps) {
    this.#sliceSteps = sliceSteps;
  }

  /** @param services by name */
  *making(services: readonly ServiceNode[]): Sliced<DependencyGraph> {
    if (!this.#last || !haveSameArrows(this.#last.services, services)) {
      this.#last = { services, shape: yield* shaping(services, new Pace(this.#sliceSteps)) };
    }
    const { edges, missing, cycles, startup_order } = this.#last.shape;
    return { services, edges, missing, cycles, startup_order };
  }
}

function haveSameArrows(some: readonly ServiceNode[], others: readonly ServiceNode[]): boolean {
  return (
    some.length === others.length &&
    some.every((node, i) => {
      const other = others[i];
      return node.name === other?.name && areSame(node.dependencies, other.dependencies);
    })
  );
}

function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some === others || (some.length === others.length && some.every((name, i) => name === others[i]));
}

/** Says after how many steps it is time for a pause. */
class Pace {
  readonly #sliceSteps: number;
  #steps = 0;

  constructor(sliceSteps: number) {
    this.#sliceSteps = sliceSteps;
  }

  isOver(steps = 1): boolean {
    this.#steps += steps;
    if (this.#steps < this.#sliceSteps) return false;
    this.#steps = 0;
    return true;
  }
}

function* shaping(services: readonly ServiceNode[], pace: Pace): Sliced<GraphShape> {
  const names = new Set(services.map(({ name }) => name));
  const edges: DependencyEdge[] = [];
  const requiredBy = new Map<string, string[]>();
  const next = new Map<string, readonly string[]>();
  for (const { name, dependencies } of services) {
    if (pace.isOver(1 + dependencies.length)) yield;
    for (const to of dependencies) {
      edges.push({ from: name, to });
      if (!names.has(to)) addTo(requiredBy, to, name);
    }
    next.set(
      name,
      dependencies.filter((to) => names.has(to)),
    );
  }
  const missing = [...requiredBy].sort(byKey).map(([name, required_by]) => ({ name, required_by }));
  const components = yield* findingComponents(next, pace);
  return {
    edges,
    missing,
    cycles: yield* findingCycles(components, next, pace),
    startup_order: yield* findingLevels(components, next, pace),
  };
}

type Arrows = ReadonlyMap<string, readonly string[]>;

/**
 * Strongly connected components, each after those that it points to (Tarjan, "Depth-First Search and Linear Graph
 * Algorithms", 1972). Without recursion: a chain of dependencies may be longer than a stack is deep.
 */
function* findingComponents(next: Arrows, pace: Pace): Sliced<readonly (readonly string[])[]> {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const components: string[][] = [];
  for (const root of next.keys()) {
    if (order.has(root)) continue;
    const path: { readonly name: string; at: number }[] = [];
    const enter = (name: string) => {
      order.set(name, order.size);
      low.set(name, order.size - 1);
      open.push(name);
      isOpen.add(name);
      path.push({ name, at: 0 });
    };
    const lower = (name: string, value: number) => low.set(name, Math.min(low.get(name) ?? value, value));
    enter(root);
    for (let step = path.at(-1); step; step = path.at(-1)) {
      if (pace.isOver()) yield;
      const { name } = step;
      const to = next.get(name)?.[step.at++];
      if (to !== undefined) {
        if (!order.has(to)) enter(to);
        else if (isOpen.has(to)) lower(name, order.get(to) ?? 0);
        continue;
      }
      path.pop();
      const above = path.at(-1);
      if (above) lower(above.name, low.get(name) ?? 0);
      if (low.get(name) !== order.get(name)) continue;
      const component = open.splice(open.lastIndexOf(name));
      for (const member of component) isOpen.delete(member);
      components.push(component.sort());
    }
  }
  return components;
}

function* findingCycles(
  components: readonly (readonly string[])[],
  next: Arrows,
  pace: Pace,
): Sliced<readonly (readonly string[])[]> {
  const cycles = new Map<string, readonly string[]>();
  for (const component of components) {
    const inside = new Set(component);
    for (const name of component) {
      const cycle = yield* findingShortestCycle(name, inside, next, pace);
      if (cycle) cycles.set(cycle.join(' '), cycle);
    }
  }
  return [...cycles].sort(byKey).map(([, cycle]) => cycle);
}

/** Breadth first, within the component. `null` where no way leads back. */
function* findingShortestCycle(
  start: string,
  inside: ReadonlySet<string>,
  next: Arrows,
  pace: Pace,
): Sliced<readonly string[] | null> {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const name of queue) {
    const arrows = next.get(name) ?? [];
    if (pace.isOver(1 + arrows.length)) yield;
    for (const to of arrows) {
      if (to === start) return fromLeast(wayTo(name, cameFrom));
      if (!inside.has(to) || cameFrom.has(to)) continue;
      cameFrom.set(to, name);
      queue.push(to);
    }
  }
  return null;
}

function wayTo(end: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way: string[] = [];
  for (let name: string | undefined = end; name !== undefined; name = cameFrom.get(name)) way.unshift(name);
  return way;
}

/** The same cycle is told the same way, wherever the search for it began. */
function fromLeast(cycle: readonly string[]): readonly string[] {
  const least = cycle.indexOf([...cycle].sort()[0] ?? '');
  return [...cycle.slice(least), ...cycle.slice(0, least)];
}

function* findingLevels(
  components: readonly (readonly string[])[],
  next: Arrows,
  pace: Pace,
): Sliced<readonly (readonly string[])[]> {
  const levelOf = new Map<string, number>();
  const levels: string[][] = [];
  // Every component comes after those that it points to, so their levels are known.
  for (const component of components) {
    const inside = new Set(component);
    let level = 0;
    for (const name of component) {
      const arrows = next.get(name) ?? [];
      if (pace.isOver(1 + arrows.length)) yield;
      for (const to of arrows) if (!inside.has(to)) level = Math.max(level, (levelOf.get(to) ?? 0) + 1);
    }
    for (const name of component) levelOf.set(name, level);
    const known = levels[level];
    if (known) known.push(...component);
    else levels[level] = [...component];
  }
  return levels.map((names) => names.sort());
}

/**
 * What a service depends on, or what depends on it, without itself.
 * @param transitive over others, too
 */
export function related(
  graph: DependencyGraph,
  name: string,
  direction: 'dependencies' | 'dependents',
  transitive: boolean,
): readonly RelatedService[] {
  const nodes = new Map(graph.services.map((node) => [node.name, node]));
  const next = new Map<string, string[]>();
  for (const { from, to } of graph.edges) {
    const [here, there] = direction === 'dependencies' ? [from, to] : [to, from];
    addTo(next, here, there);
  }
  const direct = new Set(next.get(name));
  const found = new Set(direct);
  if (transitive) for (const each of found) for (const to of next.get(each) ?? []) found.add(to);
  found.delete(name);
  return [...found].sort().map((each) => {
    const { status = 'missing', instances = 0, instances_up = 0 } = nodes.get(each) ?? {};
    return { name: each, status, instances, instances_up, direct: direct.has(each) };
  });
}

function addTo(lists: Map<string, string[]>, key: string, item: string): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

function byKey<T>([a]: readonly [string, T], [b]: readonly [string, T]): number {
  return a < b ? -1 : 1;
}
