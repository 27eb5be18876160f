import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** Absolute path of a file in `proto/`, both from `src/` and from the built `dist/`. */
export function protoPath(fileName: string): string {
  return fileURLToPath(new URL(`../../proto/${fileName}`, import.meta.url));
}

/**
 * Encodes and decodes one protobuf message type as a plain object. 64-bit integers come back as `number`: indexes,
 * terms, revisions and milliseconds all stay far below 2^53.
 */
export interface MessageCodec<T extends object> {
  encode(message: T): Uint8Array;
  /** @throws Error when the bytes are not a valid message of this type. */
  decode(bytes: Uint8Array): T;
}

const roots = new Map<string, protobuf.Root>();

/**
 * Loads `fullName` (such as `manifest.log.v1.Command`) from a file in `proto/`. Read once, when the importing module
 * loads: a missing or broken schema stops the process before it does anything.
 * Field names are kept as camelCase, the proto3 JSON mapping.
 */
export function loadCodec<T extends object>(fileName: string, fullName: string): MessageCodec<T> {
  let root = roots.get(fileName);
  if (!root) {
    root = new protobuf.Root().loadSync(protoPath(fileName));
    roots.set(fileName, root);
  }
  const type = root.lookupType(fullName);
  return {
    encode: (message) => type.encode(message as Record<string, unknown>).finish(),
    decode: (bytes) =>
      type.toObject(type.decode(bytes), {
        longs: Number,
        enums: String,
        defaults: true,
        arrays: true,
        objects: true,
        oneofs: true,
      }) as T,
  };
}
