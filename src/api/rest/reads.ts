import type { FastifyReply, FastifyRequest } from 'fastify';
import { RegistryError } from '../../registry/errors.ts';
import { parseConsistency, parseInstanceFilter, parseListQuery } from '../../registry/queries.ts';
import type { InstanceFilter, ListQuery, ReadAnswer, ReadOptions } from '../../registry/service.ts';
import { parseInstanceId, parseName } from '../../registry/validation.ts';
import { holdParameters, parseHold } from '../../registry/watch-queries.ts';
import type { FaceOptions } from '../face.ts';
import type { Operation } from './contract/operation.ts';
import { getInstance, getService, getServiceInstances, listInstances } from './contract/read-operations.ts';
import { entityTag, namesTag } from './entity-tag.ts';
import { jsonWith, parseFields } from './fields.ts';
import { callOptions, endSignal, pathParameter, queryOf, refuseOtherParameters } from './requests.ts';
import type { Route } from './route.ts';
import { type ElementJson, jsonInSlices, type ListInPieces } from './sliced-json.ts';

const recordParameters = ['consistency', 'fields'] as const;

const readParameters = [...recordParameters, ...holdParameters] as const;

/** @param closing ends what is held: it is answered with what there is */
export function readRoutes({ registry, passTokenOn }: FaceOptions, closing: AbortSignal): Route[] {
  const callOf = (request: FastifyRequest): ReadOptions => ({
    ...callOptions(request, passTokenOn),
    consistency: parseConsistency(queryOf(request).consistency),
  });
  /** As `callOf`, held until a change when the query says so, and no longer than the client stays. */
  const heldCallOf = (request: FastifyRequest, reply: FastifyReply): ReadOptions => {
    const hold = parseHold(queryOf(request));
    if (!hold) return callOf(request);
    return { ...callOf(request), hold: { ...hold, signal: endSignal(reply, closing) } };
  };
  const instancesOf = async (request: FastifyRequest, reply: FastifyReply) => {
    const name = parseName(pathParameter(request, 'name'));
    const filter = parseInstanceFilter(queryOf(request), readParameters);
    const fields = parseFields(queryOf(request));
    const answer = await registry.getInstances(name, filter, heldCallOf(request, reply));
    return { name, filter, fields, answer, question: [name, conditions(filter), fields] };
  };
  const row = (operation: Operation, handle: Route['handle']): Route => ({
    operation,
    admission: 'other',
    isHeld: (request) => queryOf(request).index !== undefined,
    handle,
  });

  return [
    row(listInstances, async (request, reply) => {
      const query = parseListQuery(queryOf(request), readParameters);
      const fields = parseFields(queryOf(request));
      const answer = await registry.list(query, heldCallOf(request, reply));
      const { instances, total, next } = answer.value;
      reply.header('x-total-count', total);
      if (next !== null) {
        const page = query.after ? { cursor: next } : { offset: String(query.offset + instances.length) };
        reply.header('x-manifest-cursor', next);
        reply.header('link', `<${nextPage(request, { limit: String(query.limit), ...page })}>; rel="next"`);
      }
      return show(request, reply, answer, ['list', conditions(query), fields], instances, jsonWith(fields));
    }),
    row(getService, async (request, reply) => {
      const { name, filter, fields, answer, question } = await instancesOf(request, reply);
      const [first, ...others] = answer.value;
      if (!first) throw notListed(reply, answer, `No instance of service '${name}' is listed${narrowed(filter)}.`);
      const body = others.length === 0 ? first : answer.value;
      return show(request, reply, answer, ['service', ...question], body, jsonWith(fields));
    }),
    row(getServiceInstances, async (request, reply) => {
      const { fields, answer, question } = await instancesOf(request, reply);
      return show(request, reply, answer, ['instances', ...question], answer.value, jsonWith(fields));
    }),
    row(getInstance, async (request, reply) => {
      const name = parseName(pathParameter(request, 'name'));
      const id = parseInstanceId(pathParameter(request, 'id'));
      refuseOtherParameters(request, recordParameters);
      const fields = parseFields(queryOf(request));
      const answer = await registry.getInstances(name, { instance_id: id }, callOf(request));
      const [instance] = answer.value;
      if (!instance) throw notListed(reply, answer, `No instance '${id}' of service '${name}' is listed.`);
      return show(request, reply, answer, ['instance', name, id, fields], instance, jsonWith(fields));
    }),
  ];
}

/**
 * Sends an answer, or that the client's copy of it is still good.
 *
 * @param question what was asked, for the tag
 * @param json of the body, or of its elements where it is a list
 */
export async function show<T extends object>(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: ReadAnswer<unknown>,
  question: readonly unknown[],
  body: T | readonly T[] | ListInPieces,
  json?: ElementJson<T>,
): Promise<FastifyReply> {
  const tag = entityTag(answer.revision, question);
  sayHowFresh(reply, answer);
  // A copy may be kept, but is to be confirmed with the registry each time.
  reply.header('etag', tag).header('cache-control', 'no-cache');
  if (namesTag(request.headers['if-none-match'], tag)) return reply.status(304).send();
  return reply.type('application/json; charset=utf-8').send(await jsonInSlices(body, json));
}

function sayHowFresh(reply: FastifyReply, { revision, leader, staleness_ms }: ReadAnswer<unknown>): void {
  reply.header('x-manifest-index', revision);
  if (leader !== null) reply.header('x-manifest-leader', leader);
  if (staleness_ms !== null) reply.header('x-manifest-staleness-ms', staleness_ms);
}

/** That there is nothing is an answer, too, and as fresh as any. */
export function notListed(reply: FastifyReply, answer: ReadAnswer<unknown>, message: string): RegistryError {
  sayHowFresh(reply, answer);
  return new RegistryError('service_not_found', message);
}

function narrowed(filter: InstanceFilter): string {
  const names = conditions(filter).map(([name]) => name);
  return names.length === 0 ? '' : ` that meets the conditions on ${names.join(', ')}`;
}

/** The conditions that were given, in one order whatever the order of the query string. */
export function conditions(query: ListQuery): [string, unknown][] {
  return Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]): [string, unknown] => [name, Array.isArray(value) ? [...new Set(value)].sort() : value])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function nextPage(request: FastifyRequest, page: Readonly<Record<string, string>>): string {
  const [path = ''] = request.url.split('?', 1);
  const parameters = new URLSearchParams(request.url.slice(path.length + 1));
  for (const [name, value] of Object.entries(page)) parameters.set(name, value);
  return `${path}?${parameters}`;
}
