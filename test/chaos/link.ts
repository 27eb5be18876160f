import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a link does to the connections that go through it, until it is told something else. */
export type LinkCondition =
  | { readonly kind: 'open' }
  /** Connections are accepted and kept, and nothing passes: how a network swallows packets. What waited goes on later. */
  | { readonly kind: 'silent' }
  /** Connections are reset, those that there are and those to come. */
  | { readonly kind: 'refusing' }
  /** Every piece waits for `delayMs` and up to `jitterMs` more, and no more than `bytesPerSecond` pass; order is kept. */
  | {
      readonly kind: 'slow';
      readonly delayMs: number;
      readonly jitterMs: number;
      readonly bytesPerSecond: number | null;
    };

/** Held back in each direction of a connection before its sender has to wait, as a real link's buffers would. */
const maxHeldBytes = 256 * 1024;

/**
 * A TCP proxy in front of one port. Its condition may change at any time, and holds for both directions of each
 * connection: members use a connection only for what its client has to say, so one link is one direction between two.
 */
export class Link {
  readonly #server: Server;
  readonly #target: number;
  readonly #fraction: () => number;
  readonly #connections = new Set<Connection>();
  #condition: LinkCondition = { kind: 'open' };
  #disturbed = 0;

  private constructor(target: number, fraction: () => number) {
    this.#target = target;
    this.#fraction = fraction;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /**
   * @param target port on this machine to which it leads
   * @param fraction a source of chance in `[0, 1)` for jitter
   */
  static async open(target: number, fraction: () => number): Promise<Link> {
    const link = new Link(target, fraction);
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject);
      link.#server.listen(0, '127.0.0.1', resolve);
    });
    return link;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('This link is closed.');
    return address.port;
  }

  get condition(): LinkCondition {
    return this.#condition;
  }

  /** Connections and pieces of data that met another condition than `open`, since the link was made. */
  get disturbed(): number {
    return this.#disturbed;
  }

  set(condition: LinkCondition): void {
    this.#condition = condition;
    if (condition.kind !== 'open') this.#disturbed += this.#connections.size;
    for (const connection of [...this.#connections]) connection.conditionChanged();
  }

  /** Resets every connection and stops listening. */
  async close(): Promise<void> {
    for (const connection of [...this.#connections]) connection.reset();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#condition.kind !== 'open') this.#disturbed++;
    if (this.#condition.kind === 'refusing') {
      socket.resetAndDestroy();
      return;
    }
    const connection = new Connection(socket, this.#target, {
      condition: () => this.#condition,
      fraction: this.#fraction,
      disturbed: () => this.#disturbed++,
      gone: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    connection.conditionChanged();
  }
}

interface Surroundings {
  condition(): LinkCondition;
  fraction(): number;
  disturbed(): void;
  gone(): void;
}

/** One client's connection, and the one that was made for it to the target. */
class Connection {
  readonly #client: Socket;
  readonly #target: number;
  readonly #surroundings: Surroundings;
  #server: Socket | null = null;
  #pipes: readonly Pipe[] = [];
  /** One side broke while nothing could pass: the other learns it when the link is open again. */
  #isBroken = false;

  constructor(client: Socket, target: number, surroundings: Surroundings) {
    this.#client = client;
    this.#target = target;
    this.#surroundings = surroundings;
    client.setNoDelay(true);
    client.pause();
    client.on('error', () => this.#broke());
    client.on('close', () => this.#broke());
  }

  conditionChanged(): void {
    const { kind } = this.#surroundings.condition();
    if (kind === 'silent') {
      for (const pipe of this.#pipes) pipe.hold();
    } else if (kind === 'refusing' || this.#isBroken) {
      this.reset();
    } else {
      if (!this.#server) this.#connect();
      for (const pipe of this.#pipes) pipe.flow();
    }
  }

  reset(): void {
    this.#surroundings.gone();
    for (const pipe of this.#pipes) pipe.end();
    for (const socket of [this.#client, this.#server]) if (socket) resetSocket(socket);
  }

  #connect(): void {
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.#server = server;
    server.on('error', () => this.#broke());
    server.on('close', () => this.#broke());
    const drained = () => {
      if (this.#client.destroyed || server.destroyed) this.#broke();
    };
    this.#pipes = [
      new Pipe(this.#client, server, this.#surroundings, drained),
      new Pipe(server, this.#client, this.#surroundings, drained),
    ];
  }

  #broke(): void {
    // What was sent before still arrives.
    if (this.#pipes.some((pipe) => pipe.hasMore)) return;
    this.#isBroken = true;
    if (this.#surroundings.condition().kind !== 'silent') this.reset();
  }
}

/** A socket that is being connected, or closed in an orderly way, cannot be reset: libuv would keep its handle for ever. */
function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

interface Piece {
  /** `null`: the sender is done. */
  readonly bytes: Buffer | null;
  readonly dueMs: number;
}

/** One direction of a connection. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #surroundings: Surroundings;
  readonly #drained: () => void;
  #pieces: Piece[] = [];
  #heldBytes = 0;
  /** When the piece before has passed: pieces keep their order, and share the link's width. */
  #lastDueMs = 0;
  #widthFreeMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #isHeld = false;

  constructor(from: Socket, to: Socket, surroundings: Surroundings, drained: () => void) {
    this.#from = from;
    this.#to = to;
    this.#surroundings = surroundings;
    this.#drained = drained;
    from.on('data', (bytes) => this.#take(bytes));
    from.on('end', () => this.#take(null));
    to.on('drain', () => this.flow());
  }

  /** Something that was sent has not arrived yet and still can. */
  get hasMore(): boolean {
    return this.#pieces.length > 0 && !this.#to.destroyed;
  }

  hold(): void {
    this.#isHeld = true;
    this.#from.pause();
    this.end();
  }

  end(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Lets through what is due, and comes back for the rest. */
  flow(): void {
    if (this.#surroundings.condition().kind === 'silent') return;
    this.#isHeld = false;
    this.end();
    for (let piece = this.#pieces[0]; piece; piece = this.#pieces[0]) {
      const waitMs = this.#surroundings.condition().kind === 'open' ? 0 : piece.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.flow(), waitMs);
        break;
      }
      this.#pieces.shift();
      this.#heldBytes -= piece.bytes?.length ?? 0;
      if (piece.bytes === null) this.#to.end();
      // Its receiver is slow: what follows waits for `drain`.
      else if (!this.#to.write(piece.bytes)) break;
    }
    if (this.#heldBytes < maxHeldBytes && this.#to.writableLength < maxHeldBytes) this.#from.resume();
    if (this.#pieces.length === 0) this.#drained();
  }

  #take(bytes: Buffer | null): void {
    const condition = this.#surroundings.condition();
    if (condition.kind !== 'open') this.#surroundings.disturbed();
    this.#pieces.push({ bytes, dueMs: this.#dueMs(condition, bytes?.length ?? 0) });
    this.#heldBytes += bytes?.length ?? 0;
    if (this.#heldBytes >= maxHeldBytes || this.#to.writableLength >= maxHeldBytes) this.#from.pause();
    if (!this.#isHeld) this.flow();
  }

  #dueMs(condition: LinkCondition, sizeBytes: number): number {
    const nowMs = performance.now();
    if (condition.kind !== 'slow') return nowMs;
    if (condition.bytesPerSecond !== null) {
      this.#widthFreeMs = Math.max(nowMs, this.#widthFreeMs) + (1_000 * sizeBytes) / condition.bytesPerSecond;
    }
    const arrivesMs = Math.max(nowMs, this.#widthFreeMs) + condition.delayMs;
    this.#lastDueMs = Math.max(this.#lastDueMs, arrivesMs + condition.jitterMs * this.#surroundings.fraction());
    return this.#lastDueMs;
  }
}
