import { type Template, templateOf } from './template.ts';

/**
 * The framed messages of a request (see `GrpcRequest`). The frame's own bytes are no placeholders, whatever they are, and
 * nor are those of messages that are taken in turn.
 */
export function framedTemplates(messages: readonly string[]): Template[] {
  const frames = messages.map((message) => framed(Buffer.from(message, 'base64')));
  if (frames.length > 1) return frames.map((bytes) => ({ bytes, digits: [] }));
  return frames.map((bytes) => templateOf(bytes, framed(new Uint8Array()).length));
}

/** A message with gRPC's prefix: not compressed, its length in four bytes. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}
