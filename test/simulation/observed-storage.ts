import type { LogWrite, Membership, SnapshotMeta } from '../../src/raft/types.ts';
import type {
  OpenedStorage,
  SnapshotWriter,
  Storage,
  StorageIdentity,
  StoredSnapshot,
} from '../../src/storage/storage.ts';

export interface StorageObserver {
  opened(opened: OpenedStorage): void;
  writeBegun(write: Pick<LogWrite, 'hardState' | 'entries' | 'snapshot'>): void;
  writeCompleted(): void;
  compacting(throughIndex: number): void;
}

/** The production storage, with somebody who watches what is stored. */
export class ObservedStorage implements Storage {
  readonly #storage: Storage;
  readonly #observer: StorageObserver;

  constructor(storage: Storage, observer: StorageObserver) {
    this.#storage = storage;
    this.#observer = observer;
  }

  get backend(): string {
    return this.#storage.backend;
  }

  async open(): Promise<OpenedStorage | null> {
    const opened = await this.#storage.open();
    if (opened) this.#observer.opened(opened);
    return opened;
  }

  async initialise(identity: StorageIdentity, membership: Membership): Promise<OpenedStorage> {
    const opened = await this.#storage.initialise(identity, membership);
    this.#observer.opened(opened);
    return opened;
  }

  async write(write: Pick<LogWrite, 'hardState' | 'entries' | 'snapshot'>): Promise<void> {
    this.#observer.writeBegun(write);
    await this.#storage.write(write);
    this.#observer.writeCompleted();
  }

  stageSnapshot(meta: SnapshotMeta): Promise<SnapshotWriter> {
    return this.#storage.stageSnapshot(meta);
  }

  commitSnapshot(writer: SnapshotWriter, compactThroughIndex: number): Promise<StoredSnapshot> {
    this.#observer.compacting(compactThroughIndex);
    return this.#storage.commitSnapshot(writer, compactThroughIndex);
  }

  currentSnapshot(): StoredSnapshot | null {
    return this.#storage.currentSnapshot();
  }

  readSnapshotChunk(snapshot: StoredSnapshot, chunkIndex: number): Promise<Uint8Array> {
    return this.#storage.readSnapshotChunk(snapshot, chunkIndex);
  }

  rememberPeer(peer: string, incarnation: string): Promise<void> {
    return this.#storage.rememberPeer(peer, incarnation);
  }

  close(): Promise<void> {
    return this.#storage.close();
  }
}
