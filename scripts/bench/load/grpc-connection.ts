import { connect, type Socket } from 'node:net';
import {
  callHeaders,
  firstWindowBytes,
  frame,
  frameFlag,
  frameHeaderBytes,
  frameType,
  initialWindowIn,
  largestFrameBytes,
  largestWindowBytes,
  preface,
  windowUpdate,
} from './http2-frames.ts';

const nothing = Buffer.alloc(0);

/** The receive window is filled up again when this much of it is used. */
const refillBytes = 1 << 30;

/**
 * unary: one message each way, reported at the end of the call. stream: messages both ways, each answer reported.
 * watch: one message there, each of many answers reported.
 */
export type CallMode = 'unary' | 'stream' | 'watch';

interface OpenStream {
  sendWindow: number;
  /** Bytes so far of the prefix or the message that is being read. */
  received: number;
  /** Length of the message that is being read; -1 while its prefix is. */
  expected: number;
  prefix: number;
  /** Length of the last message; -1 when there was none, as in every call that fails. */
  messageBytes: number;
}

interface Waiting {
  readonly streamId: number;
  readonly bytes: Buffer;
  readonly endsStream: boolean;
}

/** One connection of a load: calls are numbered by their streams, and their bodies are not looked into. */
export class GrpcConnection {
  readonly #socket: Socket;
  readonly #headers: { readonly first: Buffer; readonly later: Buffer };
  /** One message or the end of a call has arrived. */
  readonly #onAnswer: (connection: GrpcConnection, streamId: number, messageBytes: number) => void;
  readonly #streams = new Map<number, OpenStream>();
  readonly #out: Buffer[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #mode: CallMode;
  #nextStreamId = 1;
  #sendWindow = firstWindowBytes;
  #streamWindow = firstWindowBytes;
  #receivedBytes = 0;
  #rest: Buffer = nothing;
  #flushing = false;

  /**
   * @param onAnswer -1 bytes: the call failed
   * @param onFailure the connection is of no use any more
   */
  constructor(
    target: string,
    path: string,
    mode: CallMode,
    onAnswer: (connection: GrpcConnection, streamId: number, messageBytes: number) => void,
    onFailure: (error: Error) => void,
  ) {
    const [host = '', port = ''] = target.split(':');
    this.#headers = callHeaders(target, path);
    this.#mode = mode;
    this.#onAnswer = onAnswer;
    this.#socket = connect({ host, port: Number(port), noDelay: true });
    this.#socket.write(preface());
    this.#socket.on('data', (chunk) => {
      try {
        this.#read(chunk);
      } catch (error) {
        onFailure(error as Error);
      }
    });
    this.#socket.on('error', onFailure);
    this.#socket.on('close', () => onFailure(new Error(`${target} closed the connection.`)));
  }

  /** Opens a call and returns its stream. @param body of the call, or its first message */
  open(body: Buffer): number {
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    this.#streams.set(streamId, {
      sendWindow: this.#streamWindow,
      received: 0,
      expected: -1,
      prefix: 0,
      messageBytes: -1,
    });
    const headers = streamId === 1 ? this.#headers.first : this.#headers.later;
    this.#send(frame(frameType.headers, frameFlag.endHeaders, streamId, headers));
    this.send(streamId, body);
    return streamId;
  }

  /** Sends a message over a call; but in a stream, it is the last. */
  send(streamId: number, body: Buffer): void {
    const waiting = { streamId, bytes: body, endsStream: this.#mode !== 'stream' };
    if (this.#waiting.length > 0 || !this.#sendBody(waiting)) this.#waiting.push(waiting);
  }

  close(): void {
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => {});
    this.#socket.destroy();
  }

  /** False: not even a part may be sent until a window grows. */
  #sendBody({ streamId, bytes, endsStream }: Waiting): boolean {
    const stream = this.#streams.get(streamId);
    if (!stream) return true;
    if (this.#sendWindow < bytes.length || stream.sendWindow < bytes.length) return false;
    this.#sendWindow -= bytes.length;
    stream.sendWindow -= bytes.length;
    for (let at = 0; at < bytes.length; at += largestFrameBytes) {
      const part = bytes.subarray(at, at + largestFrameBytes);
      const isLast = at + part.length === bytes.length;
      this.#send(frame(frameType.data, isLast && endsStream ? frameFlag.endStream : 0, streamId, part));
    }
    return true;
  }

  #sendWaiting(): void {
    while (this.#waiting[0] && this.#sendBody(this.#waiting[0])) this.#waiting.shift();
  }

  /** Everything of one turn of the event loop goes out in one write. */
  #send(bytes: Buffer): void {
    this.#out.push(bytes);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#socket.write(this.#out.length === 1 ? (this.#out[0] ?? nothing) : Buffer.concat(this.#out));
      this.#out.length = 0;
    });
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + frameHeaderBytes + length;
      if (end > bytes.length) break;
      this.#frame(
        bytes[at + 3] ?? 0,
        bytes[at + 4] ?? 0,
        bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
        bytes.subarray(at + frameHeaderBytes, end),
      );
      at = end;
    }
    this.#rest = at === bytes.length ? nothing : bytes.subarray(at);
  }

  #frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    switch (type) {
      case frameType.data:
        this.#body(streamId, payload, flags);
        break;
      case frameType.headers:
        if (flags & frameFlag.endStream) this.#ended(streamId);
        break;
      case frameType.rstStream:
        this.#failed(streamId);
        break;
      case frameType.settings:
        if (!(flags & frameFlag.ack)) this.#settings(payload);
        break;
      case frameType.ping:
        if (!(flags & frameFlag.ack)) this.#send(frame(frameType.ping, frameFlag.ack, 0, payload));
        break;
      case frameType.windowUpdate:
        this.#windowGrew(streamId, payload.readUInt32BE(0));
        break;
      case frameType.goAway:
        throw new Error(`The server ended the connection: ${payload.subarray(8).toString('latin1')}`);
    }
  }

  #settings(payload: Buffer): void {
    const window = initialWindowIn(payload);
    if (window !== null) {
      for (const stream of this.#streams.values()) stream.sendWindow += window - this.#streamWindow;
      this.#streamWindow = window;
    }
    this.#send(frame(frameType.settings, frameFlag.ack, 0, nothing));
    this.#sendWaiting();
  }

  #windowGrew(streamId: number, bytes: number): void {
    if (streamId === 0) this.#sendWindow += bytes;
    else {
      const stream = this.#streams.get(streamId);
      if (stream) stream.sendWindow += bytes;
    }
    this.#sendWaiting();
  }

  #body(streamId: number, payload: Buffer, flags: number): void {
    if (flags & frameFlag.padded) throw new Error('The server pads its frames, which this generator does not read.');
    this.#receivedBytes += payload.length;
    if (this.#receivedBytes >= refillBytes) {
      this.#send(windowUpdate(0, Math.min(this.#receivedBytes, largestWindowBytes)));
      this.#receivedBytes = 0;
    }
    const stream = this.#streams.get(streamId);
    if (!stream) return;
    this.#messages(streamId, stream, payload);
    if (flags & frameFlag.endStream) this.#ended(streamId);
  }

  /** Follows the length prefixes, wherever frames cut them. */
  #messages(streamId: number, stream: OpenStream, payload: Buffer): void {
    for (let at = 0; at < payload.length; ) {
      if (stream.expected < 0) {
        // Prefix: a flag and the length in four bytes.
        stream.prefix = stream.received === 0 ? 0 : stream.prefix * 256 + (payload[at] ?? 0);
        stream.received++;
        at++;
        if (stream.received < 5) continue;
        stream.expected = stream.prefix;
        stream.received = 0;
      }
      const taken = Math.min(payload.length - at, stream.expected - stream.received);
      stream.received += taken;
      at += taken;
      if (stream.received < stream.expected) continue;
      stream.messageBytes = stream.expected;
      stream.expected = -1;
      stream.received = 0;
      if (this.#mode !== 'unary') this.#onAnswer(this, streamId, stream.messageBytes);
    }
  }

  #ended(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (!stream) return;
    this.#streams.delete(streamId);
    // A stream of messages that ends while it is measured has failed.
    this.#onAnswer(this, streamId, this.#mode === 'unary' ? stream.messageBytes : -1);
  }

  #failed(streamId: number): void {
    if (this.#streams.delete(streamId)) this.#onAnswer(this, streamId, -1);
  }
}
