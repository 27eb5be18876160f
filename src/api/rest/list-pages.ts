import { parseCursor } from '../../registry/cursor.ts';
import { RegistryError } from '../../registry/errors.ts';
import { maxLimit } from '../../registry/queries.ts';
import type {
  InstanceFilter,
  InstanceKey,
  InstancePage,
  ReadAnswer,
  ReadOptions,
  RegistryService,
} from '../../registry/service.ts';

/**
 * Walks a list to its end, in as many reads as it takes. An instance that is listed all the while is there once. No page
 * is older than the first: a change during the walk, whether it shows here or not, comes after that one's revision.
 * @throws RegistryError where any page does, or is older: a part is never taken for the whole
 */
export async function* listPages(
  registry: Pick<RegistryService, 'list'>,
  filter: InstanceFilter,
  options: ReadOptions,
): AsyncGenerator<ReadAnswer<InstancePage>, void> {
  let oldest = 0;
  for (let after: InstanceKey | null = { name: '', id: '' }; after !== null; ) {
    const page: ReadAnswer<InstancePage> = await registry.list({ ...filter, limit: maxLimit, after }, options);
    if (page.revision < oldest) {
      throw new RegistryError('service_unavailable', 'The list went back while it was read. Read it again.', {
        retryAfterSeconds: 1,
      });
    }
    oldest = page.revision;
    yield page;
    const { next } = page.value;
    after = next === null ? null : parseCursor(next);
  }
}
