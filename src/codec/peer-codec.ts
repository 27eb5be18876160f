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

/** The encoder takes an enumeration's value by number, the decoder gives its name. */
const kindNumbers: Readonly<Record<EntryKind, number>> = { command: 0, 'term-opening': 1, membership: 2 };
const kindsByName = new Map<unknown, EntryKind>([
  ['COMMAND', 'command'],
  ['TERM_OPENING', 'term-opening'],
  ['MEMBERSHIP', 'membership'],
]);

/** Which field of the oneof carries which type of message, and back. */
const types: readonly PeerMessage['type'][] = [
  'pre-vote-request',
  'vote-request',
  'pre-vote-response',
  'vote-response',
  'append-request',
  'append-response',
  'heartbeat-request',
  'heartbeat-response',
  'timeout-now',
  'read-index-request',
  'read-index-response',
  'forward-commands',
  'forward-rejected',
  'snapshot-chunk',
  'snapshot-ack',
  'member-report',
  'peer-refusal',
];
const fieldOf = new Map(
  types.map((type) => [type, type.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())]),
);
const typeOf = new Map([...fieldOf].map(([type, field]) => [field, type]));

export function encodeBatch({ sender, to, protocolVersion, messages }: PeerBatch): Uint8Array {
  return codec.encode({
    clusterId: sender.clusterId,
    from: sender.nodeId,
    to,
    incarnation: sender.incarnation,
    protocolVersion,
    messages: messages.map((message) => ({ [fieldOf.get(message.type) ?? '']: toWire(message) })),
  });
}

/**
 * Messages of a kind that this version does not know are left out.
 * @throws Error when the bytes are no batch
 */
export function decodeBatch(bytes: Uint8Array): PeerBatch {
  const { clusterId, from, to, incarnation, protocolVersion, messages } = codec.decode(bytes);
  const known: PeerMessage[] = [];
  for (const { kind, ...rest } of messages) {
    const type = kind === undefined ? undefined : typeOf.get(kind);
    const fields = kind === undefined ? undefined : rest[kind];
    if (type && typeof fields === 'object') known.push(fromWire(type, fields, from, to));
  }
  return { sender: { clusterId, nodeId: from, incarnation }, to, protocolVersion, messages: known };
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
      return { ...message };
  }
}

function fromWire(type: PeerMessage['type'], fields: Fields, from: string, to: string): PeerMessage {
  switch (type) {
    case 'append-request':
      return {
        ...fields,
        type,
        from,
        to,
        entries: (fields.entries as Fields[]).map(entryOf),
      } as unknown as PeerMessage;
    case 'read-index-response': {
      const { confirmed, index, ...rest } = fields;
      return { ...rest, type, from, to, index: confirmed ? index : null } as unknown as PeerMessage;
    }
    case 'forward-rejected':
      return {
        type,
        requestIds: fields.requestIds as string[],
        reason: fields.overloaded ? 'overloaded' : 'not-leader',
      };
    case 'member-report':
      return {
        ...fields,
        type,
        role: fields.role as Role,
        leaderId: (fields.leaderId as string) || null,
      } as unknown as PeerMessage;
    case 'forward-commands':
    case 'snapshot-chunk':
    case 'snapshot-ack':
    case 'peer-refusal':
      return { ...fields, type } as unknown as PeerMessage;
    default:
      return { ...fields, type, from, to } as unknown as PeerMessage;
  }
}

function entryOf(fields: Fields): Entry {
  const kind = kindsByName.get(fields.kind);
  if (!kind) throw new Error(`An entry is of kind '${String(fields.kind)}', which this version does not know.`);
  return { index: fields.index as number, term: fields.term as number, kind, data: fields.data as Uint8Array };
}
