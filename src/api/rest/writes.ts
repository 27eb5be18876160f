import type { FastifyReply, FastifyRequest } from 'fastify';
import { writeGuard } from '../auth.ts';
import type { FaceLimits, FaceOptions } from '../face.ts';
import { parseHeartbeatBatch } from '../heartbeat-batch.ts';
import { countHeartbeats } from '../heartbeat-counting.ts';
import {
  deregisterInstance,
  heartbeat,
  heartbeatInstance,
  heartbeats,
  registerInstance,
} from './contract/write-operations.ts';
import { callOptions, targetOf, wantsRepresentation } from './requests.ts';
import type { Route } from './route.ts';

export function writeRoutes(options: FaceOptions, limits: FaceLimits): Route[] {
  const { registry, passTokenOn } = options;
  const guard = writeGuard(options.authToken);
  const leases = countHeartbeats(registry, options.metrics);
  const callOf = (request: FastifyRequest) => {
    guard(request.headers.authorization);
    return callOptions(request, passTokenOn);
  };
  const renew = async (request: FastifyRequest, reply: FastifyReply, target: unknown) =>
    acknowledge(request, reply, await leases.heartbeat(target, callOf(request)));
  const { bodyBytes } = limits;

  return [
    {
      operation: registerInstance,
      bodyBytes,
      admission: 'other',
      async handle(request, reply) {
        const { created, ...result } = await registry.register(request.body, callOf(request));
        reply.header('x-manifest-index', result.revision);
        if (created) reply.header('location', `/v1/services/${result.name}/${result.id}`);
        return reply.status(created ? 201 : 200).send(result);
      },
    },
    {
      operation: heartbeatInstance,
      bodyBytes,
      admission: 'heartbeat',
      handle: (request, reply) => renew(request, reply, targetOf(request)),
    },
    {
      operation: heartbeat,
      bodyBytes,
      admission: 'heartbeat',
      handle: (request, reply) => renew(request, reply, request.body),
    },
    {
      operation: heartbeats,
      admission: 'heartbeat',
      bodyBytes: limits.heartbeatsBodyBytes,
      async handle(request, reply) {
        const call = callOf(request);
        const instances = parseHeartbeatBatch(request.body, limits.heartbeatsPerRequest);
        return reply.send(await leases.heartbeats(instances, call));
      },
    },
    {
      operation: deregisterInstance,
      bodyBytes,
      admission: 'other',
      async handle(request, reply) {
        const call = callOf(request);
        return acknowledge(request, reply, await registry.deregister(targetOf(request), call));
      },
    },
  ];
}

function acknowledge(request: FastifyRequest, reply: FastifyReply, result: object): FastifyReply {
  if (!wantsRepresentation(request)) return reply.status(204).send();
  return reply.header('preference-applied', 'return=representation').send(result);
}
