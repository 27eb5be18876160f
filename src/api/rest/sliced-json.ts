import { Readable } from 'node:stream';
import type { Sliced } from '../../registry/slices.ts';
import { answerTurns } from '../answer-turns.ts';

/** Elements of lists that are encoded in one go; each may be a whole record. */
const elementsPerSlice = 200;

/** With more elements than any page has, an answer is sent while it is encoded, and nobody knows its length before. */
const mostElementsAtOnce = 1_000;

/** A list that is encoded and sent while it is made, and never held as a whole. */
export class ListInPieces {
  /** Each the JSON of some elements, with commas between them. */
  readonly pieces: AsyncIterable<string>;

  constructor(pieces: AsyncIterable<string>) {
    this.pieces = pieces;
  }
}

/**
 * The JSON of a body that may hold a long list, as itself or as a field: encoded, and where it is very long also sent, in
 * slices, lest everybody else waits for one great answer. The same text as `JSON.stringify` makes.
 */
export async function jsonInSlices(body: object): Promise<string | Buffer | Readable> {
  if (body instanceof ListInPieces) return Readable.from(sendingPieces(body), { objectMode: false });
  const lists = Array.isArray(body) ? [body] : Object.values(body).filter(Array.isArray);
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  if (longest <= elementsPerSlice) return JSON.stringify(body);
  if (longest > mostElementsAtOnce) return Readable.from(sending(body), { objectMode: false });
  return Buffer.from(await answerTurns.inSlices(gathering(body)));
}

async function* sending(body: object): AsyncGenerator<Buffer> {
  for (const piece of piecesOf(body)) {
    yield Buffer.from(piece);
    await answerTurns.next();
  }
}

async function* sendingPieces({ pieces }: ListInPieces): AsyncGenerator<Buffer> {
  let before = '[';
  for await (const piece of pieces) {
    yield Buffer.from(before + piece);
    before = ',';
    await answerTurns.next();
  }
  yield Buffer.from(before === '[' ? '[]' : ']');
}

function* gathering(body: object): Sliced<string> {
  let text = '';
  for (const piece of piecesOf(body)) {
    text += piece;
    yield;
  }
  return text;
}

function* piecesOf(body: object): Generator<string, void> {
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
