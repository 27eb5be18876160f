import { Readable } from 'node:stream';
import type { Sliced } from '../../registry/slices.ts';
import { answerTurns } from '../answer-turns.ts';

/** Elements of lists that are encoded in one go; each may be a whole record. */
const elementsPerSlice = 200;

/** With more elements than any page has, an answer is sent while it is encoded, and nobody knows its length before. */
const mostElementsAtOnce = 1_000;

/** A list that is encoded while it is made, and kept as bytes: what is there very often is nothing to collect as garbage. */
export class EncodedList {
  readonly #packed: Buffer[] = [];
  #texts: string[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param json of one element */
  push(json: string): void {
    this.#length++;
    if (this.#texts.push(json) < elementsPerSlice) return;
    this.#packed.push(Buffer.from(this.#open()));
    this.#texts = [];
  }

  /** The elements that are not packed yet, with what stands before them. */
  #open(): string {
    const separator = this.#texts.length > 0 ? ',' : '';
    return `${this.#packed.length === 0 ? '[' : separator}${this.#texts.join(',')}`;
  }

  /** The list's JSON. */
  *pieces(): Generator<string | Buffer, void> {
    yield* this.#packed;
    yield `${this.#open()}]`;
  }
}

/**
 * The JSON of a body that may hold a long list, as itself or as a field: encoded, and where it is very long also sent, in
 * slices, lest everybody else waits for one great answer. The same text as `JSON.stringify` makes.
 */
export async function jsonInSlices(body: object): Promise<string | Buffer | Readable> {
  const isList = Array.isArray(body) || body instanceof EncodedList;
  const lists = isList ? [body] : Object.values(body).filter(Array.isArray);
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  if (longest <= elementsPerSlice && !(body instanceof EncodedList)) return JSON.stringify(body);
  if (longest > mostElementsAtOnce) return Readable.from(sending(body), { objectMode: false });
  return Buffer.from(await answerTurns.inSlices(gathering(body)));
}

async function* sending(body: object): AsyncGenerator<Buffer> {
  for (const piece of piecesOf(body)) {
    yield typeof piece === 'string' ? Buffer.from(piece) : piece;
    await answerTurns.next();
  }
}

function* gathering(body: object): Sliced<string> {
  let text = '';
  for (const piece of piecesOf(body)) {
    text += piece;
    yield;
  }
  return text;
}

function* piecesOf(body: object): Generator<string | Buffer, void> {
  if (body instanceof EncodedList) {
    yield* body.pieces();
    return;
  }
  if (Array.isArray(body)) {
    yield* piecesOfList('', body);
    return;
  }
  let before = '{';
  for (const [name, value] of Object.entries(body)) {
    if (value === undefined) continue;
    const start = `${before}${JSON.stringify(name)}:`;
    if (Array.isArray(value)) yield* piecesOfList(start, value);
    else yield `${start}${JSON.stringify(value)}`;
    before = ',';
  }
  yield '}';
}

function* piecesOfList(start: string, list: readonly unknown[]): Generator<string, void> {
  for (let begin = 0; begin === 0 || begin < list.length; begin += elementsPerSlice) {
    const end = begin + elementsPerSlice;
    const elements = JSON.stringify(list.slice(begin, end)).slice(1, -1);
    yield `${begin === 0 ? `${start}[` : ','}${elements}${end < list.length ? '' : ']'}`;
  }
}
