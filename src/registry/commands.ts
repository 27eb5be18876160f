import { loadCodec } from '../codec/load-proto.ts';
import { registrationFromJson, registrationToJson } from './logged-registration.ts';
import type { Command, Stamp } from './machine.ts';

interface WireCommand {
  readonly requestId?: string;
  readonly register?: { readonly registrationJson: Uint8Array; readonly validateDependencies: boolean };
  readonly heartbeats?: { readonly leaseIdDeltas: readonly number[] };
  readonly deregister?: { readonly name: string; readonly id: string; readonly leaseId: number };
  readonly expire?: {
    readonly term: number;
    readonly items: readonly { readonly leaseId: number; readonly judgedBy: number; readonly removed: boolean }[];
  };
  readonly openTerm?: { readonly term: number; readonly coldStart: boolean };
  readonly advanceClock?: Record<string, never>;
  readonly stamp?: Stamp | null;
}

export interface DecodedCommand {
  /** `null` for a leader's own command. */
  readonly requestId: string | null;
  readonly stamp: Stamp;
  readonly command: Command;
}

const codec = loadCodec<WireCommand>('command.proto', 'manifest.log.v1.Command');

/**
 * A command without its stamp.
 * @param requestId empty for a leader's own commands
 * @throws Error when a heartbeat command's leases do not ascend
 */
export function encodeCommand(requestId: string, command: Command): Uint8Array {
  return codec.encode({ requestId, ...bodyOf(command) });
}

/** The command with `stamp` appended: fields of a protobuf message may be concatenated, so nothing is decoded. */
export function stampCommand(command: Uint8Array, stamp: Stamp): Uint8Array {
  const suffix = codec.encode({
    stamp: { wallMs: Math.floor(stamp.wallMs), leaseMs: Math.floor(stamp.leaseMs) },
  });
  const stamped = new Uint8Array(command.length + suffix.length);
  stamped.set(command);
  stamped.set(suffix, command.length);
  return stamped;
}

/** @throws Error when the bytes are not a stamped command: in a committed entry that is a bug or damage */
export function decodeCommand(bytes: Uint8Array): DecodedCommand {
  const wire = codec.decode(bytes);
  if (!wire.stamp) throw new Error('A committed command carries no stamp.');
  return { requestId: wire.requestId || null, stamp: wire.stamp, command: commandOf(wire) };
}

function bodyOf(command: Command): WireCommand {
  switch (command.type) {
    case 'register':
      return {
        register: {
          registrationJson: Buffer.from(registrationToJson(command.registration)),
          validateDependencies: command.validateDependencies,
        },
      };
    case 'heartbeats':
      return { heartbeats: { leaseIdDeltas: deltas(command.leaseIds) } };
    case 'deregister':
      return { deregister: { name: command.name, id: command.id, leaseId: command.leaseId ?? 0 } };
    case 'expire':
      return {
        expire: {
          term: command.term,
          items: command.items.map(({ leaseId, judgedBy, to }) => ({ leaseId, judgedBy, removed: to === 'removed' })),
        },
      };
    case 'open-term':
      return { openTerm: { term: command.term, coldStart: command.coldStart } };
    case 'advance-clock':
      return { advanceClock: {} };
  }
}

function commandOf(wire: WireCommand): Command {
  if (wire.register) {
    const { registrationJson, validateDependencies } = wire.register;
    return { type: 'register', registration: registrationFromJson(textOf(registrationJson)), validateDependencies };
  }
  if (wire.heartbeats) return { type: 'heartbeats', leaseIds: sums(wire.heartbeats.leaseIdDeltas) };
  if (wire.deregister) {
    const { name, id, leaseId } = wire.deregister;
    return { type: 'deregister', name, id, leaseId: leaseId === 0 ? null : leaseId };
  }
  if (wire.expire) {
    const items = wire.expire.items.map(({ leaseId, judgedBy, removed }) => ({
      leaseId,
      judgedBy,
      to: removed ? ('removed' as const) : ('unhealthy' as const),
    }));
    return { type: 'expire', term: wire.expire.term, items };
  }
  if (wire.openTerm) return { type: 'open-term', term: wire.openTerm.term, coldStart: wire.openTerm.coldStart };
  if (wire.advanceClock) return { type: 'advance-clock' };
  throw new Error('A committed command is of a kind that this version does not know.');
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString();
}

function deltas(ascending: readonly number[]): number[] {
  return ascending.map((leaseId, position) => {
    const delta = leaseId - (ascending[position - 1] ?? 0);
    // A negative one would come back as a lease of some other service.
    if (!(delta > 0)) throw new Error(`Lease ids must ascend: ${leaseId} stands at position ${position}.`);
    return delta;
  });
}

function sums(differences: readonly number[]): number[] {
  let leaseId = 0;
  return differences.map((difference) => {
    leaseId += difference;
    return leaseId;
  });
}
