import type { FastifyRequest } from 'fastify';
import { optional, parseConsistency, parseInstanceFilter, prefix } from '../../registry/queries.ts';
import type { InstanceRecord } from '../../registry/records.ts';
import type { InstanceFilter } from '../../registry/service.ts';
import type { FaceOptions } from '../face.ts';
import { getPrometheusTargets } from './contract/read-operations.ts';
import { targetOf } from './prometheus-targets.ts';
import { conditions, show } from './reads.ts';
import { callOptions, queryOf } from './requests.ts';
import type { Route } from './route.ts';
import { EncodedList } from './sliced-json.ts';
import { wholeList } from './whole-list.ts';

/** For programs that discover instances in a form of their own. */
export function discoveryRoutes({ registry, passTokenOn }: FaceOptions): Route[] {
  const filterOf = (request: FastifyRequest): InstanceFilter => {
    const raw = queryOf(request);
    return { ...parseInstanceFilter(raw, ['name', 'consistency']), name: optional(raw, 'name', prefix) };
  };
  return [
    {
      operation: getPrometheusTargets,
      admission: 'other',
      async handle(request, reply) {
        const filter = filterOf(request);
        const consistency = parseConsistency(queryOf(request).consistency);
        const options = { ...callOptions(request, passTokenOn), consistency };
        const answer = await wholeList(registry, filter, options, targetText);
        return show(request, reply, answer, ['prometheus', conditions(filter)], new EncodedList(answer.value));
      },
    },
  ];
}

function targetText(record: InstanceRecord): string | null {
  const target = targetOf(record);
  return target && JSON.stringify(target);
}
