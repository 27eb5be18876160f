import { fileURLToPath } from 'node:url';
import { Client, credentials, type MethodDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const protocol = loadSync(fileURLToPath(new URL('../etcd.proto', import.meta.url)), {
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
});

/** @param path such as `KV/Put` */
export function etcdMethod(path: string): MethodDefinition<object, Record<string, unknown>> {
  const [service = '', name = ''] = path.split('/');
  const method = (protocol[`etcdserverpb.${service}`] as ServiceDefinition | undefined)?.[name];
  if (!method) throw new Error(`There is no ${path} in etcd.proto.`);
  return method;
}

/** One call of etcd's API. @throws the ServiceError of grpc-js */
export function callEtcd(
  client: Client,
  path: string,
  request: object,
  timeoutMs = 5_000,
): Promise<Record<string, unknown>> {
  const method = etcdMethod(path);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      { deadline: Date.now() + timeoutMs },
      (error, response) => (error ? reject(error) : resolve(response ?? {})),
    );
  });
}

export function etcdClient(target: string): Client {
  return new Client(target, credentials.createInsecure());
}
