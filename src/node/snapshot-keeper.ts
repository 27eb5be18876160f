import { checksum } from '../codec/checksum.ts';
import { memberIds } from '../raft/membership.ts';
import { SnapshotReceiver, SnapshotSender } from '../raft/snapshot-transfer.ts';
import type { Entry, NodeId, RaftCore, SnapshotMeta } from '../raft/types.ts';
import { RegistryState } from '../registry/registry-state.ts';
import { CaptureDecoder, encodeCapture } from '../registry/snapshot.ts';
import type { SnapshotWriter, Storage, StoredSnapshot } from '../storage/storage.ts';
import type { PeerMessage, SnapshotAck, SnapshotChunk } from '../transport/transport.ts';
import type { Clock } from './environment.ts';
import type { MemberEnvironment } from './member.ts';
import type { MemberSettings } from './settings.ts';
import { SnapshotPace } from './snapshot-pace.ts';
import { Turns } from './turns.ts';

/** Chunks of about 256 KiB under way to one follower. */
const windowChunks = 8;
const maxStalls = 5;
const stallMs = 1_000;

export interface SnapshotHost {
  readonly settings: MemberSettings;
  readonly environment: MemberEnvironment;
  readonly raft: RaftCore;
  state(): RegistryState;
  term(): number;
  send(to: NodeId, message: PeerMessage): void;
  wake(): void;
  failed(error: unknown): void;
}

interface Transfer {
  readonly snapshot: StoredSnapshot;
  readonly sender: SnapshotSender;
  readonly term: number;
}

/**
 * Takes this member's snapshots, sends them to followers that fell behind the log, and receives the leader's.
 *
 * The store stages one snapshot at a time, so work on it is done one piece after another (`#inTurn`); taking a
 * snapshot gives way to receiving one.
 */
export class SnapshotKeeper {
  readonly #host: SnapshotHost;
  readonly #storage: Storage;
  readonly #transfers = new Map<NodeId, Transfer>();
  readonly #receiver = new SnapshotReceiver(checksum);
  #staged: SnapshotWriter | null = null;
  readonly #pace: SnapshotPace;
  #taking = false;
  #closed = false;
  #queue: Promise<void> = Promise.resolve();

  constructor(host: SnapshotHost) {
    this.#host = host;
    this.#storage = host.environment.storage;
    this.#pace = new SnapshotPace(host.settings, host.state().counts().total, host.environment.random);
  }

  /** An entry was applied. */
  applied(entry: Entry): void {
    this.#pace.applied(entry.data.length);
  }

  takeIfDue(): void {
    if (this.#taking || this.#closed || this.#staged) return;
    if (!this.#mayBegin()) return;
    this.#taking = true;
    this.#pace.begin(this.#host.state().counts().total);
    this.#inTurn(async () => {
      try {
        await this.#take();
      } finally {
        this.#taking = false;
      }
    });
  }

  #mayBegin(): boolean {
    const { environment, raft } = this.#host;
    const now = () => ({
      members: memberIds(raft.status().membership).length,
      instances: this.#host.state().counts().total,
    });
    const snapshotBytes = () => this.#storage.currentSnapshot()?.sizeBytes ?? 0;
    return this.#pace.mayBegin(environment.clock.monotonicMs(), now, snapshotBytes);
  }

  async #take(): Promise<void> {
    const { environment, raft, settings } = this.#host;
    const { clock, logger, metrics } = environment;
    const startedMs = clock.monotonicMs();
    const capture = this.#host.state().capture();
    const index = capture.header.appliedIndex;
    const term = raft.termAt(index);
    if (term === null || index <= raft.status().snapshotIndex) return;
    const meta: SnapshotMeta = { index, term, membership: raft.membershipAt(index) };
    const writer = await this.#storage.stageSnapshot(meta);
    for (const chunk of encodeCapture(capture)) {
      await writer.append(chunk);
      // A slice at a time: requests and heartbeats come in between.
      await new Promise<void>((resolve) => clock.after(0, resolve));
      if (this.#closed || raft.status().snapshotIndex >= index) return writer.abort();
    }
    const keepAfterIndex = Math.max(raft.status().logStart.index, index - settings.keepEntries);
    const stored = await this.#storage.commitSnapshot(writer, keepAfterIndex);
    raft.compact(meta, keepAfterIndex);
    metrics.snapshotTaken(clock.monotonicMs() - startedMs, stored.sizeBytes);
    logger.info({ index, sizeBytes: stored.sizeBytes, chunks: stored.chunkCount }, 'took a snapshot');
    this.#host.wake();
  }

  /** The core asks for these followers to get a snapshot. */
  wanted(peers: readonly NodeId[]): void {
    const snapshot = this.#storage.currentSnapshot();
    for (const peer of peers) {
      if (!snapshot) {
        // Cannot be: the log begins at a snapshot or at the very beginning. Let the core probe again.
        this.#host.raft.snapshotFinished(peer, 'failed', 0);
        continue;
      }
      const { meta, checksum: whole, chunkCount } = snapshot;
      const sender = new SnapshotSender({
        identity: { index: meta.index, term: meta.term, checksum: whole },
        chunkCount,
        windowChunks,
        stallTicks: Math.ceil(stallMs / this.#host.settings.tickMs),
        maxStalls,
      });
      this.#transfers.set(peer, { snapshot, sender, term: this.#host.term() });
      this.#host.environment.logger.info({ peer, index: meta.index, chunks: chunkCount }, 'sending a snapshot');
      this.#pump(peer);
    }
  }

  receiveAck(from: NodeId, ack: SnapshotAck): void {
    this.#transfers.get(from)?.sender.onAck(ack);
    this.#pump(from);
  }

  unreachable(peer: NodeId): void {
    // The acknowledged position stays: once the peer is back, the stalled transfer resumes there.
    this.#pump(peer);
  }

  tick(): void {
    for (const [peer, { sender }] of this.#transfers) {
      sender.tick();
      this.#pump(peer);
    }
  }

  #pump(peer: NodeId): void {
    const transfer = this.#transfers.get(peer);
    if (!transfer) return;
    if (transfer.term !== this.#host.term()) {
      this.#transfers.delete(peer);
      return;
    }
    const { sender, snapshot } = transfer;
    for (let chunk = sender.takeNextChunk(); chunk !== null; chunk = sender.takeNextChunk()) {
      void this.#sendChunk(peer, transfer, chunk);
    }
    if (sender.outcome === 'sending') return;
    this.#transfers.delete(peer);
    const outcome = sender.outcome === 'done' ? 'completed' : 'failed';
    this.#host.environment.logger.info({ peer, index: snapshot.meta.index, outcome }, 'sent a snapshot');
    this.#host.raft.snapshotFinished(peer, outcome, snapshot.meta.index);
    this.#host.wake();
  }

  async #sendChunk(peer: NodeId, transfer: Transfer, chunkIndex: number): Promise<void> {
    const { snapshot, term } = transfer;
    try {
      const data = await this.#storage.readSnapshotChunk(snapshot, chunkIndex);
      this.#host.send(peer, {
        type: 'snapshot-chunk',
        term,
        snapshot: snapshot.meta,
        chunkCount: snapshot.chunkCount,
        sizeBytes: snapshot.sizeBytes,
        checksum: snapshot.checksum,
        chunkIndex,
        chunkChecksum: checksum(data),
        data,
      });
    } catch (error) {
      if (!(error instanceof RangeError)) {
        if (!this.#closed) this.#host.failed(error);
        return;
      }
      // A newer snapshot took its place: the core asks again and gets that one.
      if (this.#transfers.get(peer) !== transfer) return;
      this.#transfers.delete(peer);
      this.#host.raft.snapshotFinished(peer, 'failed', snapshot.meta.index);
      this.#host.wake();
    }
  }

  receiveChunk(from: NodeId, chunk: SnapshotChunk): void {
    this.#inTurn(() => this.#receive(from, chunk));
  }

  async #receive(from: NodeId, chunk: SnapshotChunk): Promise<void> {
    const { raft } = this.#host;
    const verdict = this.#receiver.receive(chunk, raft.status().commitIndex);
    const answer = (nextChunkIndex: number, rejected: boolean) =>
      this.#host.send(from, {
        type: 'snapshot-ack',
        term: chunk.term,
        snapshotIndex: chunk.snapshot.index,
        snapshotTerm: chunk.snapshot.term,
        checksum: chunk.checksum,
        nextChunkIndex,
        rejected,
      });
    if (verdict.action === 'refuse') {
      this.#staged = null;
      answer(0, true);
      return;
    }
    if (verdict.action === 'acknowledge') {
      answer(verdict.nextChunkIndex, false);
      return;
    }
    if (verdict.startsOver) this.#staged = await this.#storage.stageSnapshot(chunk.snapshot);
    if (!this.#staged) {
      this.#receiver.reset();
      return;
    }
    await this.#staged.append(chunk.data);
    answer(verdict.nextChunkIndex, false);
    if (!verdict.completes) return;
    this.#staged = null;
    const { nodeId } = this.#host.settings;
    raft.step({ type: 'snapshot-received', from, to: nodeId, term: chunk.term, snapshot: chunk.snapshot });
    this.#host.wake();
    // The staged chunks wait for the core's write; nothing else may be staged before it.
    await this.#installed(chunk.snapshot.index);
  }

  /**
   * Waits until the core has written the received snapshot. Where it had no use for it, because the leader's term passed
   * or another snapshot is being restored, there is nothing to wait for: the leader sends again what is needed then.
   */
  async #installed(index: number): Promise<void> {
    const { clock } = this.#host.environment;
    while (!this.#closed && (this.#storage.currentSnapshot()?.meta.index ?? 0) < index && this.#isInstalling(index)) {
      await new Promise<void>((resolve) => clock.after(this.#host.settings.tickMs, resolve));
    }
  }

  #isInstalling(index: number): boolean {
    const { snapshotIndex, appliedIndex } = this.#host.raft.status();
    return snapshotIndex >= index && appliedIndex < index;
  }

  /** The state that the current snapshot holds, after one that was received became current. */
  async restored(): Promise<RegistryState> {
    const snapshot = this.#storage.currentSnapshot();
    if (!snapshot) throw new Error('A received snapshot is not in the store.');
    const state = await readSnapshot(this.#storage, snapshot, this.#host.environment.clock);
    this.#pace.begin(state.counts().total);
    return state;
  }

  #inTurn(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch((error) => {
      if (!this.#closed) this.#host.failed(error);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#transfers.clear();
    await this.#queue;
  }
}

/** Reads a whole snapshot, in slices. */
export async function readSnapshot(storage: Storage, snapshot: StoredSnapshot, clock: Clock): Promise<RegistryState> {
  const turns = new Turns(clock);
  const decoder = new CaptureDecoder();
  for (let chunk = 0; chunk < snapshot.chunkCount; chunk++) {
    await turns.inSlices(decoder.pushing(await storage.readSnapshotChunk(snapshot, chunk)));
    await turns.next();
  }
  return turns.inSlices(RegistryState.restoring(decoder.finish()));
}
