import type { FastifyRequest } from 'fastify';
import { optional, parseConsistency, parseInstanceFilter, prefix } from '../../registry/queries.ts';
import type { InstanceRecord } from '../../registry/records.ts';
import type { InstanceFilter, InstancePage, ReadAnswer } from '../../registry/service.ts';
import type { FaceOptions } from '../face.ts';
import { getPrometheusTargets } from './contract/read-operations.ts';
import { listPages } from './list-pages.ts';
import { targetOf } from './prometheus-targets.ts';
import { conditions, show } from './reads.ts';
import { callOptions, queryOf } from './requests.ts';
import type { Route } from './route.ts';
import { ListInPieces } from './sliced-json.ts';

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
        const pages = listPages(registry, filter, options);
        // The first says how fresh the answer is; should a later one fail, the connection breaks, and nothing is taken over.
        const first = await pages.next();
        if (first.done) throw new Error('A list has no page.');
        const { instances, next } = first.value.value;
        const body = next === null ? targetsOf(instances) : new ListInPieces(targetTexts(instances, pages));
        return show(request, reply, first.value, ['prometheus', conditions(filter)], body);
      },
    },
  ];
}

/** Records made into targets before others get their turn. */
const recordsPerPiece = 200;

async function* targetTexts(
  first: readonly InstanceRecord[],
  others: AsyncIterable<ReadAnswer<InstancePage>>,
): AsyncGenerator<string, void> {
  yield* textsOf(first);
  for await (const { value } of others) yield* textsOf(value.instances);
}

function* textsOf(instances: readonly InstanceRecord[]): Generator<string, void> {
  for (let begin = 0; begin < instances.length; begin += recordsPerPiece) {
    const targets = targetsOf(instances.slice(begin, begin + recordsPerPiece));
    if (targets.length > 0) yield JSON.stringify(targets).slice(1, -1);
  }
}

function targetsOf(instances: readonly InstanceRecord[]) {
  return instances.map(targetOf).filter((target) => target !== null);
}
