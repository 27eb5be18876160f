import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { parseConsistency, parseInstanceFilter, parseListQuery } from '../../registry/queries.ts';
import type { CallOptions, InstancePage, ReadAnswer, ReadOptions } from '../../registry/service.ts';
import { parseName } from '../../registry/validation.ts';
import { parseHold } from '../../registry/watch-queries.ts';
import { parseHeartbeatBatch } from '../heartbeat-batch.ts';
import { countHeartbeats } from '../heartbeat-counting.ts';
import { type StatusRequest, toHealthResponse, toStatusResponse } from '../wire/cluster-messages.ts';
import { type DependenciesRequest, toDependenciesResponse } from '../wire/dependency-messages.ts';
import {
  fromFilter,
  fromHold,
  fromRegisterRequest,
  type GetServiceRequest,
  type HeartbeatsRequest,
  type ListServicesRequest,
  type RegisterRequest,
  type TargetMessage,
  toInstancesResponse,
} from '../wire/messages.ts';
import { messageOf } from '../wire/protocol.ts';
import { pageOfBytes, recordBytes } from '../wire/record-bytes.ts';
import { type CallContext, type CallRules, type UnaryCall, unary } from './calls.ts';
import { type Encoded, encodedInSlices } from './encoded.ts';
import { heartbeatStream } from './heartbeat-stream.ts';
import { watchStream } from './watch-stream.ts';

const dependencyGraph = messageOf<object>('manifest.v1.DependencyGraph');

/** `manifest.v1.Registry` */
export function registryImplementation(context: CallContext): UntypedServiceImplementation {
  const { registry, limits } = context;
  const leases = countHeartbeats(registry, context.metrics);
  const write = (name: string): CallRules => ({ name, writes: true, admission: 'other' });
  const renewal = (name: string): CallRules => ({ name, writes: true, admission: 'heartbeat' });
  const read = (name: string): CallRules => ({ name, writes: false, admission: 'other' });
  return {
    Register: unary<RegisterRequest, object>(context, write('Register'), async (request, options) =>
      registry.register(fromRegisterRequest(request), options),
    ),
    Heartbeat: unary<TargetMessage, object>(context, renewal('Heartbeat'), (target, options) =>
      leases.heartbeat(target, options),
    ),
    Heartbeats: unary<HeartbeatsRequest, object>(context, renewal('Heartbeats'), async ({ instances }, options) =>
      leases.heartbeats(parseHeartbeatBatch({ instances }, limits.heartbeatsPerRequest), options),
    ),
    HeartbeatStream: heartbeatStream(context, leases),
    Deregister: unary<TargetMessage, object>(context, write('Deregister'), (target, options) =>
      registry.deregister(target, options),
    ),
    GetService: unary<GetServiceRequest, object>(
      context,
      read('GetService'),
      async (request, options, call) => {
        const name = parseName(request.name);
        const filter = parseInstanceFilter(fromFilter(request.filter));
        const answer = await registry.getInstances(name, filter, readOptions(request, options, call));
        const { value: instances } = answer;
        return encodedPage({ ...answer, value: { instances, total: instances.length, next: null } });
      },
      isHeld,
    ),
    ListServices: unary<ListServicesRequest, object>(
      context,
      read('ListServices'),
      async (request, options, call) => {
        const { filter, name, limit, offset, cursor } = request;
        const query = parseListQuery({ ...fromFilter(filter), ...present({ name, limit, offset, cursor }) });
        return encodedPage(await registry.list(query, readOptions(request, options, call)));
      },
      isHeld,
    ),
    GetDependencies: unary<DependenciesRequest, object>(context, read('GetDependencies'), async (request, options) => {
      const consistency = parseConsistency(request.consistency);
      const answer = await registry.dependencies({ ...options, consistency });
      return encodedInSlices(dependencyGraph, toDependenciesResponse(answer), (each) => each);
    }),
    Watch: watchStream(context),
  };
}

function encodedPage(answer: ReadAnswer<InstancePage>): Promise<Encoded> {
  const { instances } = answer.value;
  const rest = toInstancesResponse({ ...answer, value: { ...answer.value, instances: [] } });
  return encodedInSlices(pageOfBytes, { ...rest, instances }, recordBytes);
}

type ReadRequest = GetServiceRequest | ListServicesRequest;

const isHeld = ({ hold_after }: ReadRequest) => hold_after !== undefined;

function readOptions(request: ReadRequest, options: CallOptions, call: UnaryCall): ReadOptions {
  const hold = parseHold(fromHold(request));
  return {
    ...options,
    consistency: parseConsistency(request.consistency),
    ...(hold ? { hold: { ...hold, signal: call.endSignal() } } : {}),
  };
}

function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** `manifest.v1.Cluster`. Answered whatever the load: an overloaded member must still be seen. */
export function clusterImplementation(context: CallContext): UntypedServiceImplementation {
  const { cluster } = context;
  const look = (name: string): CallRules => ({ name, writes: false, admission: null });
  return {
    Status: unary<StatusRequest, object>(context, look('Status'), async (request, options) =>
      toStatusResponse(await cluster.status({ ...options, stateHash: request.state_hash === true })),
    ),
    Health: unary<object, object>(context, look('Health'), async (_request, options) =>
      toHealthResponse(await cluster.health(options)),
    ),
  };
}
