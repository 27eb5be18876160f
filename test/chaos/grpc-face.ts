import { AsyncLocalStorage } from 'node:async_hooks';
import { Client } from '@grpc/grpc-js';
import { ManifestGrpcClient } from '../../src/client/grpc-client.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import type { RegistryInput, RegistryOutput } from '../linearizability/models/registry-operations.ts';
import { registration } from '../process/rest.ts';
import { type Face, isWrite, type Outcome, requestTimeoutMs } from './face.ts';
import { seen } from './rest-face.ts';

/** How often the client has sent the call that is under way: it repeats by itself what got no answer. */
const sending = new AsyncLocalStorage<{ times: number }>();

const send = Client.prototype.makeUnaryRequest;
Client.prototype.makeUnaryRequest = function (this: Client, ...parts: unknown[]) {
  const call = sending.getStore();
  if (call) call.times++;
  return Reflect.apply(send, this, parts);
};

/** The registry over gRPC, by the TypeScript client; one client for each member, so that it is known who was asked. */
export class GrpcFace implements Face {
  readonly kind = 'gRPC';
  readonly #clients: readonly ManifestGrpcClient[];

  constructor(addresses: readonly string[]) {
    this.#clients = addresses.map(
      (address) => new ManifestGrpcClient({ endpoints: [address], timeoutMs: requestTimeoutMs }),
    );
  }

  async perform(input: RegistryInput, member: number): Promise<Outcome> {
    const client = this.#clients[member];
    if (!client) throw new RangeError(`There is no member ${member}.`);
    const call = { times: 0 };
    const copies = () => (isWrite(input) ? Math.max(0, call.times - 1) : 0);
    try {
      const output = await sending.run(call, () => ask(client, input));
      // The client takes "not found" for success when a copy before may have done it: that tells too little here.
      if (input.type === 'deregister' && copies() > 0) {
        return { type: 'unknown', reason: 'deregistered, maybe twice', copies: copies() };
      }
      return { type: 'answered', output, copies: copies() };
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      const output = outputOf(input, error);
      if (output) return { type: 'answered', output, copies: copies() };
      const reason = `${input.type}: ${error.code} ${error.message}`;
      if (error.code === 'service_unavailable') return { type: 'refused', reason };
      // A stream that broke is told as an internal error of the transport.
      return error.retryable ? { type: 'unknown', reason, copies: copies() } : { type: 'wrong', reason };
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

async function ask(client: ManifestGrpcClient, input: RegistryInput): Promise<RegistryOutput> {
  switch (input.type) {
    case 'register': {
      const answer = await client.register(registration(input.name, input.id, { version: input.version }));
      return { type: 'registered', leaseId: answer.lease_id, created: answer.created, revision: answer.revision };
    }
    case 'heartbeat':
      await client.heartbeat(target(input));
      return { type: 'ok' };
    case 'deregister':
      await client.deregister(target(input));
      return { type: 'ok' };
    case 'get': {
      const { value, revision } = await client.getInstances(input.name, { instance_id: input.id });
      const [record] = value;
      return record ? { type: 'record', record: seen(record), revision } : { type: 'absent', revision };
    }
    case 'list': {
      const { value, revision } = await client.getInstances(input.name, {});
      return { type: 'records', records: value.map(seen), revision };
    }
  }
}

function target({ name, id, leaseId }: { name: string; id: string; leaseId?: number | undefined }) {
  return { name, id, ...(leaseId === undefined ? {} : { lease_id: leaseId }) };
}

function outputOf({ type }: RegistryInput, { code, details }: RegistryError): RegistryOutput | null {
  if (type !== 'heartbeat' && type !== 'deregister') return null;
  if (code === 'service_not_found') return { type: 'not_found' };
  if (code === 'lease_mismatch') return { type: 'lease_mismatch' };
  if (code !== 'service_gone' || type !== 'heartbeat') return null;
  const cause = details?.cause;
  return cause === 'deregistered' || cause === 'expired' ? { type: 'gone', cause } : { type: 'gone' };
}
