import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A plain TCP server on loopback that remembers its connections. */
export class TcpServer {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly port: number;
  /** Connections accepted so far. */
  accepted = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async listen(serve: (socket: Socket) => void, port = 0, host = '127.0.0.1'): Promise<TcpServer> {
    const server = createServer();
    server.listen(port, host);
    await once(server, 'listening');
    const tcpServer = new TcpServer(server, (server.address() as AddressInfo).port);
    server.on('connection', (socket) => {
      tcpServer.accepted++;
      tcpServer.#connections.add(socket);
      socket.on('close', () => tcpServer.#connections.delete(socket));
      socket.on('error', () => socket.destroy());
      serve(socket);
    });
    return tcpServer;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#connections.size;
  }

  /** Breaks all connections. */
  breakAll(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.breakAll();
    await closed;
  }
}

/**
 * Stands between a member and its peer. Paused, it moves no byte in any direction and closes nothing, as a peer that
 * got SIGSTOP or a network that swallows packets; new connections are accepted, as the kernel does for a stopped process.
 */
export class PausableProxy {
  readonly #targetPort: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #server: TcpServer | null = null;
  #paused = false;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  async listen(): Promise<number> {
    this.#server = await TcpServer.listen((socket) => this.#join(socket));
    return this.#server.port;
  }

  pause(): void {
    this.#paused = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  get open(): number {
    return this.#server?.open ?? 0;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#server?.accepted ?? 0;
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await this.#server?.close();
  }

  #join(near: Socket): void {
    const far = connect(this.#targetPort, '127.0.0.1');
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on('data', (bytes) => {
        if (!other.write(bytes)) {
          one.pause();
          other.once('drain', () => {
            if (!this.#paused) one.resume();
          });
        }
      });
      one.on('error', () => one.destroy());
      one.on('close', () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
      if (this.#paused) one.pause();
    }
  }
}
