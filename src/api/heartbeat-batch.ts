import { RegistryError } from '../registry/errors.ts';

/**
 * The instances of a batch of heartbeats; each is validated by the registry.
 * @throws RegistryError `validation_error` or `payload_too_large`
 */
export function parseHeartbeatBatch(body: unknown, maxInstances: number): readonly unknown[] {
  const instances =
    typeof body === 'object' && body !== null && 'instances' in body && Object.keys(body).length === 1
      ? body.instances
      : undefined;
  if (!Array.isArray(instances)) {
    throw new RegistryError(
      'validation_error',
      'The body must be an object with nothing but an array, such as {"instances": [{"name": "billing", "id": "billing-1"}]}.',
      { field: 'instances' },
    );
  }
  if (instances.length > maxInstances) {
    throw new RegistryError(
      'payload_too_large',
      `instances has ${instances.length} entries; at most ${maxInstances} are taken at once. Send several batches.`,
      { field: 'instances', details: { limit: maxInstances } },
    );
  }
  return instances;
}
