import { createHash } from 'node:crypto';
import protobuf from 'protobufjs';
import { loadCodec } from '../codec/load-proto.ts';
import { decodeRegistration, encodeRegistration } from './logged-registration.ts';
import type { Instance, Tombstone } from './machine.ts';
import type { RememberedRequest } from './memories.ts';
import type { Status } from './records.ts';
import { inOneGo, type Sliced } from './slices.ts';

/** Raised when older members could not read the encoding any more. */
const format = 2;

const chunkBytes = 256 * 1024;

/** Parts read in one go. */
const sliceParts = 100;

export interface CaptureHeader {
  readonly appliedIndex: number;
  readonly term: number;
  readonly revision: number;
  readonly nextLeaseId: number;
  readonly wallMs: number;
  readonly leaseMs: number;
}

/** All that a snapshot holds, as references to immutable values. */
export interface RegistryCapture {
  readonly header: CaptureHeader;
  /** By ascending lease id. */
  readonly instances: readonly Instance[];
  /** Oldest first. */
  readonly tombstones: readonly Tombstone[];
  /** Oldest first. */
  readonly requests: readonly RememberedRequest[];
}

type WireInstance = Omit<Instance, 'registration' | 'status'> & {
  readonly registrationJson: Uint8Array;
  readonly status: string;
};

interface WirePart {
  readonly header?: CaptureHeader & {
    readonly format: number;
    readonly instances: number;
    readonly tombstones: number;
    readonly requests: number;
  };
  readonly instance?: WireInstance;
  readonly tombstone?: Omit<Tombstone, 'cause'> & { readonly cause: string };
  readonly request?: RememberedRequest;
}

const statuses: ReadonlySet<string> = new Set(['up', 'unhealthy', 'unknown'] satisfies Status[]);
const causes: ReadonlySet<string> = new Set(['deregistered', 'expired'] satisfies Tombstone['cause'][]);

const codec = loadCodec<WirePart>('command.proto', 'manifest.log.v1.SnapshotPart');

/** The snapshot's bytes in chunks of about 256 KiB, made one at a time; the same state gives the same bytes. */
export function* encodeCapture(capture: RegistryCapture): Generator<Uint8Array, void, undefined> {
  let writer = protobuf.Writer.create();
  for (const part of partsOf(capture)) {
    codec.encodeDelimited(part, writer);
    if (writer.len < chunkBytes) continue;
    yield writer.finish();
    writer = protobuf.Writer.create();
  }
  if (writer.len > 0) yield writer.finish();
}

/** SHA-256 of the snapshot's bytes, hexadecimal. */
export function hashOf(capture: RegistryCapture): string {
  const hash = createHash('sha256');
  for (const chunk of encodeCapture(capture)) hash.update(chunk);
  return hash.digest('hex');
}

/** As `hashOf`, with a pause before each chunk, so that a great state holds nobody up: taking the capture took its time, too. */
export async function hashInSlices(capture: RegistryCapture, pause: () => Promise<void>): Promise<string> {
  const hash = createHash('sha256');
  const chunks = encodeCapture(capture);
  for (;;) {
    await pause();
    const next = chunks.next();
    if (next.done) return hash.digest('hex');
    hash.update(next.value);
  }
}

function* partsOf({ header, instances, tombstones, requests }: RegistryCapture): Generator<WirePart, void, undefined> {
  yield {
    header: {
      ...header,
      format,
      instances: instances.length,
      tombstones: tombstones.length,
      requests: requests.length,
    },
  };
  for (const instance of instances) {
    // Written out: to copy it with `...` would take as long as to encode it.
    const { leaseId, status, registeredAtMs, lastHeartbeatMs, leaseRenewedAtMs, lastHeartbeatIndex, revision } =
      instance;
    yield {
      instance: {
        registrationJson: encodeRegistration(instance.registration),
        leaseId,
        status,
        registeredAtMs,
        lastHeartbeatMs,
        leaseRenewedAtMs,
        lastHeartbeatIndex,
        revision,
      },
    };
  }
  for (const tombstone of tombstones) yield { tombstone };
  for (const request of requests) yield { request };
}

/** Reads a snapshot's chunks, in order, back into what `RegistryState.restore` takes. */
export class CaptureDecoder {
  /** What the last chunk left over: the beginning of a part. */
  #rest: Uint8Array = new Uint8Array();
  #header: NonNullable<WirePart['header']> | null = null;
  readonly #instances: Instance[] = [];
  readonly #tombstones: Tombstone[] = [];
  readonly #requests: RememberedRequest[] = [];
  readonly #listed = new Set<string>();

  /** In slices; each chunk is to be read to its end before the next. @throws as `push` */
  *pushing(chunk: Uint8Array): Sliced<void> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const reader = protobuf.Reader.create(bytes);
    for (let parts = 1; reader.pos < reader.len; parts++) {
      if (parts % sliceParts === 0) yield;
      const begin = reader.pos;
      const part = nextPart(reader);
      if (!part) {
        this.#rest = bytes.subarray(begin);
        return;
      }
      this.#take(decoded(part));
    }
    this.#rest = new Uint8Array();
  }

  /** @throws Error when the bytes are no snapshot that this version knows, or contradict themselves */
  push(chunk: Uint8Array): void {
    inOneGo(this.pushing(chunk));
  }

  /** @throws Error when something is missing */
  finish(): RegistryCapture {
    const header = this.#header;
    if (
      !header ||
      this.#rest.length > 0 ||
      header.instances !== this.#instances.length ||
      header.tombstones !== this.#tombstones.length ||
      header.requests !== this.#requests.length
    ) {
      throw new Error('The snapshot is incomplete.');
    }
    return { header, instances: this.#instances, tombstones: this.#tombstones, requests: this.#requests };
  }

  #take(part: WirePart): void {
    if (part.header) this.#takeHeader(part.header);
    else if (!this.#header) throw new Error('The snapshot does not begin with its header.');
    else if (part.instance) this.#takeInstance(part.instance, this.#header);
    else if (part.tombstone) this.#takeTombstone(part.tombstone);
    else if (part.request) this.#requests.push(part.request);
    else throw new Error('The snapshot has a part of a kind that this version does not know.');
  }

  #takeHeader(header: NonNullable<WirePart['header']>): void {
    if (header.format !== format) {
      throw new Error(`The snapshot has format ${header.format}; this version reads format ${format}.`);
    }
    if (this.#header) throw new Error('The snapshot is damaged: it has a second header.');
    this.#header = header;
  }

  /** The indexes over the instances rest on what is checked here. */
  #takeInstance(wire: WireInstance, { nextLeaseId }: CaptureHeader): void {
    const { leaseId, status } = wire;
    // In the order of a state that applied the log itself: V8 then has one shape for all, and whoever prints both sees one text.
    const instance: Instance = {
      registration: whole(() => decodeRegistration(wire.registrationJson)),
      leaseId,
      status: status as Status,
      registeredAtMs: wire.registeredAtMs,
      lastHeartbeatMs: wire.lastHeartbeatMs,
      leaseRenewedAtMs: wire.leaseRenewedAtMs,
      lastHeartbeatIndex: wire.lastHeartbeatIndex,
      revision: wire.revision,
    };
    const { name, id } = instance.registration;
    const ascends = leaseId > (this.#instances.at(-1)?.leaseId ?? 0) && leaseId < nextLeaseId;
    if (!ascends || !statuses.has(status) || this.#listed.has(`${name}/${id}`)) {
      throw new Error(
        `The snapshot is damaged: lease ${leaseId} of '${name}/${id}', '${status}', cannot be where it is.`,
      );
    }
    this.#listed.add(`${name}/${id}`);
    this.#instances.push(instance);
  }

  #takeTombstone(tombstone: NonNullable<WirePart['tombstone']>): void {
    const { cause } = tombstone;
    if (!causes.has(cause)) throw new Error(`The snapshot is damaged: a tombstone's cause is '${cause}'.`);
    this.#tombstones.push({ ...tombstone, cause: cause as Tombstone['cause'] });
  }
}

function decoded(part: Uint8Array): WirePart {
  return whole(() => codec.decode(part));
}

/** What `read` returns; its complaint, when there is one, says what could not be read. */
function whole<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`The snapshot is damaged: ${String(error)}`, { cause: error });
  }
}

/** The next length-prefixed part; `null` when it is not all there yet. */
function nextPart(reader: protobuf.Reader): Uint8Array | null {
  const begin = reader.pos;
  let lengthBytes = 1;
  while (begin + lengthBytes <= reader.len && ((reader.buf[begin + lengthBytes - 1] ?? 0) & 0x80) !== 0) lengthBytes++;
  if (begin + lengthBytes > reader.len) return null;
  const length = reader.uint32();
  if (reader.pos + length > reader.len) return null;
  const part = reader.buf.subarray(reader.pos, reader.pos + length);
  reader.skip(length);
  return part;
}
