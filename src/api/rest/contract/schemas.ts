import { z } from 'zod';
import type { DependencyGraph, RelatedService } from '../../../registry/dependencies.ts';
import type { ErrorCode } from '../../../registry/errors.ts';
import type {
  DeregistrationResult,
  HeartbeatResult,
  HeartbeatsResult,
  InstanceRecord,
  Metadata,
  RegistrationResult,
  Ttl,
  WatchedRecord,
} from '../../../registry/records.ts';
import type { ClusterStatus, HealthReport, MemberStatus } from '../../../registry/service.ts';
import { instanceId, metadata, registrationBody, serviceName, targetBody } from '../../../registry/validation.ts';
import { type ErrorBody, errorTable } from '../../error-table.ts';
import type { TargetGroup } from '../prometheus-targets.ts';

/** The schema of each field of `T`; one that is optional there is optional here, too. */
type Fields<T> = {
  readonly [K in keyof T]-?: undefined extends T[K] ? z.ZodOptional<z.ZodType<T[K]>> : z.ZodType<T[K]>;
};

/** An object that has the fields of `T`, no more and no fewer. */
function fieldsOf<T>() {
  return <F extends Fields<T>>(fields: F) => z.object(fields);
}

const count = z.int().min(0);
const timestamp = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .meta({ format: 'date-time', description: 'RFC 3339, UTC, milliseconds.' });
const status = z.enum(['up', 'unhealthy', 'unknown']).describe('The health state.');
const revision = count.describe("The registry's revision when it last changed visibly.");
const leaseId = count.describe('Fencing token: each registration gets a greater one.');
const name = serviceName.describe('The service.');
const id = instanceId.describe('The instance.');
const version = z.string().describe('A semantic version.');
const dependencies = z.array(serviceName);
const health = z.enum(['up', 'unhealthy', 'unknown', 'missing']).describe('Of a service: up while one instance is.');

const ttl = fieldsOf<Ttl>()({
  heartbeat_interval: z.number().describe('Between two heartbeats.'),
  unhealthy_after: z.number().describe('Without a heartbeat, until it is unhealthy.'),
  remove_after: z.number().describe('Without a heartbeat, until it is no longer listed.'),
}).describe('Lease times in seconds.');

const record = {
  name,
  id,
  version,
  interfaces: z.record(z.string(), z.string()).describe('From interface type to address.'),
  // JSON knows no `undefined`: a key is there, or is not.
  metadata: metadata as unknown as z.ZodType<Metadata>,
  ttl,
  status,
  last_heartbeat: timestamp,
  registered_at: timestamp,
  revision,
  lease_id: leaseId,
};
const instance = fieldsOf<InstanceRecord>()(record).describe('One instance.');
const instanceSelection = instance
  .partial()
  .required({ name: true, id: true })
  .describe('The fields of an instance that were asked for with fields.');
const shownInstance = z.union([instance, instanceSelection]);

const watched = fieldsOf<WatchedRecord>()({
  ...record,
  status: z.enum(['up', 'unhealthy', 'unknown', 'down']).describe('down: it is no longer listed.'),
  changed: z
    .array(z.string())
    .optional()
    .describe('Parts that differ from before: status, lease_id, version, interfaces, metadata, ttl.'),
}).describe('An instance in a change.');

const healthReport = fieldsOf<HealthReport>()({
  status: z.enum(['healthy', 'unhealthy']),
  reason: z.string().optional().describe('Why it is unhealthy.'),
  version: z.string().describe('Of the program.'),
  uptime_seconds: count,
  services_registered: count,
  services_healthy: count,
  services_unhealthy: count,
  services_unknown: count,
  storage_backend: z.string(),
  storage_healthy: z.boolean(),
  node: z.string().describe('The member that answers.'),
  leader: z.string().nullable(),
  term: count,
}).describe('How a member is. Services are counted by their instances.');

const member = fieldsOf<MemberStatus>()({
  id: z.string(),
  role: z.string().describe('leader, follower, candidate and so on; unreachable.'),
  reachable: z.boolean(),
  voter: z.boolean(),
  term: count,
  commit_index: count,
  applied_index: count,
  lag: count.nullable().describe("Entries behind the leader's commit index."),
  version: z.string(),
  uptime_seconds: count,
  rest_address: z.string(),
  grpc_address: z.string(),
});

const related = fieldsOf<RelatedService>()({
  name,
  status: health,
  instances: count,
  instances_up: count,
  direct: z.boolean().describe('Not only over others.'),
}).describe('A service that another one has to do with.');

const target = targetBody.describe('An instance, and its lease.');

const relation = { name, status: health, transitive: z.boolean() };

const errorCode = z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]);

const error = z
  .object({
    error: errorCode.describe('For programs.'),
    message: z.string().describe('For people: what is wrong, and the fix.'),
    field: z.string().optional().describe('The field or parameter that is wrong, such as interfaces.REST.'),
    value: z.unknown().optional().describe('What was refused, shortened.'),
    details: z.record(z.string(), z.unknown()).optional().describe('More facts, for programs.'),
    missing_dependencies: dependencies.optional().describe('With dependency_not_found.'),
    deregistered_at: timestamp.optional().describe('With service_gone.'),
    request_id: z.string(),
    retryable: z.boolean().describe('Whether the same request may succeed later. Sending it again is safe.'),
  } satisfies Fields<ErrorBody> & Readonly<Record<string, z.ZodType>>)
  .describe('Every error has this form.');

/** What is sent and answered, by the name that the API's description gives it. */
export const schemas = {
  Registration: registrationBody.describe('What a service says of itself: at most 10 KB as JSON.'),
  RegistrationResult: fieldsOf<Omit<RegistrationResult, 'created'>>()({
    id,
    name,
    version,
    status,
    registered_at: timestamp,
    lease_id: leaseId,
    heartbeat_interval: z.number().describe('Seconds between the heartbeats that the registry expects.'),
    heartbeat_timeout: z.number().describe('Seconds without a heartbeat until it is unhealthy.'),
    revision,
  }),
  Metadata: metadata,
  Ttl: ttl,
  Lease: targetBody.partial().describe('name and id, where they are given, must be those of the path.'),
  HeartbeatTarget: target,
  HeartbeatBatch: z.strictObject({ instances: z.array(target) }),
  HeartbeatResult: fieldsOf<HeartbeatResult>()({
    status,
    last_heartbeat: timestamp,
    lease_renewed: z.literal(true),
    ttl_remaining: z.number().describe('Seconds until it is unhealthy without another heartbeat.'),
  }),
  HeartbeatsResult: fieldsOf<HeartbeatsResult>()({
    renewed: count.describe('How many were.'),
    failed: z.array(z.object({ name, id, error: errorCode, message: z.string() })),
  }),
  DeregistrationResult: fieldsOf<DeregistrationResult>()({ message: z.string(), deregistered_at: timestamp }),
  Instance: instance,
  InstanceSelection: instanceSelection,
  ShownInstance: shownInstance.describe('Without fields it is an Instance.'),
  ShownInstances: z.array(shownInstance),
  OneOrMoreInstances: z
    .union([shownInstance, z.array(shownInstance)])
    .describe('The record of one instance, or an array of several.'),
  WatchedInstance: watched,
  Position: z.object({ revision: count }).describe('How far a watch has come.'),
  DependencyGraph: fieldsOf<DependencyGraph>()({
    services: z.array(
      z.object({ name, status: health, instances: count, instances_up: count, dependencies }).describe('One service.'),
    ),
    edges: z.array(z.object({ from: serviceName, to: serviceName })),
    missing: z
      .array(z.object({ name, required_by: z.array(serviceName) }))
      .describe('Services that somebody depends on and nobody is.'),
    cycles: z.array(dependencies).describe('For each service that depends on itself over others, a shortest such way.'),
    startup_order: z
      .array(dependencies)
      .describe('Services that may start together once all levels before have; those of a cycle stand in one level.'),
  }),
  Dependencies: z.object({
    ...relation,
    dependencies: z.array(related),
    ready: z.boolean().describe('Whether all of them are up.'),
  }),
  Dependents: z.object({ ...relation, dependents: z.array(related) }),
  HealthReport: healthReport,
  UnhealthyReport: healthReport
    .partial()
    .required({ status: true, reason: true })
    .describe('A gateway that reaches no member knows the reason only.'),
  Readiness: z.object({ status: z.enum(['alive', 'ready', 'not ready']), reason: z.string().optional() }),
  ClusterStatus: fieldsOf<ClusterStatus>()({
    cluster_id: z.string(),
    node: z.string().describe('The member that answers.'),
    leader: z.string().nullable(),
    term: count,
    members: z.array(member),
    state: z.object({
      applied_index: count,
      revision: count,
      hash: z.string().nullable().describe("SHA-256 of the member's state: equal on all members at equal indexes."),
    }),
  }),
  PrometheusTargets: z.array(
    fieldsOf<TargetGroup>()({
      targets: z.array(z.string()).describe('host:port'),
      labels: z.record(z.string(), z.string()),
    }).describe('One instance.'),
  ),
  Description: z.record(z.string(), z.unknown()).describe('An OpenAPI 3.1 document.'),
  Text: z.string(),
  Error: error,
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type SchemaName = keyof typeof schemas;

/** The schemas as JSON Schema (draft 2020-12), each under its name, that refer to each other there. Answers may get more fields. */
export function jsonSchemas(): Readonly<Record<string, JsonSchema>> {
  const registry = z.registry<{ readonly id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const made = z.toJSONSchema(registry, { io: 'input', uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.entries(made.schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  ) as Readonly<Record<string, JsonSchema>>;
}

/** One schema by itself. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...own } = z.toJSONSchema(schema, { io: 'input' });
  return own;
}

export type JsonSchema = Readonly<Record<string, unknown>>;
