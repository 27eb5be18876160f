import { type DependencyGraph, GraphMaker, type ServiceNode } from '../../src/registry/dependencies.ts';
import type { Instance } from '../../src/registry/machine.ts';
import { inOneGo } from '../../src/registry/slices.ts';

type Listed = Pick<Instance, 'registration' | 'status'>;

/** What services are as a whole, found by looking at each of their instances. */
export function nodesOf(instances: Iterable<Listed>): ServiceNode[] {
  const services = new Map<string, Listed[]>();
  for (const instance of instances) {
    const { name } = instance.registration;
    services.set(name, [...(services.get(name) ?? []), instance]);
  }
  return [...services.keys()].sort().map((name) => {
    const own = services.get(name) ?? [];
    const best = (['up', 'unknown', 'unhealthy'] as const).find((each) => own.some(({ status }) => status === each));
    return {
      name,
      status: best ?? 'unhealthy',
      instances: own.length,
      instances_up: own.filter(({ status }) => status === 'up').length,
      dependencies: [...new Set(own.flatMap(({ registration }) => registration.metadata.dependencies ?? []))].sort(),
    };
  });
}

/** The graph of these instances, made in one go. */
export function graphOf(instances: Iterable<Listed>): DependencyGraph {
  return inOneGo(new GraphMaker().making(nodesOf(instances)));
}
