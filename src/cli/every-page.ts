import type { InstanceRecord } from '../registry/records.ts';
import { recordsIn } from './records.ts';
import { ask, type Connection } from './registry-client.ts';

/** The most that a member gives at once. */
const pageSize = 1_000;

export interface Listing {
  readonly records: readonly InstanceRecord[];
  /** How many met the conditions when the first page was made, with those that were left out. */
  readonly total: number;
}

/**
 * Walks through a list to its end or to `limit`. The cursor names an instance, so that what comes and goes meanwhile
 * neither hides an instance nor shows one twice, and another member can go on where one stopped.
 * @throws CommandError
 */
export async function everyPage(
  connection: Connection,
  conditions: URLSearchParams,
  offset = 0,
  limit: number | null = null,
): Promise<Listing> {
  const records: InstanceRecord[] = [];
  let total = 0;
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams(conditions);
    query.set('limit', String(Math.min(pageSize, (limit ?? Number.POSITIVE_INFINITY) - records.length)));
    if (cursor !== null) query.set('cursor', cursor);
    else if (offset > 0) query.set('offset', String(offset));
    const { body, headers } = await ask(connection, {
      method: 'GET',
      path: `/v1/services?${query}`,
      repeatable: true,
    });
    if (cursor === null) total = Number(headers['x-total-count'] ?? 0);
    for (const record of recordsIn(body)) records.push(record);
    const next = headers['x-manifest-cursor'];
    cursor = typeof next === 'string' && next !== cursor ? next : null;
  } while (cursor !== null && records.length < (limit ?? Number.POSITIVE_INFINITY));
  return { records, total };
}
