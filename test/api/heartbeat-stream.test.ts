import { once } from 'node:events';
import http2 from 'node:http2';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ClientDuplexStream, status as grpcStatus } from '@grpc/grpc-js';
import { beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../process/wait-for.ts';
import { PausableProxy } from '../transport/tcp.ts';
import { registrationWith } from './bad-input-cases.ts';
import { type FaceSettings, type GrpcFaceUnderTest, startGrpc } from './faces.ts';
import { definitionOf, metadataOf, RawClient, requestBeside } from './grpc-calls.ts';

const registry = 'manifest.v1.Registry';
const target = { name: 'billing', id: 'billing-1' } as const;

let face: GrpcFaceUnderTest;
let raw: RawClient;

async function start(settings: FaceSettings = {}): Promise<void> {
  face = await startGrpc(settings);
  raw = new RawClient(face.address);
}

async function stop(): Promise<void> {
  raw.close();
  await face.close();
}

const register = () => raw.call(`${registry}/Register`, registrationWith({}));

describe('a stream of heartbeats', () => {
  beforeEach(async () => {
    await start();
    return stop;
  });

  test('answers each batch in its order and ends when the client ends', async () => {
    await register();
    const stream = openStream({});
    const answers = collect(stream);
    stream.write({ instances: [target] });
    stream.write({ instances: [target, { name: 'billing', id: 'nobody' }] });
    stream.write({ instances: [] });
    stream.end();
    expect(await answers).toMatchObject([
      { renewed: 1, failed: [] },
      { renewed: 1, failed: [{ id: 'nobody', error: 'service_not_found' }] },
      { renewed: 0, failed: [] },
    ]);
  });

  test('goes on after a batch that is wrong', async () => {
    await register();
    const stream = openStream({});
    const answers = collect(stream);
    stream.write({ instances: [{ name: 'UP', id: 'x' }] });
    stream.write({ instances: [target] });
    stream.end();
    expect(await answers).toMatchObject([
      { renewed: 0, error: { error: 'validation_error', field: 'instances[0].name' } },
      { renewed: 1 },
    ]);
  });

  /** How many streams ended, by their codes. */
  const endings = async (): Promise<Record<string, number>> => {
    const counts = (await face.metrics.render()).matchAll(/\{method="HeartbeatStream",code="(\d+)"\} (\d+)/g);
    return Object.fromEntries([...counts].map(([, code, count]) => [grpcStatus[Number(code)], Number(count)]));
  };
  const untilEnded = (count: number) =>
    waitFor(
      async () => {
        const byCode = await endings();
        return Object.values(byCode).reduce((sum, some) => sum + some, 0) === count ? byCode : undefined;
      },
      { timeoutMs: 5_000, what: `${count} streams to have ended` },
    );
  test('is counted with the code that it ended with', async () => {
    const stream = openStream({});
    stream.end();
    expect(await collect(stream)).toEqual([]);
    expect(await untilEnded(1)).toEqual({ OK: 1 });
  });

  test('is let go when the connection of its client breaks, idle or in the middle of a batch', async () => {
    await register();
    const proxy = new PausableProxy(Number(face.address.split(':')[1]));
    const client = new RawClient(`127.0.0.1:${await proxy.listen()}`);
    const [idle, busy] = [openStream({}, client), openStream({}, client)];
    idle.write({ instances: [target] });
    await once(idle, 'data');
    const letGo = face.fake.hold();
    busy.write({ instances: [target] });
    await face.fake.held(1);
    await proxy.close();
    expect(await untilEnded(1)).toEqual({ CANCELLED: 1 });
    letGo();
    expect(await untilEnded(2)).toEqual({ CANCELLED: 2 });
    client.close();
    expect(await raw.call(`${registry}/Heartbeat`, target)).toHaveProperty('response');
  });

  test('is let go when its client cancels it, and gives back the place of its batch', async () => {
    await stop();
    await start({ limits: { requestsInFlight: 1 } });
    await register();
    const stream = openStream({});
    const letGo = face.fake.hold();
    stream.write({ instances: [target] });
    await face.fake.held(1);
    stream.cancel();
    letGo();
    // Node's client ends what it cancels: where the two arrive apart, the stream was ended.
    expect([{ CANCELLED: 1 }, { OK: 1 }]).toContainEqual(await untilEnded(1));
    expect(await raw.call(`${registry}/Heartbeat`, target)).toHaveProperty('response');
  });

  test('is let go when its own deadline passes, and counted as that', async () => {
    // Node's client has the same deadline and ends its stream then: which of the two is first would be luck.
    const session = http2.connect(`http://${face.address}`);
    const request = requestBeside(session, `${registry}/HeartbeatStream`, { 'grpc-timeout': '50m' });
    const [answer] = await once(request, 'response');
    expect(answer).toMatchObject({ 'grpc-status': String(grpcStatus.DEADLINE_EXCEEDED) });
    expect(await untilEnded(1)).toEqual({ DEADLINE_EXCEEDED: 1 });
    session.destroy();
  });

  test('holds no batch that it has answered while it waits for the next', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await register();
    const batches: WeakRef<readonly unknown[]>[] = [];
    // Not a spy, which would hold what it is called with.
    face.fake.heartbeats = async (inputs) => {
      batches.push(new WeakRef(inputs));
      return { renewed: inputs.length, failed: [] };
    };
    const stream = openStream({});
    for (let sent = 0; sent < 3; sent++) {
      stream.write({ instances: [target] });
      await once(stream, 'data');
    }
    await waitFor(
      () => {
        collect();
        return batches.every((batch) => batch.deref() === undefined) || undefined;
      },
      { timeoutMs: 5_000, what: 'the batches to be collected', everyMs: 20 },
    );
    expect(batches).toHaveLength(3);
    stream.end();
  });

  test('ends with UNAVAILABLE when the server stops, at once where it is idle and after its batch otherwise', async () => {
    await register();
    const [idle, busy] = [openStream({}), openStream({})];
    idle.write({ instances: [target] });
    await once(idle, 'data');
    const letGo = face.fake.hold();
    busy.write({ instances: [target] });
    await face.fake.held(1);
    const idleEnd = once(idle, 'error');
    const closed = face.close(60_000);
    expect((await idleEnd)[0]).toMatchObject({ code: grpcStatus.UNAVAILABLE });
    const answered = once(busy, 'data');
    const busyEnd = once(busy, 'error');
    letGo();
    expect((await answered)[0]).toMatchObject({ renewed: 1 });
    expect((await busyEnd)[0]).toMatchObject({ code: grpcStatus.UNAVAILABLE });
    raw.close();
    await closed;
    expect(await untilEnded(2)).toEqual({ UNAVAILABLE: 2 });
  });

  test('whose client reads no answers is not read either, and goes on when they are read', async () => {
    await register();
    const many = 800;
    const instances = Array.from({ length: 20 }, (_, position) => ({ name: 'billing', id: `nobody-${position}` }));
    const warnings: unknown[] = [];
    const warned = (warning: unknown) => warnings.push(warning);
    process.on('warning', warned);
    const stream = openStream({});
    // grpc-js takes in all there is until it is asked for something the first time.
    const first = once(stream, 'data');
    stream.write({ instances });
    await first;
    stream.pause();
    for (let sent = 1; sent < many; sent++) stream.write({ instances });
    stream.end();

    let before = 0;
    await waitFor(
      () => {
        const standsStill = face.fake.heartbeatBatches === before;
        before = face.fake.heartbeatBatches;
        return standsStill ? true : undefined;
      },
      { timeoutMs: 5_000, what: 'the server to stand still', everyMs: 100 },
    );
    expect(face.fake.heartbeatBatches).toBeLessThan(many / 2);
    expect(await collect(stream)).toHaveLength(many - 1);
    // The waiting leaves no listeners behind, of which Node would warn.
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  test('needs the token, where there is one', async () => {
    await stop();
    await start({ authToken: 'a-long-secret' });
    for (const metadata of [{}, { authorization: 'Bearer wrong' }]) {
      const [error] = await once(openStream(metadata), 'error');
      expect(error).toMatchObject({ code: grpcStatus.UNAUTHENTICATED });
    }
    const stream = openStream({ authorization: 'Bearer a-long-secret' });
    stream.end();
    expect(await collect(stream)).toEqual([]);
    expect(await untilEnded(3)).toEqual({ UNAUTHENTICATED: 2, OK: 1 });
  });
});

type HeartbeatStream = ClientDuplexStream<object, Record<string, unknown>>;

function openStream(metadata: Readonly<Record<string, string>>, { client }: RawClient = raw): HeartbeatStream {
  const { path, requestSerialize, responseDeserialize } = definitionOf(`${registry}/HeartbeatStream`);
  const deadline = Date.now() + 60_000;
  return client
    .makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadataOf(metadata), { deadline })
    .on('error', () => {});
}

async function collect(stream: HeartbeatStream): Promise<unknown[]> {
  const answers: unknown[] = [];
  for await (const answer of stream) answers.push(answer);
  return answers;
}
