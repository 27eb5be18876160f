import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Link } from './link.ts';

/** Answers every byte with the same byte, and remembers what it got. */
class Echo {
  readonly received: Buffer[] = [];
  readonly sockets = new Set<Socket>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('data', (bytes) => {
        this.received.push(bytes);
        socket.write(bytes);
      });
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  get text(): string {
    return Buffer.concat(this.received).toString();
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

/** A client that gathers what comes back. */
class Caller {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  readonly #chunks: Buffer[] = [];
  #woken: () => void = () => {};

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.on('data', (bytes) => {
      this.#chunks.push(bytes);
      this.#woken();
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  async gathers(length: number): Promise<string> {
    while (this.bytes.length < length) {
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
    }
    return this.bytes.toString();
  }
}

let echo: Echo;
let link: Link;
let port: number;

beforeEach(async () => {
  echo = new Echo();
  port = await echo.listen();
  link = await Link.open(port, () => 0.5);
});

afterEach(async () => {
  await link.close();
  echo.close();
});

describe('a link', () => {
  test('carries bytes both ways, many and in order', async () => {
    const caller = new Caller(link.port);
    const sent = Buffer.alloc(3_000_000, 'abcdefghij');
    caller.socket.write(sent);
    await caller.gathers(sent.length);
    expect(caller.bytes.equals(sent)).toBe(true);
    expect(link.disturbed).toBe(0);
    caller.socket.destroy();
  });

  test('passes the end of a connection on, after all that was sent before', async () => {
    const caller = new Caller(link.port);
    caller.socket.end('last words');
    expect(await caller.gathers(10)).toBe('last words');
    await caller.closed;
    expect(echo.text).toBe('last words');
  });

  test('that is silent keeps a connection and lets nothing pass until it is open again', async () => {
    const caller = new Caller(link.port);
    caller.socket.write('before ');
    await caller.gathers(7);
    link.set({ kind: 'silent' });
    caller.socket.write('during ');
    const another = new Caller(link.port);
    await once(another.socket, 'connect');
    another.socket.write('new');
    // Whatever would pass has passed when a byte that went around the link is back.
    const around = new Caller(port);
    around.socket.write('|');
    await around.gathers(1);
    expect(echo.text).toBe('before |');
    expect(link.disturbed).toBeGreaterThanOrEqual(2);

    link.set({ kind: 'open' });
    expect(await caller.gathers(14)).toBe('before during ');
    expect(await another.gathers(3)).toBe('new');
    for (const each of [caller, another, around]) each.socket.destroy();
  });

  test('that is silent tells a client of its server’s end only when it is open again', async () => {
    const caller = new Caller(link.port);
    caller.socket.write('x');
    await caller.gathers(1);
    link.set({ kind: 'silent' });
    let isClosed = false;
    void caller.closed.then(() => {
      isClosed = true;
    });
    const [served] = echo.sockets;
    const ended = served && once(served, 'close');
    served?.resetAndDestroy();
    await ended;
    const around = new Caller(port);
    around.socket.write('|');
    await around.gathers(1);
    expect(isClosed).toBe(false);

    link.set({ kind: 'open' });
    await caller.closed;
    around.socket.destroy();
  });

  test('that refuses resets the connections that there are, and new ones', async () => {
    const caller = new Caller(link.port);
    caller.socket.write('x');
    await caller.gathers(1);
    const errors: string[] = [];
    caller.socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
    link.set({ kind: 'refusing' });
    await caller.closed;
    expect(errors).toEqual(['ECONNRESET']);

    const another = new Caller(link.port);
    another.socket.write('y');
    await another.closed;
    expect(echo.text).toBe('x');
    link.set({ kind: 'open' });
    const later = new Caller(link.port);
    later.socket.write('z');
    expect(await later.gathers(1)).toBe('z');
    later.socket.destroy();
  });

  test('to a port where nobody listens resets its callers', async () => {
    echo.close();
    const nowhere = await Link.open(port, () => 0);
    const caller = new Caller(nowhere.port);
    await caller.closed;
    await nowhere.close();
  });

  test('that is slow delays every piece, there and back, and keeps the order', async () => {
    link.set({ kind: 'slow', delayMs: 40, jitterMs: 40, bytesPerSecond: null });
    const caller = new Caller(link.port);
    const sentMs = performance.now();
    for (let i = 0; i < 20; i++) caller.socket.write(`${i},`);
    const expected = Array.from({ length: 20 }, (_, i) => `${i},`).join('');
    expect(await caller.gathers(expected.length)).toBe(expected);
    // Jitter is half of its most here: 60 ms each way. Timers may be early by a part of a millisecond.
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(118);
    expect(link.disturbed).toBeGreaterThan(2);
    caller.socket.destroy();
  });

  test('that is narrow lets no more bytes through than it should', async () => {
    link.set({ kind: 'slow', delayMs: 0, jitterMs: 0, bytesPerSecond: 100_000 });
    const caller = new Caller(link.port);
    const sentMs = performance.now();
    caller.socket.write(Buffer.alloc(20_000, 'x'));
    await caller.gathers(20_000);
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(198);
    caller.socket.destroy();
  });

  test('that heals lets through at once what it had delayed', async () => {
    link.set({ kind: 'slow', delayMs: 1_000_000, jitterMs: 0, bytesPerSecond: null });
    const caller = new Caller(link.port);
    caller.socket.write('late');
    await once(caller.socket, 'connect');
    link.set({ kind: 'open' });
    expect(await caller.gathers(4)).toBe('late');
    caller.socket.destroy();
  });
});
