import { isEveryInterface, isLoopback } from './addresses.ts';
import type { MemberOptions } from './member-options.ts';
import { type OptionSpec, optionTable } from './option-table.ts';
import { renderPeers } from './peers.ts';

const specs: readonly OptionSpec[] = optionTable;

/** The options in force under the names that their user knows, without secrets. */
export function describeOptions(options: MemberOptions): Record<string, unknown> {
  const described: Record<string, unknown> = {};
  for (const { name, key, secret } of specs) {
    if (key === null) continue;
    const value = options[key];
    if (secret) described[name] = value === null ? '(none)' : '(set)';
    else described[name] = value instanceof Map ? renderPeers(value) : value;
  }
  return described;
}

/** What an operator should know and may well intend. */
export function warningsOf(options: MemberOptions): string[] {
  const { peers, host, nodeId, peerPort, authToken, storage } = options;
  const warnings: string[] = [];
  if (peers.size % 2 === 0) {
    warnings.push(
      `peers: ${peers.size} members survive no more failures than ${peers.size - 1} would; prefer an odd number`,
    );
  } else if (peers.size === 1) {
    warnings.push('peers: a cluster of one stops with its only member; three survive the loss of any one');
  }
  const ownAddress = peers.get(nodeId) ?? '';
  if (!ownAddress.endsWith(`:${peerPort}`)) {
    warnings.push(
      `peers: the others reach this member at ${ownAddress}, while its peer-port is ${peerPort}; is a port mapping meant?`,
    );
  }
  if (authToken === null && !isLoopback(host)) {
    warnings.push('auth-token: there is none, so anybody who reaches this member may write; set MANIFEST_AUTH_TOKEN');
  }
  if (isEveryInterface(host) && /^https?:\/\/localhost[:/]/.test(options.restAddress)) {
    warnings.push(
      `rest-address: clients are told ${options.restAddress}, which only this machine can reach; set MANIFEST_REST_ADDRESS`,
    );
  }
  if (storage === 'memory') warnings.push('storage: this member keeps nothing when it ends; for trials only');
  return warnings;
}
