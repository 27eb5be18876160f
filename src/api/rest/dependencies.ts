import type { FastifyReply, FastifyRequest } from 'fastify';
import { related } from '../../registry/dependencies.ts';
import { flag, parseConsistency } from '../../registry/queries.ts';
import { parseName } from '../../registry/validation.ts';
import type { FaceOptions } from '../face.ts';
import type { Operation } from './contract/operation.ts';
import { getDependencies, getDependencyGraph, getDependents } from './contract/read-operations.ts';
import { notListed, show } from './reads.ts';
import { callOptions, pathParameter, queryOf, refuseOtherParameters } from './requests.ts';
import type { Route } from './route.ts';

/** Who depends on whom: the whole graph, and a service's own relations with the health of each. */
export function dependencyRoutes({ registry, passTokenOn }: FaceOptions): Route[] {
  const graphFor = (request: FastifyRequest) =>
    registry.dependencies({
      ...callOptions(request, passTokenOn),
      consistency: parseConsistency(queryOf(request).consistency),
    });
  const row = (operation: Operation, handle: Route['handle']): Route => ({
    operation,
    admission: 'other',
    handle,
  });

  const relations = async (
    request: FastifyRequest,
    reply: FastifyReply,
    direction: 'dependencies' | 'dependents',
  ): Promise<FastifyReply> => {
    const name = parseName(pathParameter(request, 'name'));
    refuseOtherParameters(request, getDependencies.query);
    const transitive = flag(queryOf(request), 'transitive') ?? false;
    const answer = await graphFor(request);
    const found = related(answer.value, name, direction, transitive);
    const own = answer.value.services.find((service) => service.name === name);
    if (!own && found.length === 0) throw notListed(reply, answer, `No instance of service '${name}' is listed.`);
    const body = { name, status: own?.status ?? 'missing', transitive, [direction]: found };
    const ready = direction === 'dependencies' ? { ready: found.every(({ status }) => status === 'up') } : {};
    return show(request, reply, answer, [direction, name, transitive], { ...body, ...ready });
  };

  return [
    row(getDependencyGraph, async (request, reply) => {
      refuseOtherParameters(request, getDependencyGraph.query);
      const answer = await graphFor(request);
      return show(request, reply, answer, ['graph'], answer.value);
    }),
    row(getDependencies, (request, reply) => relations(request, reply, 'dependencies')),
    row(getDependents, (request, reply) => relations(request, reply, 'dependents')),
  ];
}
