import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeBatch, encodeBatch } from '../../src/codec/peer-codec.ts';
import type { GrpcTransport } from '../../src/transport/grpc-transport.ts';
import { lanePath, peerService, toBuffer } from '../../src/transport/peer-service.ts';
import { type PeerMessage, PROTOCOL_VERSION } from '../../src/transport/transport.ts';
import { type GrpcWorld, grpcWorld, quickTimings } from './grpc-world.ts';
import { chunk, command, numbered, Recorder, upTo } from './recorder.ts';
import { PausableProxy, TcpServer } from './tcp.ts';
import { connected, eventually, identityOf, type Member, Members } from './world.ts';

const mebibyte = 1024 * 1024;

let world: GrpcWorld;
let members: Members;
/** Undone in reverse order after each test. */
let cleanups: (() => unknown)[];
beforeEach(async () => {
  world = await grpcWorld(quickTimings);
  members = new Members(world);
  cleanups = [];
});
afterEach(async () => {
  await members.closeAll();
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

describe('a peer that is stopped while its connections stay open', () => {
  let proxy: PausableProxy;
  let a: Member;
  let b: Member;
  let c: Member;
  beforeEach(() => startBehindProxy());

  async function startBehindProxy(): Promise<void> {
    proxy = new PausableProxy(world.portOf('b'));
    cleanups.push(() => proxy.close());
    b = await members.start('b');
    c = await members.start('c');
    world.redirect('b', await proxy.listen());
    a = await members.start('a');
    await connected(a, 'b', b);
    await connected(a, 'c', c);
  }

  it('makes its queue neither grow past its bound nor delay the others, and is reported', async () => {
    proxy.pause();
    const pushedBytes = 200 * mebibyte;
    let highestQueuedBytes = 0;
    for (let sentBytes = 0; sentBytes < pushedBytes; sentBytes += mebibyte) {
      a.transport.send('b', command(mebibyte));
      highestQueuedBytes = Math.max(highestQueuedBytes, a.transport.queuedBytes('b'));
      await new Promise(setImmediate);
    }
    expect(highestQueuedBytes).toBeGreaterThan(30 * mebibyte);
    expect(highestQueuedBytes).toBeLessThan(36 * mebibyte);
    expect(a.heard.unreachablePeers).toContain('b');

    a.transport.send('c', numbered(1));
    await eventually('a message to another peer', () => c.heard.numbers().includes(1), 2_000);
  });

  it('has bytes wait for it in the queue, where they count, and not out of sight in the stream', async () => {
    proxy.pause();
    const sizeBytes = mebibyte / 2;
    a.transport.send('b', command(sizeBytes));
    for (const number of upTo(20)) {
      a.transport.send('c', numbered(number));
      await eventually('a message to another peer', () => c.heard.numbers().includes(number));
      expect(a.transport.queuedBytes('b')).toBeGreaterThanOrEqual(sizeBytes);
    }
  });

  it('is given up with what waits for it, is tried again without a trace, and hears what is sent once it goes on', async () => {
    await members.closeAll();
    world = await grpcWorld({ ...quickTimings, keepaliveTimeMs: 400, keepaliveTimeoutMs: 400 });
    members = new Members(world);
    await startBehindProxy();
    proxy.pause();
    // The first is on its way into the stream, the second still in the queue.
    a.transport.send('b', command(mebibyte));
    a.transport.send('b', numbered(1));
    await eventually('the loss', () => a.heard.unreachablePeers.includes('b'));
    expect(a.transport.queuedBytes('b')).toBe(0);

    // Two lanes, each with one attempt under way and one that is just being closed.
    const openConnections: number[] = [];
    const acceptedBefore = proxy.accepted;
    await eventually('three attempts of each lane', () => {
      openConnections.push(proxy.open);
      return proxy.accepted >= acceptedBefore + 6;
    });
    expect(Math.max(...openConnections)).toBeLessThanOrEqual(4);

    proxy.resume();
    await eventually('a message', () => {
      a.transport.send('b', numbered(2));
      return b.heard.numbers().includes(2);
    });
    expect(b.heard.numbers()).not.toContain(1);
  });

  it('does not hold up the end of the others', async () => {
    proxy.pause();
    for (const number of upTo(100)) a.transport.send('b', chunk(number, 100_000));
    a.transport.send('b', command(mebibyte));
    const beganMs = performance.now();
    await a.transport.close();
    // Until the silence is noticed, twice as much passes.
    expect(performance.now() - beganMs).toBeLessThan(2_000);
  });
});

describe('a peer whose address accepts connections and never answers', () => {
  it('costs two connections at a time, one for each lane, and delays nobody else', async () => {
    const silent = await TcpServer.listen((socket) => socket.resume(), world.portOf('b'));
    cleanups.push(() => silent.close());
    const c = await members.start('c');
    const a = await members.start('a');
    await connected(a, 'c', c);
    await eventually('a third attempt of each lane', () => silent.accepted >= 6);
    expect(silent.open).toBeLessThanOrEqual(4);
    expect(a.transport.queuedBytes('b')).toBe(0);
    await a.transport.close();
    await eventually('no connection left', () => silent.open === 0);
  });

  it('is reached as soon as a member listens there', async () => {
    const silent = await TcpServer.listen((socket) => socket.resume(), world.portOf('b'));
    cleanups.push(() => silent.close().catch(() => {}));
    const a = await members.start('a');
    await eventually('an attempt', () => silent.accepted >= 2);
    await silent.close();
    const b = await members.start('b');
    await connected(a, 'b', b);
  });
});

it('a peer that comes back after a while is reached within moments of its listening', async () => {
  const untouched = await grpcWorld();
  const port = untouched.portOf('b');
  const refusing = await TcpServer.listen((socket) => socket.destroy(), port);
  cleanups.push(() => refusing.close().catch(() => {}));
  const heard = { a: new Recorder(), b: new Recorder() };
  const [a, b] = [untouched.grpcTransport('a'), untouched.grpcTransport('b')];
  cleanups.push(() => Promise.all([a.close(), b.close()]));
  await a.start(identityOf('a'), heard.a);
  // Enough on both lanes for the pauses to have become as long as they get.
  await eventually('the attempts', () => refusing.accepted >= 12);
  await refusing.close();

  await b.start(identityOf('b'), heard.b);
  const listeningSinceMs = performance.now();
  await eventually('the first message', () => {
    a.send('b', numbered(1));
    return heard.b.received.length > 0;
  });
  expect(performance.now() - listeningSinceMs).toBeLessThan(3_000);
});

describe('large messages', () => {
  it('of a snapshot do not stand before a heartbeat', async () => {
    const [a, b] = [await members.start('a'), await members.start('b')];
    await connected(a, 'b', b);
    for (const number of upTo(60)) a.transport.send('b', chunk(number, mebibyte / 2));
    a.transport.send('b', numbered(1));
    await eventually('everything', () => b.heard.received.length === 61);
    expect(b.heard.messages.findIndex(({ type }) => type === 'read-index-request')).toBeLessThan(30);
    expect(b.heard.numbers('snapshots')).toStrictEqual(upTo(60));
  });

  it('above what the receiver takes break the stream and are named to the sender', async () => {
    const a = await members.start('a');
    const small = world.grpcTransport('b', { maxReceiveBytes: 100_000 });
    const heard = new Recorder();
    await small.start(identityOf('b'), heard);
    cleanups.push(() => small.close());
    await connected(a, 'b', { transport: small, heard });
    a.transport.send('b', command(200_000));
    await eventually('the refusal', () => a.heard.refusals.length > 0);
    expect(a.heard.refusals[0]?.reason).toMatch(/larger than max|200\d{3}/);
    expect(heard.received).toStrictEqual([]);
  });
});

describe('messages that are sent in one go', () => {
  it('travel as one batch, up to its limit', async () => {
    const batches: PeerMessage[][] = [];
    const server = new grpc.Server();
    const collect = (call: grpc.ServerReadableStream<Uint8Array, Uint8Array>) => {
      call.on('data', (bytes: Uint8Array) => batches.push([...decodeBatch(bytes).messages]));
    };
    server.addService(peerService, { exchange: collect, snapshots: collect });
    await listen(server, world.portOf('b'));
    const a = world.grpcTransport('a', { maxBatchBytes: 5_000 });
    await a.start(identityOf('a'), new Recorder());
    cleanups.push(() => a.close());
    await eventually('a first batch', () => {
      a.send('b', numbered(0));
      return batches.length > 0;
    });
    await eventually('an empty queue', () => a.queuedBytes('b') === 0);
    const before = batches.length;

    for (const number of upTo(51)) a.send('b', numbered(number));
    await eventually('the batch', () => batches.slice(before).flat().length === 51);
    expect(batches.slice(before).map(({ length }) => length)).toStrictEqual([51]);

    for (let count = 0; count < 6; count++) a.send('b', command(2_000));
    await eventually('the next ones', () => batches.slice(before).flat().length === 57);
    expect(batches.slice(before + 1).map(({ length }) => length)).toStrictEqual([2, 2, 2]);
  });
});

describe('a server', () => {
  let b: Member;
  let client: grpc.Client;
  beforeEach(async () => {
    b = await members.start('b');
    client = new grpc.Client(`127.0.0.1:${world.portOf('b')}`, grpc.credentials.createInsecure(), {
      'grpc.enable_http_proxy': 0,
    });
    cleanups.push(() => client.close());
  });

  /** A stream of raw bytes, and how it ends. */
  function openStream() {
    let end: { readonly error: grpc.ServiceError | null } | null = null;
    const stream = client.makeClientStreamRequest<Uint8Array, Uint8Array>(
      lanePath('exchange'),
      toBuffer,
      (bytes) => bytes,
      (error) => {
        end = { error };
      },
    );
    stream.on('error', () => {});
    const ended = async () => {
      await eventually('the end of the stream', () => end !== null);
      return end?.error ?? null;
    };
    return { stream, ended };
  }

  function batchOf(nodeId: string, ...messages: readonly PeerMessage[]): Uint8Array {
    return encodeBatch({ sender: identityOf(nodeId), to: 'b', protocolVersion: PROTOCOL_VERSION, messages });
  }

  it('ends a stream of bytes that are no batch, says so, and goes on with the others', async () => {
    const a = await members.start('a');
    await connected(a, 'b', b);
    const { stream, ended } = openStream();
    stream.write(Buffer.from('GET / HTTP/1.1\r\n'));
    expect((await ended())?.code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(b.heard.refusals[0]?.reason).toContain('not a batch of peer messages');
    a.transport.send('b', numbered(1));
    await eventually('a message of another stream', () => b.heard.numbers().includes(1));
  });

  it('ends a stream on which a second member speaks, and hands on nothing of what follows', async () => {
    const { stream, ended } = openStream();
    stream.write(batchOf('a', numbered(1)));
    stream.write(batchOf('c', numbered(2)));
    for (const number of upTo(2_000, 3)) stream.write(batchOf('a', numbered(number)));
    const error = await ended();
    expect(error?.code).toBe(grpc.status.FAILED_PRECONDITION);
    expect(error?.details).toContain("'c' spoke on the stream of 'a'");
    expect(b.heard.numbers()).toStrictEqual([1]);
    expect(b.heard.refusals.map(({ peer }) => peer)).toStrictEqual(['c']);
  });

  it('refuses a member that bears its own name, or none', async () => {
    for (const name of ['b', '']) {
      const { stream, ended } = openStream();
      stream.write(batchOf(name, numbered(1)));
      const error = await ended();
      expect(error?.code).toBe(grpc.status.FAILED_PRECONDITION);
      expect(error?.details).toContain(`'${name}' cannot be the name of a peer of 'b'`);
    }
    expect(b.heard.received).toStrictEqual([]);
    expect(b.heard.refusals.map(({ peer }) => peer)).toStrictEqual(['b', expect.stringContaining('127.0.0.1')]);
  });

  it('skips messages of a kind that it does not know, and says so once for a stream', async () => {
    const { stream, ended } = openStream();
    // Field 6 of the batch, a message whose only field has the number 999.
    const unknown = Buffer.from([0x32, 0x04, 0xba, 0x3e, 0x01, 0x78]);
    for (const number of upTo(3)) stream.write(Buffer.concat([batchOf('a', numbered(number)), unknown]));
    stream.end();
    expect(await ended()).toBe(null);
    expect(b.heard.numbers()).toStrictEqual(upTo(3));
    expect(b.heard.refusals).toStrictEqual([
      { peer: 'a', reason: expect.stringContaining('a kind that this version does not know') },
    ]);
  });

  it('lets an error of its handler end the process', async () => {
    const failure = new Error('a step of the core failed');
    b.heard.receive = () => {
      throw failure;
    };
    const usual = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    cleanups.push(() => {
      process.removeAllListeners('uncaughtException');
      for (const listener of usual) process.on('uncaughtException', listener);
    });
    const uncaught = once(process, 'uncaughtException');
    openStream().stream.write(batchOf('a', numbered(1), numbered(2)));
    expect((await uncaught)[0]).toBe(failure);
  });
});

describe('a transport over gRPC', () => {
  it('names what it found where something else answers at the address of a peer', async () => {
    const stranger = new grpc.Server();
    await listen(stranger, world.portOf('b'));
    const a = await members.start('a');
    await eventually('the refusal', () => {
      a.transport.send('b', numbered(1));
      return a.heard.refusals.length > 0;
    });
    expect(a.heard.refusals[0]).toMatchObject({ peer: 'b', reason: expect.stringContaining('not implement') });
  });

  it('names an address that is none, its own or that of a peer', async () => {
    await expect(transportAt('nowhere').start(identityOf('a'), new Recorder())).rejects.toThrow(
      "'nowhere' is no address",
    );
    world.redirect('b', 99_999);
    await expect(world.transport('a').start(identityOf('a'), new Recorder())).rejects.toThrow(
      "'127.0.0.1:99999' is no address",
    );
    const listening = await TcpServer.listen(() => {}, world.portOf('a'));
    await listening.close();
  });

  it('that is closed while it starts does not go on listening', async () => {
    const transport = world.transport('a');
    const starting = transport.start(identityOf('a'), new Recorder());
    await transport.close();
    await expect(starting).rejects.toThrow('closed while it started');
    const again = await TcpServer.listen(() => {}, world.portOf('a'));
    await again.close();
  });

  it('passes by a proxy that the environment names', async () => {
    const proxy = await TcpServer.listen((socket) => socket.destroy());
    cleanups.push(() => proxy.close());
    const before = process.env.grpc_proxy;
    process.env.grpc_proxy = `http://127.0.0.1:${proxy.port}`;
    cleanups.push(() => {
      if (before === undefined) delete process.env.grpc_proxy;
      else process.env.grpc_proxy = before;
    });
    const [a, b] = [await members.start('a'), await members.start('b')];
    await connected(a, 'b', b);
    expect(proxy.accepted).toBe(0);
  });

  function transportAt(listenAddress: string): GrpcTransport {
    return world.grpcTransport('a', {}, listenAddress);
  }
});

async function listen(server: grpc.Server, port: number): Promise<void> {
  cleanups.push(() => server.forceShutdown());
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
}
