import { createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { GrpcConnection } from '../../scripts/bench/load/grpc-connection.ts';
import { frame, frameHeaderBytes, frameType, windowUpdate } from '../../scripts/bench/load/http2-frames.ts';

const prefaceBytes = 24;

/** The frames that a client has sent. */
function framesOf(sent: Buffer): { readonly type: number; readonly length: number }[] {
  const frames: { type: number; length: number }[] = [];
  for (let at = prefaceBytes; at + frameHeaderBytes <= sent.length; ) {
    const length = sent.readUIntBE(at, 3);
    frames.push({ type: sent[at + 3] ?? 0, length });
    at += frameHeaderBytes + length;
  }
  return frames;
}

test('a connection sends no more than the window of the server holds, and the rest once it grows', async () => {
  let sent = Buffer.alloc(0);
  let client: Socket | undefined;
  // Says nothing by itself: windows stay at the 65,535 bytes with which HTTP/2 begins.
  const server = createServer((socket) => {
    client = socket;
    socket.on('data', (chunk) => {
      sent = Buffer.concat([sent, chunk]);
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const connection = new GrpcConnection(
    `127.0.0.1:${port}`,
    '/a/b',
    'unary',
    () => {},
    () => {},
  );
  const dataLengths = () => framesOf(sent).flatMap(({ type, length }) => (type === frameType.data ? [length] : []));
  const total = () => dataLengths().reduce((sum, length) => sum + length, 0);
  try {
    for (let i = 0; i < 3; i++) connection.open(Buffer.alloc(30_000));
    await expect.poll(total).toBe(60_000);
    expect(Math.max(...dataLengths())).toBeLessThanOrEqual(16_384);
    // A window for one stream helps nothing while that of the connection is used up.
    client?.write(windowUpdate(5, 1_000_000));
    client?.write(windowUpdate(0, 20_000));
    // Whoever answers this has read what came before it.
    client?.write(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
    await expect.poll(() => framesOf(sent).filter(({ type }) => type === frameType.ping).length).toBe(1);
    expect(total()).toBe(60_000);
    client?.write(windowUpdate(0, 10_000));
    await expect.poll(total).toBe(90_000);
  } finally {
    connection.close();
    server.close();
  }
});
