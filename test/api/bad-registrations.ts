/** Bad records for every rule of the validation. */

export const validRegistration = {
  name: 'billing',
  id: 'billing-1',
  version: '1.0.0',
  interfaces: { REST: 'http://10.0.0.1:9000' },
} as const;

export interface BadRegistration {
  readonly title: string;
  /** Replaces parts of a valid registration; `undefined` takes them out. */
  readonly change: Readonly<Record<string, unknown>>;
  readonly code: string;
  readonly field: string;
  /** What no protobuf message can say, such as a number in the place of a name. */
  readonly onlyJson?: true;
}

export const invalid = 'validation_error';

export const badRegistrations: readonly BadRegistration[] = [
  { title: 'no name', change: { name: undefined }, code: invalid, field: 'name' },
  { title: 'an empty name', change: { name: '' }, code: invalid, field: 'name' },
  { title: 'a name in capitals', change: { name: 'Billing' }, code: invalid, field: 'name' },
  { title: 'a name with a space', change: { name: 'bill ing' }, code: invalid, field: 'name' },
  { title: 'a name with a line break at its end', change: { name: 'billing\n' }, code: invalid, field: 'name' },
  { title: 'a name that leads out of its path', change: { name: '../admin' }, code: invalid, field: 'name' },
  { title: 'a name of 65 characters', change: { name: 'a'.repeat(65) }, code: invalid, field: 'name' },
  { title: 'a name in another script', change: { name: 'ƀilling' }, code: invalid, field: 'name' },
  { title: 'a number for a name', change: { name: 7 }, code: invalid, field: 'name', onlyJson: true },
  { title: 'null for a name', change: { name: null }, code: invalid, field: 'name', onlyJson: true },
  { title: 'an empty id', change: { id: '' }, code: invalid, field: 'id' },
  { title: 'an id with a slash', change: { id: 'a/b' }, code: invalid, field: 'id' },
  { title: 'an id of 129 characters', change: { id: 'a'.repeat(129) }, code: invalid, field: 'id' },
  { title: 'an array for an id', change: { id: ['a'] }, code: invalid, field: 'id', onlyJson: true },
  { title: 'no version', change: { version: undefined }, code: invalid, field: 'version' },
  { title: 'a version that is none', change: { version: 'one' }, code: 'invalid_version', field: 'version' },
  { title: 'a version with a v', change: { version: 'v1.0.0' }, code: 'invalid_version', field: 'version' },
  { title: 'a version of two parts', change: { version: '1.0' }, code: 'invalid_version', field: 'version' },
  { title: 'no interfaces', change: { interfaces: undefined }, code: invalid, field: 'interfaces' },
  { title: 'an empty map of interfaces', change: { interfaces: {} }, code: invalid, field: 'interfaces' },
  {
    title: 'an interface without address',
    change: { interfaces: { CLI: '' } },
    code: invalid,
    field: 'interfaces.CLI',
  },
  { title: 'an interface without type', change: { interfaces: { '': 'x' } }, code: invalid, field: 'interfaces' },
  {
    title: 'a REST interface that is no URL',
    change: { interfaces: { REST: 'not a url' } },
    code: invalid,
    field: 'interfaces.REST',
  },
  {
    title: 'a REST interface of another scheme',
    change: { interfaces: { REST: 'ftp://h' } },
    code: invalid,
    field: 'interfaces.REST',
  },
  {
    title: 'a gRPC interface with an impossible port',
    change: { interfaces: { gRPC: 'h:70000' } },
    code: invalid,
    field: 'interfaces.gRPC',
  },
  {
    title: 'an interface whose address is a number',
    change: { interfaces: { CLI: 5 } },
    code: invalid,
    field: 'interfaces.CLI',
    onlyJson: true,
  },
  {
    title: 'an array of interfaces',
    change: { interfaces: ['REST'] },
    code: invalid,
    field: 'interfaces',
    onlyJson: true,
  },
  { title: 'an array of metadata', change: { metadata: [] }, code: invalid, field: 'metadata', onlyJson: true },
  {
    title: 'a description of 501 characters',
    change: { metadata: { description: 'd'.repeat(501) } },
    code: invalid,
    field: 'metadata.description',
  },
  {
    title: 'a description that is no string',
    change: { metadata: { description: 5 } },
    code: invalid,
    field: 'metadata.description',
  },
  {
    title: 'a dependency that is no name',
    change: { metadata: { dependencies: ['ok', 'Not Ok'] } },
    code: invalid,
    field: 'metadata.dependencies.1',
  },
  {
    title: 'dependencies that are no array',
    change: { metadata: { dependencies: 'orchestrator' } },
    code: invalid,
    field: 'metadata.dependencies',
  },
  { title: 'a tag in capitals', change: { metadata: { tags: ['Core'] } }, code: invalid, field: 'metadata.tags.0' },
  { title: 'an empty tag', change: { metadata: { tags: [''] } }, code: invalid, field: 'metadata.tags.0' },
  {
    title: 'an unknown environment',
    change: { metadata: { environment: 'moon' } },
    code: invalid,
    field: 'metadata.environment',
  },
  {
    title: 'a region that is no string',
    change: { metadata: { region: {} } },
    code: invalid,
    field: 'metadata.region',
  },
  {
    title: 'an owner that is no string',
    change: { metadata: { owner: true } },
    code: invalid,
    field: 'metadata.owner',
  },
  { title: 'metadata that is nested too deeply', change: { metadata: nested(40) }, code: invalid, field: 'metadata' },
  {
    title: 'a key that changes what objects are',
    change: { metadata: JSON.parse('{"__proto__": {"polluted": true}}') },
    code: invalid,
    field: '__proto__',
  },
  {
    title: 'a record above 10 KB',
    change: { metadata: { blob: 'x'.repeat(10 * 1024) } },
    code: 'payload_too_large',
    field: 'metadata',
  },
  {
    title: 'an interval of no time',
    change: { ttl: { heartbeat_interval: 0 } },
    code: invalid,
    field: 'ttl.heartbeat_interval',
  },
  {
    title: 'a lease beyond the bounds',
    change: { ttl: { remove_after: 1e9 } },
    code: invalid,
    field: 'ttl.remove_after',
  },
  { title: 'lease times out of order', change: { ttl: { unhealthy_after: 90 } }, code: invalid, field: 'ttl' },
  {
    title: 'a lease time in words',
    change: { ttl: { remove_after: '60' } },
    code: invalid,
    field: 'ttl.remove_after',
    onlyJson: true,
  },
  { title: 'an unknown lease time', change: { ttl: { grace: 5 } }, code: invalid, field: 'ttl.grace', onlyJson: true },
  { title: 'a number for lease times', change: { ttl: 5 }, code: invalid, field: 'ttl', onlyJson: true },
  { title: 'an unknown field', change: { tags: ['core'] }, code: invalid, field: 'tags', onlyJson: true },
];

function nested(depth: number): Record<string, unknown> {
  return depth === 0 ? { end: true } : { deeper: nested(depth - 1) };
}

export function registrationWith(change: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...validRegistration, ...change };
}
