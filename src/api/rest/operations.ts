import type { FastifyReply, FastifyRequest } from 'fastify';
import { RegistryError } from '../../registry/errors.ts';
import { flag } from '../../registry/queries.ts';
import type { ClusterService, HealthReport } from '../../registry/service.ts';
import type { FaceOptions } from '../face.ts';
import type { Operation } from './contract/operation.ts';
import { getCluster, getHealth, getLiveness, getMetrics, getReadiness } from './contract/other-operations.ts';
import { callOptions, queryOf, refuseOtherParameters } from './requests.ts';
import type { Route } from './route.ts';

/** For whoever runs the registry. None of them waits for a place: an overloaded member must still be seen. */
export function operationRoutes({ cluster, metrics, passTokenOn }: FaceOptions): Route[] {
  const row = (operation: Operation, handle: Route['handle']): Route => ({
    operation,
    admission: null,
    handle: (request, reply) => handle(request, reply.header('cache-control', 'no-store')),
  });
  return [
    row(getLiveness, async (request, reply) => say(request, reply, 200, { status: 'alive' })),
    row(getReadiness, async (request, reply) => {
      const { status, reason } = await healthOf(cluster, request, passTokenOn);
      return status === 'healthy'
        ? say(request, reply, 200, { status: 'ready' })
        : say(request, reply.header('retry-after', 1), 503, { status: 'not ready', reason: reason ?? 'unknown' });
    }),
    row(getHealth, async (request, reply) => {
      const report = await healthOf(cluster, request, passTokenOn);
      if (report.status === 'healthy') return reply.send(report);
      return reply.status(503).header('retry-after', 1).send(report);
    }),
    row(getCluster, async (request, reply) => {
      refuseOtherParameters(request, getCluster.query);
      return reply.send(
        await cluster.status({ ...callOptions(request, passTokenOn), stateHash: flag(queryOf(request), 'hash') }),
      );
    }),
    row(getMetrics, async (_request, reply) => {
      if (!metrics) throw new RegistryError('not_found', 'This process keeps no metrics.');
      return reply.type(metrics.contentType).send(await metrics.render());
    }),
  ];
}

/** A gateway that reaches no member cannot tell more than that. */
async function healthOf(
  cluster: ClusterService,
  request: FastifyRequest,
  passTokenOn: boolean,
): Promise<HealthReport | { readonly status: 'unhealthy'; readonly reason: string }> {
  try {
    return await cluster.health(callOptions(request, passTokenOn));
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return { status: 'unhealthy', reason: error.message };
  }
}

/** JSON for those who ask for it, else a word for those who look at the status only. */
function say(
  request: FastifyRequest,
  reply: FastifyReply,
  httpStatus: number,
  facts: { readonly status: string; readonly reason?: string },
): FastifyReply {
  reply.status(httpStatus);
  if (request.headers.accept?.includes('json')) return reply.send(facts);
  return reply.type('text/plain; charset=utf-8').send(`${facts.status}${facts.reason ? `: ${facts.reason}` : ''}\n`);
}
