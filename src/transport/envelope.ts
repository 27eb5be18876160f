import type { PeerBatch } from '../codec/peer-codec.ts';
import type { PeerIdentity } from './transport.ts';

/**
 * Whether a batch may count here: addresses are handed out again, and clusters share networks.
 * @param sender who spoke on this stream before, `null` for the first batch
 * @returns what is wrong, naming both values; `null` when nothing is
 */
export function checkEnvelope(
  batch: Pick<PeerBatch, 'sender' | 'to' | 'protocolVersion'>,
  own: PeerIdentity,
  ownProtocolVersion: number,
  sender: string | null,
): string | null {
  if (batch.protocolVersion !== ownProtocolVersion) {
    return `'${batch.sender.nodeId}' speaks version ${batch.protocolVersion} of the peer protocol, '${own.nodeId}' speaks version ${ownProtocolVersion}`;
  }
  if (batch.sender.clusterId !== own.clusterId) {
    return `a message of cluster '${batch.sender.clusterId}' reached '${own.nodeId}' of cluster '${own.clusterId}'`;
  }
  if (batch.to !== own.nodeId) return `a message for '${batch.to}' reached '${own.nodeId}'`;
  if (batch.sender.nodeId === '' || batch.sender.nodeId === own.nodeId) {
    return `'${batch.sender.nodeId}' cannot be the name of a peer of '${own.nodeId}'`;
  }
  if (sender !== null && sender !== batch.sender.nodeId) {
    return `'${batch.sender.nodeId}' spoke on the stream of '${sender}'`;
  }
  return null;
}
