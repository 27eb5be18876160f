import type { EntryKind, Role } from '../../src/raft/types.ts';
import type { PeerMessage } from '../../src/transport/transport.ts';

/** A small generator with a seed (mulberry32), so that a failing case comes again. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** An integer in `[0, bound)`. */
  integer(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  oneOf<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.integer(choices.length)] ?? choices[0];
  }

  boolean(): boolean {
    return this.integer(2) === 1;
  }

  /** Every size of number counts: 0, 1, some digits, the largest exact one. */
  count(): number {
    return this.oneOf([0, 1, this.integer(1_000), this.integer(2 ** 32), Number.MAX_SAFE_INTEGER]);
  }

  uint32(): number {
    return this.oneOf([0, this.integer(2 ** 32), 2 ** 32 - 1]);
  }

  text(): string {
    return this.oneOf(['', 'a', 'node-2', 'Grüße 你好', 'x'.repeat(this.integer(300))]);
  }

  bytes(): Uint8Array {
    return Buffer.from(Array.from({ length: this.oneOf([0, 1, this.integer(600)]) }, () => this.integer(256)));
  }

  list<T>(make: () => T): T[] {
    return Array.from({ length: this.oneOf([0, 1, this.integer(6)]) }, make);
  }
}

export const from = 'a';
export const to = 'b';

/** The message that may be of this type: two types of request are one interface, so `Extract` does not find it. */
type MessageOf<Type extends PeerMessage['type'], Message = PeerMessage> = Message extends { readonly type: infer Types }
  ? Type extends Types
    ? Message
    : never
  : never;

type Generators = {
  readonly [Type in PeerMessage['type']]: (random: SeededRandom) => Omit<MessageOf<Type>, 'type'>;
};

const voteRequest = (random: SeededRandom) => ({
  from,
  to,
  term: random.count(),
  lastLogIndex: random.count(),
  lastLogTerm: random.count(),
  transfer: random.boolean(),
});

const voteResponse = (random: SeededRandom) => ({
  from,
  to,
  term: random.count(),
  granted: random.boolean(),
  vouches: random.boolean(),
});

const membership = (random: SeededRandom) => ({
  voters: random.list(() => random.text()),
  votersOutgoing: random.list(() => random.text()),
  learners: random.list(() => random.text()),
  learnersNext: random.list(() => random.text()),
});

/** One for each kind: a kind that is added without one does not compile. */
const generators: Generators = {
  'pre-vote-request': voteRequest,
  'vote-request': voteRequest,
  'pre-vote-response': voteResponse,
  'vote-response': voteResponse,
  'append-request': (random) => ({
    from,
    to,
    term: random.count(),
    prevLogIndex: random.count(),
    prevLogTerm: random.count(),
    commitIndex: random.count(),
    entries: random.list(() => ({
      index: random.count(),
      term: random.count(),
      kind: random.oneOf<EntryKind>(['command', 'term-opening', 'membership']),
      data: random.bytes(),
    })),
  }),
  'append-response': (random) => ({
    from,
    to,
    term: random.count(),
    accepted: random.boolean(),
    index: random.count(),
    hintIndex: random.count(),
    hintTerm: random.count(),
  }),
  'heartbeat-request': (random) => ({
    from,
    to,
    term: random.count(),
    commitIndex: random.count(),
    readRound: random.count(),
  }),
  'heartbeat-response': (random) => ({ from, to, term: random.count(), readRound: random.count() }),
  'timeout-now': (random) => ({ from, to, term: random.count() }),
  'read-index-request': (random) => ({ from, to, term: random.count(), context: random.count() }),
  'read-index-response': (random) => ({
    from,
    to,
    term: random.count(),
    context: random.count(),
    index: random.oneOf([null, random.count()]),
  }),
  'forward-commands': (random) => ({
    commands: random.list(() => ({ requestId: random.text(), command: random.bytes() })),
  }),
  'forward-rejected': (random) => ({
    requestIds: random.list(() => random.text()),
    reason: random.oneOf(['not-leader', 'overloaded']),
  }),
  'snapshot-chunk': (random) => ({
    term: random.count(),
    snapshot: { index: random.count(), term: random.count(), membership: membership(random) },
    chunkCount: random.uint32(),
    sizeBytes: random.count(),
    checksum: random.uint32(),
    chunkIndex: random.uint32(),
    chunkChecksum: random.uint32(),
    data: random.bytes(),
  }),
  'snapshot-ack': (random) => ({
    term: random.count(),
    snapshotIndex: random.count(),
    snapshotTerm: random.count(),
    checksum: random.uint32(),
    nextChunkIndex: random.uint32(),
    rejected: random.boolean(),
  }),
  'member-report': (random) => ({
    role: random.oneOf<Role>(['follower', 'pre-candidate', 'candidate', 'leader']),
    leaderId: random.oneOf([null, 'b']),
    term: random.count(),
    commitIndex: random.count(),
    appliedIndex: random.count(),
    version: random.text(),
    uptimeSeconds: random.integer(100_000) / 8,
    restAddress: random.text(),
    grpcAddress: random.text(),
  }),
  'peer-refusal': (random) => ({ knownIncarnation: random.text() }),
};

export const messageTypes = Object.keys(generators) as PeerMessage['type'][];

export function randomMessage(type: PeerMessage['type'], random: SeededRandom): PeerMessage {
  return { ...generators[type](random), type } as PeerMessage;
}
