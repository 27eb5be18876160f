import type { MethodDefinition } from '@grpc/grpc-js';
import type { Sliced } from '../../registry/slices.ts';
import { answerTurns } from '../answer-turns.ts';

/** Elements of lists that are encoded in one go; each may be a whole record. */
const elementsPerSlice = 100;

interface Serializer {
  serialize(message: object): Uint8Array;
}

/** A response as it goes over the wire. */
export class Encoded {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** Sends responses that are encoded already as they are. */
export function takingEncoded<Request, Response>(
  method: MethodDefinition<Request, Response>,
): MethodDefinition<Request, Response | Encoded> {
  return {
    ...method,
    responseSerialize: (response) =>
      response instanceof Encoded ? response.bytes : method.responseSerialize(response),
  };
}

/**
 * Encodes a response with long lists in slices, lest everybody else waits for one great answer. Messages that are put one
 * behind the other are one message: what is said once holds, and lists go on.
 *
 * @param toElement makes what the response has in its lists into what the message has there
 */
export async function encodedInSlices<Element extends object>(
  { serialize }: Serializer,
  response: object,
  toElement: (element: Element) => object,
): Promise<Encoded> {
  return new Encoded(Buffer.concat(await answerTurns.inSlices(encoding(serialize, response, toElement))));
}

function* encoding<Element extends object>(
  serialize: Serializer['serialize'],
  response: object,
  toElement: (element: Element) => object,
): Sliced<Uint8Array[]> {
  const lists = Object.entries(response).filter((entry): entry is [string, Element[]] => Array.isArray(entry[1]));
  const pieces = [serialize({ ...response, ...Object.fromEntries(lists.map(([field]) => [field, []])) })];
  let encoded = 0;
  for (const [field, list] of lists) {
    for (let begin = 0; begin < list.length; begin += elementsPerSlice) {
      if (encoded >= elementsPerSlice) {
        encoded = 0;
        yield;
      }
      const elements = list.slice(begin, begin + elementsPerSlice);
      encoded += elements.length;
      pieces.push(serialize({ [field]: elements.map(toElement) }));
    }
  }
  return pieces;
}
