import type { Entry, EntryKind, Role } from '../raft/types.ts';
import type { PeerIdentity, PeerMessage } from '../transport/transport.ts';
import { loadCodec } from './load-proto.ts';

/** A batch as it travels. */
export interface PeerBatch {
  readonly sender: PeerIdentity;
  readonly to: string;
  readonly protocolVersion: number;
  readonly messages: readonly PeerMessage[];
}

/** A batch as it arrived. */
export interface DecodedBatch extends PeerBatch {
  /** Messages of kinds that this version does not know: a later one sent them, and they were left out. */
  readonly unknownKinds: number;
}

type Fields = Record<string, unknown>;

interface WireBatch {
  readonly clusterId: string;
  readonly from: string;
  readonly to: string;
  readonly incarnation: string;
  readonly protocolVersion: number;
  readonly messages: readonly ({ readonly kind?: string } & Record<string, Fields | string | undefined>)[];
}

const codec = loadCodec<WireBatch>('raft.proto', 'manifest.raft.v1.PeerBatch');

/** Which field of the oneof carries which type of message. */
const fieldOf: Readonly<Record<PeerMessage['type'], string>> = {
  'pre-vote-request': 'preVoteRequest',
  'vote-request': 'voteRequest',
  'pre-vote-response': 'preVoteResponse',
  'vote-response': 'voteResponse',
  'append-request': 'appendRequest',
  'append-response': 'appendResponse',
  'heartbeat-request': 'heartbeatRequest',
  'heartbeat-response': 'heartbeatResponse',
  'timeout-now': 'timeoutNow',
  'read-index-request': 'readIndexRequest',
  'read-index-response': 'readIndexResponse',
  'forward-commands': 'forwardCommands',
  'forward-rejected': 'forwardRejected',
  'snapshot-chunk': 'snapshotChunk',
  'snapshot-ack': 'snapshotAck',
  'member-report': 'memberReport',
  'peer-refusal': 'peerRefusal',
};
const typeOf = new Map(Object.entries(fieldOf).map(([type, field]) => [field, type as PeerMessage['type']]));

/** The encoder takes an enumeration's value by number, the decoder gives its name. */
const kindNumbers: Readonly<Record<EntryKind, number>> = { command: 0, 'term-opening': 1, membership: 2 };
const kindsByName = new Map<unknown, EntryKind>([
  ['COMMAND', 'command'],
  ['TERM_OPENING', 'term-opening'],
  ['MEMBERSHIP', 'membership'],
]);

const roles: ReadonlySet<unknown> = new Set<Role>(['follower', 'pre-candidate', 'candidate', 'leader']);

/** Payloads are copied once, into the batch. */
export function encodeBatch({ sender, to, protocolVersion, messages }: PeerBatch): Uint8Array {
  return codec.encode({
    clusterId: sender.clusterId,
    from: sender.nodeId,
    to,
    incarnation: sender.incarnation,
    protocolVersion,
    messages: messages.map((message) => ({ [fieldOf[message.type]]: toWire(message) })),
  });
}

/**
 * Payloads are views of `bytes`, not copies.
 * @throws Error when the bytes are no batch, or a message in it lacks what it cannot be read without
 */
export function decodeBatch(bytes: Uint8Array): DecodedBatch {
  const { clusterId, from, to, incarnation, protocolVersion, messages: wireMessages } = codec.decode(bytes);
  const messages: PeerMessage[] = [];
  for (const wireMessage of wireMessages) {
    const field = wireMessage.kind ?? '';
    const type = typeOf.get(field);
    const fields = wireMessage[field];
    if (type && typeof fields === 'object') messages.push(fromWire(type, fields, from, to));
  }
  return {
    sender: { clusterId, nodeId: from, incarnation },
    to,
    protocolVersion,
    messages,
    unknownKinds: wireMessages.length - messages.length,
  };
}

/** The fields of most messages are the same on both sides; sender and receiver are in the envelope. */
function toWire(message: PeerMessage): Fields {
  switch (message.type) {
    case 'append-request':
      return { ...message, entries: message.entries.map((entry) => ({ ...entry, kind: kindNumbers[entry.kind] })) };
    case 'read-index-response':
      return { ...message, confirmed: message.index !== null, index: message.index ?? 0 };
    case 'forward-rejected':
      return { requestIds: message.requestIds, overloaded: message.reason === 'overloaded' };
    case 'member-report':
      return { ...message, leaderId: message.leaderId ?? '' };
    default:
      return message as unknown as Fields;
  }
}

/** The decoded fields become the message: nobody else has them, and to copy them costs more than to decode them did. */
function fromWire(type: PeerMessage['type'], fields: Fields, from: string, to: string): PeerMessage {
  const message = (own: Fields) => Object.assign(fields, own, { type }) as unknown as PeerMessage;
  switch (type) {
    case 'append-request':
      return message({ from, to, entries: (fields.entries as Fields[]).map(entryOf) });
    case 'read-index-response': {
      const { confirmed, index } = fields;
      delete fields.confirmed;
      return message({ from, to, index: confirmed ? index : null });
    }
    case 'forward-rejected':
      return {
        type,
        requestIds: fields.requestIds as readonly string[],
        reason: fields.overloaded ? 'overloaded' : 'not-leader',
      };
    case 'member-report':
      if (!roles.has(fields.role))
        throw new Error(`A member reports the role '${String(fields.role)}', which is none.`);
      return message({ leaderId: fields.leaderId || null });
    case 'snapshot-chunk':
      if (!(fields.snapshot as Fields | null)?.membership) throw new Error('A snapshot chunk names no snapshot.');
      return message({});
    case 'forward-commands':
    case 'snapshot-ack':
    case 'peer-refusal':
      return message({});
    default:
      return message({ from, to });
  }
}

function entryOf(fields: Fields): Entry {
  const kind = kindsByName.get(fields.kind);
  if (!kind) throw new Error(`An entry is of kind '${String(fields.kind)}', which this version does not know.`);
  return { index: fields.index as number, term: fields.term as number, kind, data: fields.data as Uint8Array };
}
