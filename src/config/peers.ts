import { z } from 'zod';
import { isHostAndPort } from './option-schemas.ts';

/**
 * `node-1=host:8503,node-2=host:8503` as a map from member to peer address, in the order given. Every mistake in it is
 * named, not only the first.
 */
export const peerList = z.string().transform((text, context) => {
  const peers = new Map<string, string>();
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const problem = add(part, peers);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  }
  return peers as ReadonlyMap<string, string>;
});

function add(part: string, peers: Map<string, string>): string | null {
  const at = part.indexOf('=');
  const [id, address] = [part.slice(0, Math.max(0, at)), part.slice(at + 1)];
  if (!/^[a-zA-Z0-9-]{1,64}$/.test(id) || !isHostAndPort(address)) {
    return `must be like "node-1=host-1:8503,node-2=host-2:8503", which "${part}" is not`;
  }
  if (peers.has(id)) return `names ${id} twice; every member has one address`;
  for (const [other, taken] of peers) {
    if (taken === address) return `gives ${other} and ${id} the same address, ${address}; each member needs its own`;
  }
  peers.set(id, address);
  return null;
}

export function renderPeers(peers: ReadonlyMap<string, string>): string {
  return [...peers].map(([id, address]) => `${id}=${address}`).join(',');
}
