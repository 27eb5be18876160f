import { createHash } from 'node:crypto';
import { registrationFromJson, registrationToJson } from './logged-registration.ts';
import type { Instance, Tombstone } from './machine.ts';
import type { RememberedRequest } from './memories.ts';
import type { Status } from './records.ts';
import { inOneGo, type Sliced } from './slices.ts';

/*
 * A snapshot is text in UTF-8, a JSON value a line, cut into chunks at any byte. The first line is a header; then come as
 * many instances, tombstones and requests as it announces. V8 reads JSON in half the time of protobuf, and the texts of
 * registrations and results are at hand already. Of an instance, only the values are written, in the order of
 * `Own` and before its registration, since the names of the fields would be a seventh of all.
 */

/** Raised when older members could not read the text any more. */
const format = 2;

/** More or less, where the text is not ASCII. */
const chunkBytes = 256 * 1024;

/** Lines read in one go. */
const sliceLines = 100;

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

type WireHeader = CaptureHeader & {
  readonly format: number;
  readonly instances: number;
  readonly tombstones: number;
  readonly requests: number;
};

const statuses: ReadonlySet<string> = new Set(['up', 'unhealthy', 'unknown'] satisfies Status[]);
const causes: ReadonlySet<string> = new Set(['deregistered', 'expired'] satisfies Tombstone['cause'][]);

/** What an instance is beside its registration. */
type Own = readonly [
  leaseId: number,
  status: Status,
  registeredAtMs: number,
  lastHeartbeatMs: number,
  leaseRenewedAtMs: number,
  lastHeartbeatIndex: number,
  revision: number,
];

/** The snapshot's bytes in chunks of about 256 KiB, made one at a time; the same state gives the same bytes. */
export function* encodeCapture(capture: RegistryCapture): Generator<Uint8Array, void, undefined> {
  let text = '';
  for (const line of linesOf(capture)) {
    text += line;
    if (text.length < chunkBytes) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text.length > 0) yield Buffer.from(text);
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

function* linesOf({ header, instances, tombstones, requests }: RegistryCapture): Generator<string, void, undefined> {
  const counts = { instances: instances.length, tombstones: tombstones.length, requests: requests.length };
  yield `${JSON.stringify({ format, ...header, ...counts })}\n`;
  for (const instance of instances) yield lineOf(instance);
  for (const tombstone of tombstones) yield `${JSON.stringify(tombstone)}\n`;
  for (const { requestId, atLeaseMs, result } of requests) {
    yield `${JSON.stringify({ requestId, atLeaseMs, result })}\n`;
  }
}

function lineOf(instance: Instance): string {
  const { leaseId, status, registeredAtMs, lastHeartbeatMs, leaseRenewedAtMs, lastHeartbeatIndex, revision } = instance;
  // Written out, since there may be a million of them.
  return `[${leaseId},"${status}",${registeredAtMs},${lastHeartbeatMs},${leaseRenewedAtMs},${lastHeartbeatIndex},${revision},${registrationToJson(instance.registration)}]\n`;
}

/** Reads a snapshot's chunks, in order, back into what `RegistryState.restore` takes. */
export class CaptureDecoder {
  /** What the last chunk left over: the beginning of a line. */
  #rest: Uint8Array = new Uint8Array();
  #header: WireHeader | null = null;
  readonly #instances: Instance[] = [];
  readonly #tombstones: Tombstone[] = [];
  readonly #requests: RememberedRequest[] = [];
  readonly #listed = new Set<string>();

  /** In slices; each chunk is to be read to its end before the next. @throws as `push` */
  *pushing(chunk: Uint8Array): Sliced<void> {
    const bytes = Buffer.concat([this.#rest, chunk]);
    let begin = 0;
    for (let lines = 1; ; lines++) {
      if (lines % sliceLines === 0) yield;
      const end = bytes.indexOf('\n', begin);
      if (end < 0) break;
      this.#take(bytes.toString('utf8', begin, end));
      begin = end + 1;
    }
    this.#rest = bytes.subarray(begin);
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

  #take(line: string): void {
    const header = this.#header;
    if (!header) this.#header = headerIn(line);
    else if (this.#instances.length < header.instances) this.#takeInstance(line, header);
    else if (this.#tombstones.length < header.tombstones) this.#tombstones.push(tombstoneIn(line));
    else if (this.#requests.length < header.requests) this.#requests.push(requestIn(line));
    else throw new Error('The snapshot has more in it than it announced.');
  }

  /** The indexes over the instances rest on what is checked here. */
  #takeInstance(line: string, { nextLeaseId }: CaptureHeader): void {
    const instance = instanceIn(line);
    const { leaseId, status } = instance;
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
}

function headerIn(line: string): WireHeader {
  const header = parsed<WireHeader>(line);
  if (header.format === undefined) throw new Error('The snapshot does not begin with its header.');
  if (header.format !== format) {
    throw new Error(`The snapshot has format ${header.format}; this version reads format ${format}.`);
  }
  const { appliedIndex, term, revision, nextLeaseId, wallMs, leaseMs, instances, tombstones, requests } = header;
  checkCounts(appliedIndex, term, revision, nextLeaseId, wallMs, leaseMs, instances, tombstones, requests);
  return header;
}

function instanceIn(line: string): Instance {
  // No value before the registration is an object.
  const at = line.indexOf(',{');
  if (at < 0 || !line.endsWith(']')) throw new Error('The snapshot is damaged: an instance is cut short.');
  const own = whole(() => JSON.parse(`${line.slice(0, at)}]`) as Own);
  if (own.length !== 7) throw new Error('The snapshot is damaged: an instance has other values than it should.');
  const [leaseId, status, registeredAtMs, lastHeartbeatMs, leaseRenewedAtMs, lastHeartbeatIndex, revision] = own;
  checkCounts(leaseId, registeredAtMs, lastHeartbeatMs, leaseRenewedAtMs, lastHeartbeatIndex, revision);
  return {
    // In the order of a state that applied the log itself: V8 has one shape for all then, and whoever prints both sees one text.
    registration: whole(() => registrationFromJson(line.slice(at + 1, -1))),
    leaseId,
    status,
    registeredAtMs,
    lastHeartbeatMs,
    leaseRenewedAtMs,
    lastHeartbeatIndex,
    revision,
  };
}

function tombstoneIn(line: string): Tombstone {
  const tombstone = parsed<Tombstone>(line);
  const { name, id, leaseId, cause, atWallMs, atLeaseMs } = tombstone;
  checkCounts(leaseId, atWallMs, atLeaseMs);
  if (typeof name !== 'string' || typeof id !== 'string' || !causes.has(cause)) {
    throw new Error(`The snapshot is damaged: a tombstone of '${name}/${id}' whose cause is '${cause}'.`);
  }
  return tombstone;
}

function requestIn(line: string): RememberedRequest {
  const { requestId, atLeaseMs, result } = parsed<RememberedRequest>(line);
  checkCounts(atLeaseMs);
  if (typeof requestId !== 'string' || typeof result !== 'object' || result === null) {
    throw new Error('The snapshot is damaged: a request has no id or no result.');
  }
  return { requestId, atLeaseMs, result };
}

function checkCounts(...counts: readonly unknown[]): void {
  for (const count of counts) {
    if (!Number.isSafeInteger(count) || Number(count) < 0)
      throw new Error(`The snapshot is damaged: '${count}' is no count.`);
  }
}

function parsed<T extends object>(text: string): T {
  const value: unknown = whole(() => JSON.parse(text));
  if (typeof value !== 'object' || value === null) throw new Error('The snapshot is damaged: a line is no object.');
  return value as T;
}

/** What `read` returns; its complaint, when there is one, says what could not be read. */
function whole<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`The snapshot is damaged: ${String(error)}`, { cause: error });
  }
}
