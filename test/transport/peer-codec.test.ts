import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { loadCodec } from '../../src/codec/load-proto.ts';
import { decodeBatch, encodeBatch } from '../../src/codec/peer-codec.ts';
import type { AppendRequest, Entry } from '../../src/raft/types.ts';
import type { PeerMessage, SnapshotChunk } from '../../src/transport/transport.ts';
import { from, messageTypes, randomMessage, SeededRandom, to } from './random-messages.ts';

const sender = { clusterId: 'cluster-1', nodeId: from, incarnation: 'f00d' };
const wire = loadCodec('raft.proto', 'manifest.raft.v1.PeerBatch');

function encode(...messages: readonly PeerMessage[]): Uint8Array {
  return encodeBatch({ sender, to, protocolVersion: 1, messages });
}

function chunkOf(data: Uint8Array): SnapshotChunk {
  const membership = { voters: ['a'], votersOutgoing: [], learners: [], learnersNext: [] };
  return {
    type: 'snapshot-chunk',
    term: 1,
    snapshot: { index: 9, term: 1, membership },
    chunkCount: 1,
    sizeBytes: data.length,
    checksum: 1,
    chunkIndex: 0,
    chunkChecksum: 1,
    data,
  };
}

describe('a batch that is encoded and decoded', () => {
  it.each(messageTypes)('gives the same %s', (type) => {
    const random = new SeededRandom(20_261_124);
    for (let round = 0; round < 300; round++) {
      const message = randomMessage(type, random);
      expect(decodeBatch(encode(message)).messages).toStrictEqual([message]);
    }
  });

  it('keeps the order of messages of every kind', () => {
    const random = new SeededRandom(7);
    const messages = [...messageTypes, ...messageTypes.toReversed()].map((type) => randomMessage(type, random));
    expect(decodeBatch(encode(...messages)).messages).toStrictEqual(messages);
  });

  it('keeps its envelope, and may be empty', () => {
    const batch = { sender, to, protocolVersion: 77, messages: [] };
    expect(decodeBatch(encodeBatch(batch))).toStrictEqual({ ...batch, unknownKinds: 0 });
  });

  it('shares its payloads with the bytes that it came in', () => {
    const bytes = encode(chunkOf(Buffer.alloc(100_000, 7)));
    const [message] = decodeBatch(bytes).messages;
    const data = (message as SnapshotChunk).data;
    expect(data.buffer).toBe(bytes.buffer);
    expect(data.length).toBe(100_000);
  });
});

describe('a batch of a later version', () => {
  /** A batch with a kind of message, number 999, that this version has no name for, between two that it knows. */
  function batchWithUnknownKind(): Uint8Array {
    const known = encode({ type: 'timeout-now', from, to, term: 4 });
    const unknown = protobuf.Writer.create()
      .uint32((6 << 3) | 2)
      .fork()
      .uint32((999 << 3) | 2)
      .string('news')
      .ldelim();
    // Repeated fields may come in pieces: concatenated messages are one message.
    return Buffer.concat([known, unknown.finish(), encode({ type: 'timeout-now', from, to, term: 5 })]);
  }

  it('loses only the messages of an unknown kind, and says how many', () => {
    const { messages, unknownKinds } = decodeBatch(batchWithUnknownKind());
    expect(messages).toStrictEqual([
      { type: 'timeout-now', from, to, term: 4 },
      { type: 'timeout-now', from, to, term: 5 },
    ]);
    expect(unknownKinds).toBe(1);
  });

  it('may have fields that this version does not know', () => {
    const extra = protobuf.Writer.create()
      .uint32((500 << 3) | 2)
      .string('news')
      .finish();
    const message: PeerMessage = { type: 'timeout-now', from, to, term: 4 };
    expect(decodeBatch(Buffer.concat([encode(message), extra])).messages).toStrictEqual([message]);
  });
});

describe('bytes that are no batch', () => {
  it('are an error when they are not protobuf', () => {
    expect(() => decodeBatch(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow();
  });

  it('are an error when they end in the middle of a message', () => {
    const bytes = encode(chunkOf(Buffer.alloc(50, 1)));
    const envelopeBytes = encode().length;
    for (let length = bytes.length - 1; length > envelopeBytes; length--) {
      expect(() => decodeBatch(bytes.subarray(0, length)), `${length} of ${bytes.length} bytes`).toThrow();
    }
  });

  it('are an error that names the kind of an entry that nobody knows', () => {
    const entry = { index: 1, term: 1, kind: 9, data: Buffer.alloc(0) };
    const bytes = wire.encode({ messages: [{ appendRequest: { term: 1, entries: [entry] } }] });
    expect(() => decodeBatch(bytes)).toThrow("of kind '9'");
  });

  it('are an error when a snapshot chunk names no snapshot, or one without members', () => {
    for (const snapshot of [undefined, { index: 4, term: 1 }]) {
      const bytes = wire.encode({ messages: [{ snapshotChunk: { term: 1, ...(snapshot && { snapshot }) } }] });
      expect(() => decodeBatch(bytes)).toThrow('names no snapshot');
    }
  });

  it('are an error when a member reports a role that is none', () => {
    const bytes = wire.encode({ messages: [{ memberReport: { role: 'emperor' } }] });
    expect(() => decodeBatch(bytes)).toThrow("'emperor'");
  });
});

it('an entry that is encoded for two followers is left as it was', () => {
  const entry: Entry = Object.freeze({ index: 1, term: 1, kind: 'command', data: Buffer.from('payload') });
  const request: AppendRequest = {
    type: 'append-request',
    from,
    to,
    term: 1,
    prevLogIndex: 0,
    prevLogTerm: 0,
    commitIndex: 0,
    entries: Object.freeze([entry]),
  };
  expect(decodeBatch(encode(request, request)).messages).toStrictEqual([request, request]);
  expect(entry).toStrictEqual({ index: 1, term: 1, kind: 'command', data: Buffer.from('payload') });
});
