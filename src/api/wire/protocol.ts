import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath } from '../../codec/load-proto.ts';

/**
 * Field names as in the files, which are those of the JSON. Absent fields have their default, but for those that are
 * `optional`: they are absent here, too, so that the validation can tell nothing from empty.
 */
export const clientProtocol: PackageDefinition = loadSync(
  ['registry.proto', 'cluster.proto', 'rpc-status.proto'].map(protoPath),
  { keepCase: true, longs: Number, enums: String, defaults: true, arrays: true, objects: true },
);

export const registryServiceName = 'manifest.v1.Registry';
export const clusterServiceName = 'manifest.v1.Cluster';

/** @throws Error when the files in `proto/` do not define it */
export function serviceOf(fullName: string): ServiceDefinition {
  const definition = clientProtocol[fullName];
  if (definition && !('format' in definition)) return definition as ServiceDefinition;
  throw new Error(`There is no service ${fullName} in proto/.`);
}

/** The caller states the types of the messages as the files have them. @throws as `serviceOf` */
export function methodOf<Request, Response>(service: string, name: string): MethodDefinition<Request, Response> {
  const method = serviceOf(service)[name];
  if (method) return method;
  throw new Error(`There is no method ${name} of ${service} in proto/.`);
}

/** As `methodOf`, for a message by itself. */
export function messageOf<T extends object>(fullName: string): MessageTypeDefinition<T, T> {
  const definition = clientProtocol[fullName];
  if (definition && 'deserialize' in definition) return definition as unknown as MessageTypeDefinition<T, T>;
  throw new Error(`There is no message ${fullName} in proto/.`);
}
