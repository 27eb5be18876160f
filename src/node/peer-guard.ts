import type { NodeId } from '../raft/types.ts';
import type { Storage } from '../storage/storage.ts';

export type Acquaintance = 'known' | 'being-remembered' | 'stranger';

/**
 * Tells a peer from one that came back under its name with an empty disk, and so has forgotten how it voted and what
 * it acknowledged (trap 9). The first incarnation seen of a peer is remembered durably, before anything it says counts.
 */
export class PeerGuard {
  readonly #storage: Storage;
  readonly #known: Map<NodeId, string>;
  readonly #remembering = new Set<NodeId>();
  readonly #failed: (error: unknown) => void;

  constructor(storage: Storage, known: ReadonlyMap<NodeId, string>, failed: (error: unknown) => void) {
    this.#storage = storage;
    this.#known = new Map(known);
    this.#failed = failed;
  }

  /** What this member knows of `peer`; a new acquaintance is being remembered, its messages until then are lost. */
  meet(peer: NodeId, incarnation: string): Acquaintance {
    const known = this.#known.get(peer);
    if (known !== undefined) return known === incarnation ? 'known' : 'stranger';
    if (!this.#remembering.has(peer)) {
      this.#remembering.add(peer);
      this.#storage.rememberPeer(peer, incarnation).then(() => {
        this.#known.set(peer, incarnation);
        this.#remembering.delete(peer);
      }, this.#failed);
    }
    return 'being-remembered';
  }

  incarnationOf(peer: NodeId): string | undefined {
    return this.#known.get(peer);
  }
}
