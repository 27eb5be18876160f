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

type ToJson<T> = (element: T) => string;

/**
 * The JSON of a body that may hold a long list, as itself or as a field: encoded, and where it is very long also sent, in
 * slices, lest everybody else waits for one great answer. The same text as `JSON.stringify` makes.
 *
 * @param toJson of the body, or of each element where it is a list
 */
export async function jsonInSlices<T extends object>(
  body: T | readonly T[] | ListInPieces,
  toJson: ToJson<T> = JSON.stringify,
): Promise<string | Buffer | Readable> {
  if (body instanceof ListInPieces) return Readable.from(sendingPieces(body), { objectMode: false });
  const lists = Array.isArray(body) ? [body] : Object.values(body).filter(Array.isArray);
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  if (longest <= elementsPerSlice) return isList(body) ? `[${elementsJson(body, toJson)}]` : toJson(body);
  if (longest > mostElementsAtOnce) return Readable.from(sending(body, toJson), { objectMode: false });
  return Buffer.from(await answerTurns.inSlices(gathering(body, toJson)));
}

async function* sending<T extends object>(body: T | readonly T[], toJson: ToJson<T>): AsyncGenerator<Buffer> {
  for (const piece of piecesOf(body, toJson)) {
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

function* gathering<T extends object>(body: T | readonly T[], toJson: ToJson<T>): Sliced<string> {
  let text = '';
  for (const piece of piecesOf(body, toJson)) {
    text += piece;
    yield;
  }
  return text;
}

function* piecesOf<T extends object>(body: T | readonly T[], toJson: ToJson<T>): Generator<string, void> {
  if (isList(body)) {
    yield* piecesOfList('', body, toJson);
    return;
  }
  let before = '{';
  for (const [name, value] of Object.entries(body)) {
    if (value === undefined) continue;
    const start = `${before}${JSON.stringify(name)}:`;
    if (Array.isArray(value)) yield* piecesOfList(start, value, JSON.stringify);
    else yield `${start}${JSON.stringify(value)}`;
    before = ',';
  }
  yield '}';
}

function* piecesOfList<T>(start: string, list: readonly T[], toJson: ToJson<T>): Generator<string, void> {
  for (let begin = 0; begin === 0 || begin < list.length; begin += elementsPerSlice) {
    const end = begin + elementsPerSlice;
    const elements = elementsJson(list.slice(begin, end), toJson);
    yield `${begin === 0 ? `${start}[` : ','}${elements}${end < list.length ? '' : ']'}`;
  }
}

/** With commas between them. */
function elementsJson<T>(list: readonly T[], toJson: ToJson<T>): string {
  let text = '';
  for (const element of list) text += text === '' ? toJson(element) : `,${toJson(element)}`;
  return text;
}

function isList<T>(body: T | readonly T[]): body is readonly T[] {
  return Array.isArray(body);
}
