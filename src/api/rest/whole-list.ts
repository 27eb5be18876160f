import { parseCursor } from '../../registry/cursor.ts';
import { maxLimit } from '../../registry/queries.ts';
import type { InstanceRecord } from '../../registry/records.ts';
import type { InstanceFilter, InstanceKey, ReadAnswer, ReadOptions, RegistryService } from '../../registry/service.ts';
import { answerTurns } from '../answer-turns.ts';

/** Records looked at before others get their turn. */
const recordsPerTurn = 200;

/**
 * Walks a list to its end, in as many reads as it takes. An instance that is listed all the while is there once. The
 * answer is as fresh as its oldest page: a change during the walk, whether it shows here or not, comes after its revision.
 * @param pick what to keep of each record, between two reads; `null`: nothing
 * @throws RegistryError where any page does: a part is never taken for the whole
 */
export async function wholeList<T>(
  registry: Pick<RegistryService, 'list'>,
  filter: InstanceFilter,
  options: ReadOptions,
  pick: (record: InstanceRecord) => T | null,
): Promise<ReadAnswer<readonly T[]>> {
  const picked: T[] = [];
  let looks = 0;
  let oldest: ReadAnswer<unknown> | null = null;
  for (let after: InstanceKey | null = { name: '', id: '' }; after !== null; ) {
    const page: Awaited<ReturnType<RegistryService['list']>> = await registry.list(
      { ...filter, limit: maxLimit, after },
      options,
    );
    const { instances, next } = page.value;
    for (const record of instances) {
      const part = pick(record);
      if (part !== null) picked.push(part);
      if (++looks % recordsPerTurn === 0) await answerTurns.next();
    }
    oldest = olderOf(oldest, page);
    after = next === null ? null : parseCursor(next);
  }
  const { revision = 0, leader = null, staleness_ms = null } = oldest ?? {};
  return { value: picked, revision, leader, staleness_ms };
}

function olderOf(one: ReadAnswer<unknown> | null, other: ReadAnswer<unknown>): ReadAnswer<unknown> {
  if (one === null) return other;
  const staleness_ms =
    one.staleness_ms === null || other.staleness_ms === null ? null : Math.max(one.staleness_ms, other.staleness_ms);
  return { ...other, revision: Math.min(one.revision, other.revision), staleness_ms };
}
