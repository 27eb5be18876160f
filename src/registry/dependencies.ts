import type { Status } from './records.ts';
import { Pace, type Sliced } from './slices.ts';

/** Arrows followed in one go: what takes more of them is done in slices. */
const defaultSliceSteps = 1_000;

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

function arrowsFrom(name: string, next: Arrows): readonly string[] {
  return next.get(name) ?? [];
}

/**
 * Strongly connected components, each after those that it points to (Tarjan, "Depth-First Search and Linear Graph
 * Algorithms", 1972). Without recursion: a chain of dependencies may be longer than a stack is deep.
 */
function* findingComponents(next: Arrows, pace: Pace): Sliced<readonly (readonly string[])[]> {
  const visits = new Map<string, Visit>();
  const open: Visit[] = [];
  const components: string[][] = [];
  for (const root of next.keys()) {
    if (visits.has(root)) continue;
    const path: Visit[] = [];
    const enter = (name: string) => {
      const visit = { name, order: visits.size, low: visits.size, isOpen: true, arrowsFollowed: 0 };
      visits.set(name, visit);
      open.push(visit);
      path.push(visit);
    };
    enter(root);
    for (let visit = path.at(-1); visit; visit = path.at(-1)) {
      if (pace.isOver()) yield;
      const to = next.get(visit.name)?.[visit.arrowsFollowed++];
      if (to !== undefined) {
        const seen = visits.get(to);
        if (!seen) enter(to);
        else if (seen.isOpen) visit.low = Math.min(visit.low, seen.order);
        continue;
      }
      path.pop();
      const above = path.at(-1);
      if (above) above.low = Math.min(above.low, visit.low);
      if (visit.low !== visit.order) continue;
      const component = open.splice(open.lastIndexOf(visit));
      for (const member of component) member.isOpen = false;
      components.push(component.map(({ name }) => name).sort());
    }
  }
  return components;
}

interface Visit {
  readonly name: string;
  /** Of the first visit, among all. */
  readonly order: number;
  /** The least order that a way from here leads back to. */
  low: number;
  /** Its component is not complete yet. */
  isOpen: boolean;
  arrowsFollowed: number;
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
    const arrows = arrowsFrom(name, next);
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
  let begin = 0;
  cycle.forEach((name, position) => {
    const least = cycle[begin];
    if (least !== undefined && name < least) begin = position;
  });
  return [...cycle.slice(begin), ...cycle.slice(0, begin)];
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
      const arrows = arrowsFrom(name, next);
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
