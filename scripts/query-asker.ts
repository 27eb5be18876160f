import { Agent, get } from 'node:http';
import { type ChannelOptions, credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { registryServiceName, serviceOf } from '../src/api/wire/protocol.ts';

/** What the benchmark of queries asks, from a process of its own: reading answers must not hold the loop that is looked at. */
export type Question =
  | { readonly face: 'rest'; readonly path: string }
  /** Until the present state is complete. */
  | { readonly face: 'sse'; readonly path: string }
  | { readonly face: 'grpc'; readonly method: string; readonly request: object }
  | { readonly face: 'grpc-watch'; readonly request: object };

export interface Asked {
  readonly question: Question;
  /** Asked so many times at once. */
  readonly times: number;
}

export interface Answered {
  /** Of the last answer. */
  readonly ms: number;
  /** HTTP status, or `OK` over gRPC; an error's message otherwise. */
  readonly status: string;
  /** Bytes over REST, instances or events over gRPC. */
  readonly size: number;
}

const [restUrl = '', grpcAddress = ''] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const options: ChannelOptions = { 'grpc.max_receive_message_length': -1 };
const Client = makeGenericClientConstructor(serviceOf(registryServiceName), 'Registry');
const client = new Client(grpcAddress, credentials.createInsecure(), options);

type Outcome = Pick<Answered, 'status' | 'size'>;
type Methods = Record<
  string,
  (request: object, callback: (error: ServiceError | null, answer?: Record<string, unknown>) => void) => void
>;

function ask(question: Question): Promise<Outcome> {
  switch (question.face) {
    case 'rest':
      return overRest(question.path, null);
    case 'sse':
      return overRest(question.path, 'event: synced');
    case 'grpc':
      return overGrpc(question.method, question.request);
    case 'grpc-watch':
      return watchOverGrpc(question.request);
  }
}

/** @param until ends the answer when it is read; `null`: its own end */
function overRest(path: string, until: string | null): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const request = get(`${restUrl}/v1${path}`, until === null ? { agent } : {}, (response) => {
      let size = 0;
      const end = () => resolve({ status: String(response.statusCode), size });
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (until === null || !chunk.includes(until)) return;
        end();
        response.destroy();
      });
      response.on('end', end);
    });
    request.on('error', reject);
  });
}

function overGrpc(method: string, request: object): Promise<Outcome> {
  return new Promise((resolve) => {
    (client as unknown as Methods)[method]?.call(client, request, (error, answer) => {
      const [list] = Object.values(answer ?? {}).filter(Array.isArray);
      resolve(error ? { status: error.details, size: 0 } : { status: 'OK', size: list?.length ?? 0 });
    });
  });
}

function watchOverGrpc(request: object): Promise<Outcome> {
  return new Promise((resolve) => {
    let size = 0;
    const stream = client.Watch?.(request);
    stream?.on('data', ({ type }: { type: string }) => {
      size++;
      if (type !== 'synced') return;
      resolve({ status: 'OK', size });
      stream.cancel();
    });
    stream?.on('error', (error: ServiceError) => resolve({ status: error.details, size }));
  });
}

process.on('message', async ({ question, times }: Asked) => {
  const startedMs = performance.now();
  const outcomes = await Promise.all(Array.from({ length: times }, () => ask(question)));
  const ms = performance.now() - startedMs;
  process.send?.({ ms, ...(outcomes[0] ?? { status: 'none', size: 0 }) } satisfies Answered);
});
process.send?.('ready');
