import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../src/codec/peer-codec.ts';
import { formatAddress, parseAddress } from '../../src/transport/address.ts';
import { Backoff } from '../../src/transport/backoff.ts';
import { BoundedQueue } from '../../src/transport/bounded-queue.ts';
import { messageBytes } from '../../src/transport/message-size.ts';
import { probe } from '../../src/transport/probe.ts';
import type { PeerMessage } from '../../src/transport/transport.ts';
import { chunk, command, numbered } from './recorder.ts';
import { TcpServer } from './tcp.ts';

describe('an address', () => {
  it.each([
    ['node-1:8503', { host: 'node-1', port: 8503 }],
    ['10.0.0.1:1', { host: '10.0.0.1', port: 1 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
  ])('%s is read, and written the same', (text, address) => {
    expect(parseAddress(text)).toStrictEqual(address);
    expect(formatAddress(address)).toBe(text);
  });

  it.each(['node-1', ':8503', 'node-1:', 'node-1:65536', '::1:8503', 'http://node-1:8503', 'node 1:8503', ''])(
    "'%s' is refused with what to write instead",
    (text) => {
      expect(() => parseAddress(text)).toThrow(`'${text}' is no address: write host:port`);
    },
  );
});

describe('a backoff', () => {
  it('doubles from the first wait to the longest, less up to a half by chance, and starts anew when reset', () => {
    const backoff = new Backoff(100, 1_000);
    const longest = [100, 200, 400, 800, 1_000, 1_000];
    for (let round = 0; round < 50; round++) {
      for (const longestMs of longest) {
        const delayMs = backoff.nextDelayMs();
        expect(delayMs).toBeLessThanOrEqual(longestMs);
        expect(delayMs).toBeGreaterThanOrEqual(longestMs / 2);
      }
      backoff.reset();
    }
  });

  it('does not wait equally long for everybody', () => {
    expect(new Set(Array.from({ length: 20 }, () => new Backoff(100, 1_000).nextDelayMs())).size).toBeGreaterThan(1);
  });
});

describe('a bounded queue', () => {
  it('gives batches in order, each up to its bytes and of at least one message', () => {
    const queue = new BoundedQueue({ maxMessages: 100, maxBytes: 1e6 });
    const messages = [command(1_000), command(1_000), command(50_000), numbered(1), numbered(2)];
    for (const message of messages) expect(queue.push(message)).toBe(true);
    const totalBytes = queue.sizeBytes;

    const batches = Array.from({ length: 3 }, () => queue.takeBatch(3_000));
    expect(batches.map((batch) => batch.messages)).toStrictEqual([
      messages.slice(0, 2),
      messages.slice(2, 3),
      messages.slice(3),
    ]);
    expect(batches.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(totalBytes);
    expect([queue.length, queue.sizeBytes]).toStrictEqual([0, 0]);
    expect(queue.takeBatch(3_000)).toStrictEqual({ messages: [], sizeBytes: 0 });
  });

  it('has room again for what was taken or cleared', () => {
    const queue = new BoundedQueue({ maxMessages: 2, maxBytes: 1e6 });
    const pushThree = () => [1, 2, 3].map((number) => queue.push(numbered(number)));
    expect(pushThree()).toStrictEqual([true, true, false]);
    queue.takeBatch(1);
    expect(queue.push(numbered(4))).toBe(true);
    queue.clear();
    expect(queue.sizeBytes).toBe(0);
    expect(pushThree()).toStrictEqual([true, true, false]);
  });
});

describe('the size of a message', () => {
  const many = <T>(make: (index: number) => T) => Array.from({ length: 100 }, (_, index) => make(index));
  const requestId = 'a3b8f042-1e16-4f0a-a8f0-421e16df0a2f';
  const data = Buffer.alloc(300, 1);
  const large: readonly PeerMessage[] = [
    {
      type: 'append-request',
      from: 'a',
      to: 'b',
      term: 1,
      prevLogIndex: 1,
      prevLogTerm: 1,
      commitIndex: 1,
      entries: many((index) => ({ index, term: 1, kind: 'command', data })),
    },
    { type: 'forward-commands', commands: many(() => ({ requestId, command: data })) },
    { type: 'forward-rejected', requestIds: many(() => requestId), reason: 'overloaded' },
    chunk(1, 100_000),
  ];

  it.each(large)('is about what travels, for a $type', (message) => {
    const sender = { clusterId: 'c', nodeId: 'a', incarnation: 'i' };
    const travels = encodeBatch({ sender, to: 'b', protocolVersion: 1, messages: [message] }).length;
    expect(messageBytes(message)).toBeGreaterThan(travels * 0.95);
    expect(messageBytes(message)).toBeLessThan(travels * 1.3);
  });
});

describe('a probe', () => {
  const address = (port: number) => ({ host: '127.0.0.1', port });
  const settled = (port: number, timeoutMs: number) =>
    new Promise<string | null>((resolve) => probe(address(port), timeoutMs, resolve));

  it('succeeds where a server speaks, and leaves', async () => {
    const server = await TcpServer.listen((socket) => socket.write('settings'));
    expect(await settled(server.port, 5_000)).toBe(null);
    await server.close();
  });

  it('says what is wrong where nothing listens, where nothing speaks, and where it is sent away', async () => {
    const closed = await TcpServer.listen(() => {});
    await closed.close();
    expect(await settled(closed.port, 5_000)).toContain('ECONNREFUSED');

    const silent = await TcpServer.listen((socket) => socket.resume());
    expect(await settled(silent.port, 50)).toBe(`127.0.0.1:${silent.port} did not answer within 50 ms`);
    await silent.close();

    const unkind = await TcpServer.listen((socket) => socket.end());
    expect(await settled(unkind.port, 5_000)).toBe(`127.0.0.1:${unkind.port} closed the connection`);
    await unkind.close();
  });

  it('that is cancelled closes its connection and says nothing', async () => {
    const connections: Socket[] = [];
    const server = await TcpServer.listen((socket) => connections.push(socket.resume()));
    const said: unknown[] = [];
    const cancel = probe(address(server.port), 30, (problem) => said.push(problem));
    while (connections.length === 0) await new Promise(setImmediate);
    const [connection] = connections;
    cancel();
    if (connection) await once(connection, 'close');
    await settled(server.port, 100);
    expect(said).toStrictEqual([]);
    await server.close();
  });
});
