/** One change in a batch. */
export type StoreOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

/** Keys from `from` on and before `before`, in order. */
export interface KeyRange {
  readonly from: string;
  readonly before: string;
}

/**
 * What `DurableStorage` needs of an engine: ordered keys and atomic, synced batches. The engine is trusted with bytes
 * and not with truth: whatever it returns is checked.
 */
export interface KeyValueStore {
  /** `level` or `memory`. */
  readonly backend: string;
  /** Where the data is, for error messages. */
  readonly place: string;
  /**
   * @throws StorageLockedError when another process uses the data
   * @throws StorageDamagedError when the engine itself finds damage
   */
  open(): Promise<void>;
  get(key: string): Promise<Uint8Array | undefined>;
  entries(range: KeyRange): AsyncIterable<readonly [key: string, value: Uint8Array]>;
  /** All or nothing, and durable when it resolves. Takes effect in the order of the calls; none after one that failed. */
  writeSynced(operations: readonly StoreOperation[]): Promise<void>;
  /** Removes what nobody refers to any more. May be undone by a crash. */
  clear(range: KeyRange): Promise<void>;
  close(): Promise<void>;
}
