import { Server, ServerCredentials, type sendUnaryData, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runGrpcLoad } from '../../scripts/bench/load/grpc-load.ts';
import type { GrpcRequest, LoadPlan } from '../../scripts/bench/load/load.ts';
import { runPacedLoad } from '../../scripts/bench/load/paced-load.ts';
import { probed } from '../../scripts/bench/probe.ts';

const same = (bytes: Buffer) => bytes;
const methodOf = (path: string, isStream: boolean) => ({
  path,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

let server: Server;
let target: string;
const asked: string[] = [];
/** Every n-th call fails. */
let failEvery = Number.POSITIVE_INFINITY;

beforeEach(async () => {
  asked.length = 0;
  failEvery = Number.POSITIVE_INFINITY;
  server = new Server();
  server.addService(
    { unary: methodOf('/test.Echo/Unary', false), stream: methodOf('/test.Echo/Stream', true) },
    {
      unary: ({ request }: { request: Buffer }, answer: sendUnaryData<Buffer>) => {
        asked.push(request.toString());
        if (asked.length % failEvery === 0) answer({ code: status.UNAVAILABLE, details: 'not now' });
        else answer(null, request);
      },
      stream: (call: NodeJS.ReadWriteStream) => {
        call.on('data', (message: Buffer) => {
          asked.push(message.toString());
          call.write(message);
        });
        call.on('end', () => call.end());
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  target = `127.0.0.1:${port}`;
});

afterEach(() => server.forceShutdown());

function requestOf(message: string, call: 'unary' | 'stream' = 'unary'): GrpcRequest {
  return {
    kind: 'grpc',
    path: `/test.Echo/${call === 'unary' ? 'Unary' : 'Stream'}`,
    messages: [Buffer.from(message).toString('base64')],
    call,
    answerBytes: { least: message.length, most: message.length },
  };
}

function planOf(request: GrpcRequest, changed: Partial<LoadPlan> = {}): LoadPlan & { readonly request: GrpcRequest } {
  const numbers = { first: 0, count: 1_000 };
  return { targets: [target], inFlight: 32, durationMs: 10_000, requests: 500, numbers, ...changed, request };
}

describe('the own generator', () => {
  test('sends every number once, and every answer counts', async () => {
    const { operations, failures } = await runGrpcLoad(planOf(requestOf('key-####')));
    expect({ operations, failures }).toEqual({ operations: 500, failures: 0 });
    expect([...asked].sort()).toEqual(Array.from({ length: 500 }, (_, i) => `key-${String(i).padStart(4, '0')}`));
  });

  test('counts calls that fail, which HTTP/2 does not show by its status', async () => {
    failEvery = 10;
    const { operations, failures, firstFailure } = await runGrpcLoad(planOf(requestOf('key-####')));
    expect({ operations, failures }).toEqual({ operations: 450, failures: 50 });
    expect(firstFailure).toBe('a call failed');
  });

  test('counts answers of another size than right ones have', async () => {
    const request = { ...requestOf('key-####'), answerBytes: { least: 1, most: 7 } };
    await expect(runGrpcLoad(planOf(request))).rejects.toThrow('an answer has 8 bytes, and right ones 1 to 7');
  });

  test('keeps to the windows of the server with more under way than they hold', async () => {
    // A connection has about ten of these bodies under way, and its first window is 65,535 bytes.
    const request = requestOf('x'.repeat(30_000));
    const { operations } = await runGrpcLoad(planOf(request, { inFlight: 256, requests: 600 }));
    expect(operations).toBe(600);
  });

  test('takes turns over streams, with messages that frames cut', async () => {
    const request = requestOf(`${'y'.repeat(40_000)}####`, 'stream');
    const { operations } = await runGrpcLoad(planOf(request, { inFlight: 4, requests: 50 }));
    expect(operations).toBe(50);
    expect(new Set(asked).size).toBe(50);
  });

  test('says so when the server goes away', async () => {
    const load = runGrpcLoad(planOf(requestOf('key-####'), { requests: 1_000_000 }));
    const failed = expect(load).rejects.toThrow(/closed the connection|ended the connection|ECONNRESET|EPIPE/);
    await expect.poll(() => asked.length).toBeGreaterThan(100);
    server.forceShutdown();
    await failed;
  });

  test('is told by a whole client what a right answer looks like, and what cannot be measured', async () => {
    const { answerBytes } = await probed(target, requestOf('key-####'), { less: 1, more: 2 });
    expect(answerBytes).toEqual({ least: 7, most: 10 });
    failEvery = 1;
    await expect(probed(target, requestOf('key-####'), { less: 0, more: 0 })).rejects.toThrow('not now');
  });
});

test('the paced generator sends what is due, counts each kind by itself, and says when it begins to measure', async () => {
  let measuring = 0;
  const flow = { targets: [target], connections: 2, streams: 4, numbers: { first: 0, count: 10_000 } };
  const result = await runPacedLoad(
    {
      warmUpMs: 200,
      durationMs: 800,
      watches: null,
      flows: [
        { ...flow, name: 'calls', request: requestOf('call-####'), perSecond: 100 },
        { ...flow, name: 'messages', request: requestOf('message-####', 'stream'), perSecond: 200 },
      ],
    },
    () => measuring++,
  );
  expect(measuring).toBe(1);
  const [calls, messages] = result.flows;
  // All of one second, less those of the warm-up, however late the machine is.
  expect(asked.filter((text) => text.startsWith('call-')).length).toBeGreaterThanOrEqual(99);
  expect(calls?.failures).toBe(0);
  expect(calls?.operations).toBeGreaterThanOrEqual(79);
  expect(messages?.operations).toBeGreaterThanOrEqual(159);
  expect(calls?.operations).toBeLessThan(asked.filter((text) => text.startsWith('call-')).length);
});
