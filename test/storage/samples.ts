import type { Entry, EntryKind, HardState, Membership, SnapshotMeta } from '../../src/raft/types.ts';
import type { SnapshotWriter, Storage, StorageIdentity } from '../../src/storage/storage.ts';

export const identity: StorageIdentity = { clusterId: 'cluster', nodeId: 'a', incarnation: 'first-life-of-a' };
export const membership: Membership = {
  voters: ['a', 'b', 'c'],
  votersOutgoing: [],
  learners: ['d'],
  learnersNext: [],
};

export function entry(index: number, term = 1, text = `entry ${index} of ${term}`, kind: EntryKind = 'command'): Entry {
  return { index, term, kind, data: new Uint8Array(Buffer.from(text)) };
}

/** Entries `from` to `to`, both included. */
export function entries(from: number, to: number, term = 1): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term));
}

/** With the data as text: an assertion on a long array of bytes takes seconds. */
export function withText(found: readonly Entry[]) {
  return found.map((each) => ({ ...each, data: Buffer.from(each.data).toString() }));
}

export function hardState(term: number, votedFor: string | null = null, commitIndex = 0): HardState {
  return { term, votedFor, commitIndex };
}

export function snapshotAt(index: number, term = 1): SnapshotMeta {
  return { index, term, membership };
}

/** A write without a snapshot. */
export function append(hard: HardState | null, ...added: readonly Entry[]) {
  return { hardState: hard, entries: added, snapshot: null };
}

export const chunksOf = (text: string, count: number) =>
  Array.from({ length: count }, (_, i) => new Uint8Array(Buffer.from(`${text} ${i};`.repeat(50))));

export async function staged(storage: Storage, meta: SnapshotMeta, text: string, count = 3): Promise<SnapshotWriter> {
  const writer = await storage.stageSnapshot(meta);
  for (const chunk of chunksOf(text, count)) await writer.append(chunk);
  return writer;
}

export async function readAll(storage: Storage): Promise<string> {
  const snapshot = storage.currentSnapshot();
  if (!snapshot) return '';
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < snapshot.chunkCount; i++) chunks.push(await storage.readSnapshotChunk(snapshot, i));
  return Buffer.concat(chunks).toString();
}

export const textOf = (text: string, count = 3) => Buffer.concat(chunksOf(text, count)).toString();
