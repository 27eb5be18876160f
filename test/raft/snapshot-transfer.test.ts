import { describe, expect, test } from 'vitest';
import {
  type ArrivingChunk,
  type ChunkAck,
  type ChunkVerdict,
  SnapshotReceiver,
  SnapshotSender,
} from '../../src/raft/snapshot-transfer.ts';
import { bytes, membership } from './harness/fixtures.ts';
import { seededRandom } from './harness/random.ts';

/** Depends on every byte and on their order; enough to stand for a checksum. */
function checksum(data: Uint8Array, previous = 0): number {
  let sum = previous;
  for (const byte of data) sum = (Math.imul(sum, 31) + byte) >>> 0;
  return sum;
}

const identity = { index: 20, term: 3, checksum: checksum(bytes('abcdefgh')) };
const pieces = ['ab', 'cd', 'ef', 'gh'].map(bytes);

function chunk(chunkIndex: number, parts: Partial<ArrivingChunk> = {}): ArrivingChunk {
  const data = pieces[chunkIndex] ?? bytes('??');
  return {
    term: 5,
    snapshot: { index: identity.index, term: identity.term, membership: membership({ voters: ['a'] }) },
    chunkCount: pieces.length,
    sizeBytes: 8,
    checksum: identity.checksum,
    chunkIndex,
    chunkChecksum: checksum(data),
    data,
    ...parts,
  };
}

function ack(nextChunkIndex: number, parts: Partial<ChunkAck> = {}): ChunkAck {
  const { index, term } = identity;
  return {
    snapshotIndex: index,
    snapshotTerm: term,
    checksum: identity.checksum,
    nextChunkIndex,
    rejected: false,
    ...parts,
  };
}

const sending = (parts = {}) =>
  new SnapshotSender({ identity, chunkCount: 6, windowChunks: 3, stallTicks: 4, maxStalls: 2, ...parts });

function takeAll(sender: SnapshotSender): readonly number[] {
  const taken: number[] = [];
  for (let next = sender.takeNextChunk(); next !== null; next = sender.takeNextChunk()) taken.push(next);
  return taken;
}

describe('the sender of a snapshot', () => {
  test('keeps a window of chunks under way', () => {
    const sender = sending();
    expect(takeAll(sender)).toEqual([0, 1, 2]);
    sender.onAck(ack(1));
    sender.onAck(ack(2));
    expect(takeAll(sender)).toEqual([3, 4]);
    expect([sender.ackedChunks, sender.outcome]).toEqual([2, 'sending']);
  });

  test('is done when the receiver has all, and stays so', () => {
    const sender = sending();
    takeAll(sender);
    sender.onAck(ack(6));
    sender.onAck(ack(0, { rejected: true }));
    expect([sender.outcome, sender.takeNextChunk()]).toEqual(['done', null]);
  });

  test('goes on where the receiver stands when that is ahead: an earlier transfer is resumed', () => {
    const sender = sending();
    sender.takeNextChunk();
    sender.onAck(ack(4));
    expect(takeAll(sender)).toEqual([4, 5]);
  });

  test('goes back to a gap, once', () => {
    const sender = sending();
    takeAll(sender);
    sender.onAck(ack(1));
    takeAll(sender);
    sender.onAck(ack(1));
    expect(takeAll(sender)).toEqual([1, 2, 3]);
    sender.onAck(ack(1));
    expect(takeAll(sender)).toEqual([]);
  });

  test('goes back to the beginning when the receiver has lost everything', () => {
    const sender = sending();
    takeAll(sender);
    sender.onAck(ack(3));
    sender.onAck(ack(0));
    expect([sender.ackedChunks, takeAll(sender)]).toEqual([0, [0, 1, 2]]);
  });

  test.each([
    ['of another index', { snapshotIndex: 21 }],
    ['of another term', { snapshotTerm: 2 }],
    ['of other bytes', { checksum: 1 }],
    ['for a chunk that does not exist', { nextChunkIndex: 7 }],
    ['for a chunk before the first', { nextChunkIndex: -1 }],
    ['for a part of a chunk', { nextChunkIndex: 1.5 }],
  ])('ignores an acknowledgement %s', (_, parts) => {
    const sender = sending();
    takeAll(sender);
    sender.onAck(ack(2, parts));
    sender.onAck(ack(2, { ...parts, rejected: true }));
    expect([sender.ackedChunks, sender.outcome, takeAll(sender)]).toEqual([0, 'sending', []]);
  });

  test('fails when the receiver refuses', () => {
    const sender = sending();
    sender.onAck(ack(0, { rejected: true }));
    expect([sender.outcome, sender.takeNextChunk()]).toEqual(['failed', null]);
  });

  test('sends again when nothing comes back for long enough, and fails after so many times', () => {
    const sender = sending();
    const ticks = (count: number) => {
      for (let i = 0; i < count; i++) sender.tick();
    };
    takeAll(sender);
    ticks(3);
    expect(takeAll(sender)).toEqual([]);
    ticks(1);
    expect(takeAll(sender)).toEqual([0, 1, 2]);
    sender.onAck(ack(1));
    ticks(4);
    // The stall before counts no more: there was progress in between.
    expect([sender.outcome, takeAll(sender)]).toEqual(['sending', [1, 2, 3]]);
    ticks(4);
    expect(sender.outcome).toBe('failed');
    ticks(4);
    expect(sender.outcome).toBe('failed');
  });

  test('does not count time while nothing is under way', () => {
    const sender = sending({ maxStalls: 1 });
    for (let i = 0; i < 20; i++) sender.tick();
    expect(sender.outcome).toBe('sending');
  });

  test('needs a chunk and a window', () => {
    expect(() => sending({ chunkCount: 0 })).toThrow('needs a chunk and a window');
    expect(() => sending({ windowChunks: 0 })).toThrow('needs a chunk and a window');
  });
});

describe('the receiver of a snapshot', () => {
  const receiver = (upTo = 0) => {
    const machine = new SnapshotReceiver(checksum);
    for (let i = 0; i < upTo; i++) machine.receive(chunk(i), 0);
    return machine;
  };
  const appended = (nextChunkIndex: number, completes = false): ChunkVerdict => ({
    action: 'append',
    startsOver: nextChunkIndex === 1,
    completes,
    nextChunkIndex,
  });
  const acknowledged = (nextChunkIndex: number): ChunkVerdict => ({ action: 'acknowledge', nextChunkIndex });
  const refused = (reason: 'old' | 'damaged'): ChunkVerdict => ({ action: 'refuse', reason });

  test('takes the chunks in order and says when it is complete', () => {
    const machine = receiver();
    expect([0, 1, 2, 3].map((i) => machine.receive(chunk(i), 0))).toEqual([
      appended(1),
      appended(2),
      appended(3),
      appended(4, true),
    ]);
  });

  test('asks for the chunk that is missing, and takes none twice', () => {
    const machine = receiver(2);
    expect(machine.receive(chunk(3), 0)).toEqual(acknowledged(2));
    expect(machine.receive(chunk(0), 0)).toEqual(acknowledged(2));
    expect(receiver().receive(chunk(2), 0)).toEqual(acknowledged(0));
  });

  test('asks again for a chunk whose bytes were altered', () => {
    expect(receiver(1).receive(chunk(1, { data: bytes('xx') }), 0)).toEqual(acknowledged(1));
  });

  test('refuses a whole whose bytes are not what was announced, and begins anew', () => {
    for (const parts of [{ checksum: 1 }, { sizeBytes: 9 }]) {
      const machine = new SnapshotReceiver(checksum);
      for (let i = 0; i < 3; i++) machine.receive(chunk(i, parts), 0);
      expect(machine.receive(chunk(3, parts), 0)).toEqual(refused('damaged'));
      expect(machine.receive(chunk(0), 0)).toEqual(appended(1));
    }
  });

  test.each([
    ['a chunk past the end', { chunkIndex: 4 }],
    ['a part of a chunk', { chunkIndex: 0.5 }],
    ['a negative count', { chunkCount: -1 }],
    ['no size', { sizeBytes: Number.NaN }],
  ])('refuses %s', (_, parts) => {
    expect(receiver().receive(chunk(0, parts), 0)).toEqual(refused('damaged'));
  });

  test('trap 17: refuses a snapshot that this member is level with', () => {
    expect(receiver().receive(chunk(0), 20)).toEqual(refused('old'));
    expect(receiver().receive(chunk(0), 19)).toEqual(appended(1));
  });

  test('says again that it is complete when that word was lost, although the snapshot is installed by now', () => {
    expect(receiver(4).receive(chunk(3), 20)).toEqual(acknowledged(4));
  });

  test('begins anew when what it had completed was not installed, instead of calling it complete for ever', () => {
    const machine = receiver(4);
    expect(machine.receive(chunk(0), 19)).toEqual(appended(1));
    expect(machine.receive(chunk(1), 19)).toEqual(appended(2));
  });

  test('lets another snapshot take the place of an unfinished one, but not one of an older leader', () => {
    const other = { checksum: checksum(bytes('x')), chunkCount: 1, sizeBytes: 1 };
    const data = { data: bytes('x'), chunkChecksum: checksum(bytes('x')) };
    const machine = receiver(2);
    expect(machine.receive(chunk(0, { ...other, ...data, term: 4 }), 0)).toEqual(refused('old'));
    expect(machine.receive(chunk(2), 0)).toEqual(appended(3));
    expect(machine.receive(chunk(0, { ...other, ...data, term: 5 }), 0)).toEqual(appended(1, true));
  });

  test('resumes with another sender of the very same bytes', () => {
    expect(receiver(2).receive(chunk(2, { term: 6 }), 0)).toEqual(appended(3));
  });

  test.each([
    ['its index', { snapshot: { ...chunk(0).snapshot, index: 21 } }],
    ['its term', { snapshot: { ...chunk(0).snapshot, term: 4 } }],
    ['its bytes', { checksum: 1 }],
    ['the number of its chunks', { chunkCount: 5 }],
    ['its size', { sizeBytes: 9 }],
  ])('tells a snapshot from another by %s', (_, parts) => {
    expect(receiver(2).receive(chunk(2, parts), 0)).toEqual(acknowledged(0));
  });

  test('forgets what could not be kept', () => {
    const machine = receiver(2);
    machine.reset();
    expect(machine.receive(chunk(2), 0)).toEqual(acknowledged(0));
  });
});

describe('a transfer over a network that loses, repeats and reorders', () => {
  test.each(Array.from({ length: 40 }, (_, seed) => seed))('completes with the very bytes (seed %i)', (seed) => {
    const random = seededRandom(seed);
    const content = Array.from({ length: 23 }, (_, i) => bytes(`piece ${i} `));
    const whole = content.reduce((sum, data) => checksum(data, sum), 0);
    const sizeBytes = content.reduce((sum, data) => sum + data.length, 0);
    const named = { index: 20, term: 3, checksum: whole };
    const options = { identity: named, chunkCount: 23, windowChunks: 4, stallTicks: 3, maxStalls: 1_000 };
    let sender = new SnapshotSender(options);
    const receiver = new SnapshotReceiver(checksum);
    let chunks: number[] = [];
    let acks: number[] = [];
    let staged: Uint8Array[] = [];
    let commitIndex = 0;
    const takeOne = (queue: number[]): number | undefined => {
      const position = random(5) === 0 ? random(queue.length) : 0;
      if (random(12) === 0) return queue[position];
      const [taken] = queue.splice(position, 1);
      return random(10) === 0 ? undefined : taken;
    };
    for (let step = 0; sender.outcome === 'sending'; step++) {
      if (step > 20_000) throw new Error(`seed ${seed}: the transfer never ends`);
      chunks.push(...takeAll(sender));
      const chunkIndex = takeOne(chunks);
      const data = chunkIndex === undefined ? undefined : content[chunkIndex];
      if (chunkIndex !== undefined && data !== undefined) {
        const parts = { chunkCount: 23, sizeBytes, checksum: whole, data, chunkChecksum: checksum(data) };
        const verdict = receiver.receive(chunk(chunkIndex, parts), commitIndex);
        if (verdict.action === 'append') {
          staged = verdict.startsOver ? [data] : [...staged, data];
          if (verdict.completes) commitIndex = 20;
        }
        if (verdict.action !== 'refuse') acks.push(verdict.nextChunkIndex);
      }
      const position = takeOne(acks);
      if (position !== undefined) sender.onAck(ack(position, { checksum: whole }));
      sender.tick();
      // The sender's process may start again: the receiver keeps what it has.
      if (step === 40) {
        sender = new SnapshotSender(options);
        chunks = [];
        acks = [];
      }
    }
    expect([sender.outcome, Buffer.concat(staged).equals(Buffer.concat(content))]).toEqual(['done', true]);
  });
});
