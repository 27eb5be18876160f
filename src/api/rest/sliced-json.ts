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

/** How elements become JSON. */
export interface ElementJson<T> {
  one(element: T): string;
  /** With commas between them. */
  some(elements: readonly T[]): string | Buffer;
}

/** @param toJson the same text as `JSON.stringify` makes, or less */
export function elementJson<T>(toJson: (element: T) => string): ElementJson<T> {
  return { one: toJson, some: (elements) => elements.map(toJson).join() };
}

const whole: ElementJson<unknown> = elementJson(JSON.stringify);

/**
 * The JSON of a body that may hold a long list, as itself or as a field: encoded, and where it is very long also sent, in
 * slices, lest everybody else waits for one great answer. The same text as `JSON.stringify` makes.
 *
 * @param json of the body, or of its elements where it is a list
 */
export async function jsonInSlices<T extends object>(
  body: T | readonly T[] | ListInPieces,
  json: ElementJson<T> = whole,
): Promise<string | Buffer | Readable> {
  if (body instanceof ListInPieces) return Readable.from(sendingPieces(body), { objectMode: false });
  const lists = Array.isArray(body) ? [body] : Object.values(body).filter(Array.isArray);
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  if (longest <= elementsPerSlice) return isList(body) ? Buffer.concat([...piecesOf(body, json)]) : json.one(body);
  if (longest > mostElementsAtOnce) return Readable.from(sending(body, json), { objectMode: false });
  return Buffer.concat(await answerTurns.inSlices(gathering(body, json)));
}

async function* sending<T extends object>(body: T | readonly T[], json: ElementJson<T>): AsyncGenerator<Buffer> {
  for (const piece of piecesOf(body, json)) {
    yield piece;
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

function* gathering<T extends object>(body: T | readonly T[], json: ElementJson<T>): Sliced<Buffer[]> {
  const pieces: Buffer[] = [];
  for (const piece of piecesOf(body, json)) {
    pieces.push(piece);
    yield;
  }
  return pieces;
}

function* piecesOf<T extends object>(body: T | readonly T[], json: ElementJson<T>): Generator<Buffer, void> {
  if (isList(body)) {
    yield* piecesOfList('', body, json);
    return;
  }
  let before = '{';
  for (const [name, value] of Object.entries(body)) {
    if (value === undefined) continue;
    const start = `${before}${JSON.stringify(name)}:`;
    if (Array.isArray(value)) yield* piecesOfList(start, value, whole);
    else yield Buffer.from(`${start}${JSON.stringify(value)}`);
    before = ',';
  }
  yield Buffer.from('}');
}

function* piecesOfList<T>(start: string, list: readonly T[], json: ElementJson<T>): Generator<Buffer, void> {
  for (let begin = 0; begin === 0 || begin < list.length; begin += elementsPerSlice) {
    const end = begin + elementsPerSlice;
    const elements = json.some(list.slice(begin, end));
    const parts = [begin === 0 ? `${start}[` : ',', elements, end < list.length ? '' : ']'];
    yield Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  }
}

function isList<T>(body: T | readonly T[]): body is readonly T[] {
  return Array.isArray(body);
}
