import type { Sliced } from '../../registry/slices.ts';
import { answerTurns } from '../answer-turns.ts';

/** Elements of lists that are encoded in one go; each may be a whole record. */
const elementsPerSlice = 200;

/**
 * The JSON of a body that may hold a long list, as itself or as a field: encoded in slices, lest everybody else waits
 * for one great answer. The same text as `JSON.stringify` makes.
 */
export async function jsonInSlices(body: object): Promise<string | Buffer> {
  const lists = Array.isArray(body) ? [body] : Object.values(body).filter(Array.isArray);
  const isShort = lists.every(({ length }) => length <= elementsPerSlice);
  return isShort ? JSON.stringify(body) : answerTurns.inSlices(encoding(body));
}

function* encoding(body: object): Sliced<Buffer> {
  const pieces: Buffer[] = [];
  if (Array.isArray(body)) {
    yield* addList(pieces, body);
    return Buffer.concat(pieces);
  }
  let separator = '{';
  for (const [name, value] of Object.entries(body)) {
    if (value === undefined) continue;
    pieces.push(Buffer.from(`${separator}${JSON.stringify(name)}:`));
    if (Array.isArray(value)) yield* addList(pieces, value);
    else pieces.push(Buffer.from(JSON.stringify(value)));
    separator = ',';
  }
  pieces.push(Buffer.from('}'));
  return Buffer.concat(pieces);
}

function* addList(pieces: Buffer[], list: readonly unknown[]): Sliced<void> {
  for (let begin = 0; begin < list.length; begin += elementsPerSlice) {
    if (begin > 0) yield;
    const elements = JSON.stringify(list.slice(begin, begin + elementsPerSlice)).slice(1, -1);
    pieces.push(Buffer.from(`${begin === 0 ? '[' : ','}${elements}`));
  }
  pieces.push(Buffer.from(list.length === 0 ? '[]' : ']'));
}
