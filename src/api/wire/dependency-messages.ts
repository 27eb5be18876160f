import type { DependencyEdge, DependencyGraph, MissingService, ServiceNode } from '../../registry/dependencies.ts';
import type { ReadAnswer } from '../../registry/service.ts';

/** The messages of `GetDependencies` in `proto/registry.proto`, and the way between them and the graph. */

export interface DependenciesRequest {
  readonly consistency?: string | undefined;
}

interface Names {
  readonly names: readonly string[];
}

export interface DependenciesResponse {
  readonly services: readonly ServiceNode[];
  readonly edges: readonly DependencyEdge[];
  readonly missing: readonly MissingService[];
  readonly cycles: readonly Names[];
  readonly startup_order: readonly Names[];
  readonly revision: number;
  readonly leader?: string | undefined;
  readonly staleness_ms?: number | undefined;
}

const toNames = (names: readonly string[]): Names => ({ names });

export function toDependenciesResponse(answer: ReadAnswer<DependencyGraph>): DependenciesResponse {
  const { value: graph, revision, leader, staleness_ms } = answer;
  return {
    ...graph,
    cycles: graph.cycles.map(toNames),
    startup_order: graph.startup_order.map(toNames),
    revision,
    ...(leader === null ? {} : { leader }),
    ...(staleness_ms === null ? {} : { staleness_ms }),
  };
}

export function fromDependenciesResponse(response: DependenciesResponse): ReadAnswer<DependencyGraph> {
  const { services, edges, missing, cycles, startup_order, revision, leader, staleness_ms } = response;
  return {
    value: {
      services: services.map(({ name, status, instances, instances_up, dependencies }) => ({
        name,
        status,
        instances,
        instances_up,
        dependencies,
      })),
      edges: edges.map(({ from, to }) => ({ from, to })),
      missing: missing.map(({ name, required_by }) => ({ name, required_by })),
      cycles: cycles.map(({ names }) => names),
      startup_order: startup_order.map(({ names }) => names),
    },
    revision,
    leader: leader ?? null,
    staleness_ms: staleness_ms ?? null,
  };
}
