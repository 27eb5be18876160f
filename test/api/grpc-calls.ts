import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { Client, credentials, Metadata, type MethodDefinition, type ServiceError, type status } from '@grpc/grpc-js';
import { fromTrailer } from '../../src/api/wire/error-detail.ts';
import { methodOf } from '../../src/api/wire/protocol.ts';
import type { RegistryError } from '../../src/registry/errors.ts';

export type GrpcAnswer =
  | { readonly response: Record<string, unknown>; readonly trailer: Metadata }
  | {
      readonly code: status;
      readonly details: string;
      readonly error: RegistryError | null;
      readonly trailer: Metadata;
    };

/** Calls methods with messages as they are: no client in between that could refuse them first. */
export class RawClient {
  readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure());
  }

  /** @param request a message's plain object, or its bytes */
  call(
    path: string,
    request: object | Buffer,
    metadata: Readonly<Record<string, string>> = {},
    deadlineMs = 5_000,
  ): Promise<GrpcAnswer> {
    const { path: fullPath, requestSerialize, responseDeserialize } = definitionOf(path);
    return new Promise((resolve) => {
      let trailer = new Metadata();
      this.client
        .makeUnaryRequest<object, Record<string, unknown>>(
          fullPath,
          (message) => (Buffer.isBuffer(message) ? message : requestSerialize(message)),
          responseDeserialize,
          request,
          metadataOf(metadata),
          { deadline: Date.now() + deadlineMs },
          (failed: ServiceError | null, response) => {
            // The status with the trailer follows within the same turn.
            setImmediate(() => {
              if (failed) {
                const { code, details } = failed;
                resolve({ code, details, error: fromTrailer(failed.metadata), trailer: failed.metadata });
              } else resolve({ response: response ?? {}, trailer });
            });
          },
        )
        .on('status', (status) => {
          trailer = status.metadata;
        });
    });
  }

  close(): void {
    this.client.close();
  }
}

/** Opens a call beside the library: a client that keeps no deadline, ends nothing and checks nothing by itself. */
export function requestBeside(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>>,
): ClientHttp2Stream {
  return session
    .request({
      ':method': 'POST',
      ':path': `/${path}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    .on('error', () => {});
}

export function metadataOf(values: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}

/** @param path such as `manifest.v1.Registry/Register` */
export function definitionOf(path: string): MethodDefinition<object, Record<string, unknown>> {
  const [service = '', method = ''] = path.split('/');
  return methodOf(service, method);
}
