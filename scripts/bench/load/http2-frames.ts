/**
 * As much of HTTP/2 (RFC 9113) and HPACK (RFC 7541) as a client needs that sends always the same headers and looks at the
 * bodies of answers only. A whole HTTP/2 client costs more CPU time than the servers that it is to measure.
 */

export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8 } as const;

export const frameHeaderBytes = 9;
export const firstWindowBytes = 65_535;
export const largestWindowBytes = 0x7fff_ffff;
/** What every peer takes in one frame. */
export const largestFrameBytes = 16_384;

const settingInitialWindow = 4;

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

/** What a client sends first: it takes answers of any size without being asked for more. */
export function preface(): Buffer {
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(settingInitialWindow, 0);
  settings.writeUInt32BE(largestWindowBytes, 2);
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
    frame(frameType.settings, 0, 0, settings),
    windowUpdate(0, largestWindowBytes - firstWindowBytes),
  ]);
}

export function windowUpdate(streamId: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes, 0);
  return frame(frameType.windowUpdate, 0, streamId, payload);
}

/** The peer's first window for streams, if these settings (the payload of a frame) say one. */
export function initialWindowIn(settings: Buffer): number | null {
  for (let at = 0; at + 6 <= settings.length; at += 6) {
    if (settings.readUInt16BE(at) === settingInitialWindow) return settings.readUInt32BE(at + 2);
  }
  return null;
}

/** The header block of a gRPC call: the first of a connection, which enters its fields into the table, and all later ones. */
export function callHeaders(authority: string, path: string): { readonly first: Buffer; readonly later: Buffer } {
  const first = Buffer.concat([
    Buffer.from([0x83, 0x86]), // :method POST, :scheme http
    Buffer.from([0x44]), // :path, entered
    text(path),
    Buffer.from([0x41]), // :authority, entered
    text(authority),
    Buffer.from([0x5f]), // content-type, entered
    text('application/grpc'),
    Buffer.from([0x40]), // a new name, entered
    text('te'),
    text('trailers'),
  ]);
  // The entries above, latest first, are number 62 and on.
  return { first, later: Buffer.from([0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]) };
}

function text(value: string): Buffer {
  if (value.length >= 127) throw new RangeError(`"${value}" is too long for a header of this generator.`);
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}
