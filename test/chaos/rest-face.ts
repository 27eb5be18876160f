import type { InstanceRecord } from '../../src/registry/records.ts';
import type { RegistryInput, RegistryOutput, SeenRecord } from '../linearizability/models/registry-operations.ts';
import { call, type RestAnswer, registration } from '../process/rest.ts';
import { type Face, type Outcome, requestTimeoutMs } from './face.ts';

/** No connection was made, so nothing was sent. */
const neverSent: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT']);

/** The registry over REST: one request, one answer, no retries. */
export class RestFace implements Face {
  readonly kind = 'REST';
  readonly #urls: readonly string[];

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  async perform(input: RegistryInput, member: number): Promise<Outcome> {
    try {
      return outcomeOf(input, await send(this.#urls[member] ?? '', input));
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      return neverSent.has(code)
        ? { type: 'refused', reason: message }
        : { type: 'unknown', reason: message, copies: 0 };
    }
  }

  close(): void {}
}

function send(url: string, input: RegistryInput): Promise<RestAnswer> {
  const options = { timeoutMs: requestTimeoutMs };
  const service = `/v1/services/${input.name}`;
  switch (input.type) {
    case 'register':
      return call(url, 'POST', '/v1/services', registration(input.name, input.id, { version: input.version }), options);
    case 'heartbeat':
      return call(url, 'PUT', `${service}/${input.id}/heartbeat`, leaseBody(input.leaseId), options);
    case 'deregister':
      return call(url, 'DELETE', `${service}/${input.id}`, leaseBody(input.leaseId), options);
    case 'get':
      return call(url, 'GET', `${service}/${input.id}`, undefined, options);
    case 'list':
      return call(url, 'GET', `${service}/instances`, undefined, options);
  }
}

function leaseBody(leaseId: number | undefined): { readonly lease_id: number } | undefined {
  return leaseId === undefined ? undefined : { lease_id: leaseId };
}

function outcomeOf(input: RegistryInput, answer: RestAnswer): Outcome {
  const output = outputOf(input, answer);
  if (output) return { type: 'answered', output, copies: 0 };
  const reason = `${input.type}: ${answer.status} ${JSON.stringify(answer.body)}`;
  if (answer.status === 503) return { type: 'refused', reason };
  return answer.status === 504 ? { type: 'unknown', reason, copies: 0 } : { type: 'wrong', reason };
}

function outputOf(input: RegistryInput, { status, headers, body }: RestAnswer): RegistryOutput | null {
  const revision = Number(headers['x-manifest-index']);
  switch (input.type) {
    case 'register':
      return status === 201 || status === 200
        ? { type: 'registered', leaseId: body.lease_id, created: status === 201, revision: body.revision }
        : null;
    case 'heartbeat':
      if (status === 204) return { type: 'ok' };
      if (status === 410) return { type: 'gone', cause: body.details.cause };
      if (status === 404) return { type: 'not_found' };
      return status === 409 ? { type: 'lease_mismatch' } : null;
    case 'deregister':
      if (status === 204) return { type: 'ok' };
      if (status === 404) return { type: 'not_found' };
      return status === 409 ? { type: 'lease_mismatch' } : null;
    case 'get':
      if (status === 200) return { type: 'record', record: seen(body), revision };
      return status === 404 ? { type: 'absent', revision } : null;
    case 'list':
      return status === 200 ? { type: 'records', records: body.map(seen), revision } : null;
  }
}

/** What the model looks at. */
export function seen({ id, version, lease_id, status, revision }: InstanceRecord): SeenRecord {
  return { id, version, leaseId: lease_id, status, revision };
}
