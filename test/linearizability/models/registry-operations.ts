import { z } from 'zod';

/** What clients ask of the registry, and what it says, as far as the model looks at it. */

const name = z.string().min(1);
const id = z.string().min(1);
const version = z.string().min(1);
const leaseId = z.int().positive();
const revision = z.int().nonnegative();
const status = z.enum(['up', 'unhealthy', 'unknown']);

export const registryInput = z.discriminatedUnion('type', [
  /** `version` stands for the whole record: give each registration another one, and a lost update shows. */
  z.strictObject({ type: z.literal('register'), name, id, version }),
  z.strictObject({ type: z.literal('heartbeat'), name, id, leaseId: leaseId.optional() }),
  z.strictObject({ type: z.literal('deregister'), name, id, leaseId: leaseId.optional() }),
  /** A linearizable read of one instance. */
  z.strictObject({ type: z.literal('get'), name, id }),
  /** A linearizable read of all instances of a service, without a filter or a limit. */
  z.strictObject({ type: z.literal('list'), name }),
]);

const record = z.strictObject({
  id,
  version,
  leaseId,
  status: status.optional(),
  /** Of the record's own last change. */
  revision: revision.optional(),
});

/** `revision` of a read is `X-Manifest-Index`: the revision that the whole answer shows. */
const outputs = {
  register: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('registered'),
      leaseId,
      /** Whether the instance was not listed before (201 and not 200). */
      created: z.boolean(),
      revision: revision.optional(),
    }),
  ]),
  heartbeat: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('ok') }),
    z.strictObject({ type: z.literal('not_found') }),
    z.strictObject({ type: z.literal('gone'), cause: z.enum(['deregistered', 'expired']).optional() }),
    z.strictObject({ type: z.literal('lease_mismatch') }),
  ]),
  deregister: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('ok') }),
    z.strictObject({ type: z.literal('not_found') }),
    z.strictObject({ type: z.literal('lease_mismatch') }),
  ]),
  get: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('record'), record, revision: revision.optional() }),
    z.strictObject({ type: z.literal('absent'), revision: revision.optional() }),
  ]),
  list: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('records'), records: z.array(record), revision: revision.optional() }),
  ]),
} as const;

export type RegistryInput = z.infer<typeof registryInput>;
export type SeenRecord = z.infer<typeof record>;
export type RegistryOutput = { [Type in keyof typeof outputs]: z.infer<(typeof outputs)[Type]> }[keyof typeof outputs];

/** An operation is paired with the results that it can have. */
export function registryOutput(input: RegistryInput): z.ZodType<RegistryOutput> {
  return outputs[input.type];
}
