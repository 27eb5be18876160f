import type { Logger } from 'pino';
import { Raft } from '../raft/raft.ts';
import type { Entry, NodeId, ProposeResult, RaftMessage, RaftStanding, RaftStatus } from '../raft/types.ts';
import { encodeCommand, stampCommand } from '../registry/commands.ts';
import { RegistryError } from '../registry/errors.ts';
import type { Command } from '../registry/machine.ts';
import { RegistryState } from '../registry/registry-state.ts';
import type { ClusterService, RegistryService } from '../registry/service.ts';
import type { OpenedStorage, Storage } from '../storage/storage.ts';
import type { PeerMessage, Transport } from '../transport/transport.ts';
import type { Clock, Random } from './environment.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { LocalCluster } from './local-cluster.ts';
import { LocalRegistry } from './local-registry.ts';
import type { MemberMetrics } from './member-metrics.ts';
import { PeerGuard } from './peer-guard.ts';
import { raftConfig } from './raft-config.ts';
import { RaftDriver } from './raft-driver.ts';
import { ReadGate } from './read-gate.ts';
import type { MemberSettings } from './settings.ts';
import { readSnapshot, SnapshotKeeper } from './snapshot-keeper.ts';
import { openOrInitialise } from './start-up.ts';
import { WatchHub } from './watch-hub.ts';
import { WriteQueue } from './write-queue.ts';

/** How often a member reports to the others and shows itself level with its leader. */
const reportEveryMs = 1_000;

/** A tick this much later than planned is worth a line in the log. */
const pauseMs = 500;

/** How long a leader that stops waits for its successor. */
const handOverMs = 1_500;

export interface MemberEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly metrics: MemberMetrics;
}

/**
 * One member of the cluster: drives the consensus core, the store, the transport and the state machine, and offers the
 * registry on top of them. Everything of the outside world is handed in, so that a simulator runs this very class.
 *
 * Work is done in turns: whatever arrives is only noted, and one turn of the loop then hands gathered writes over,
 * begins gathered reads and does what the core asks for.
 */
export class Member {
  readonly registry: RegistryService;
  readonly cluster: ClusterService;
  /** Resolves when this member cannot go on: its store failed, or an invariant did. The process should then end. */
  readonly failed: Promise<Error>;

  readonly #settings: MemberSettings;
  readonly #environment: MemberEnvironment;
  readonly #opened: OpenedStorage;
  readonly #raft: Raft;
  readonly #driver: RaftDriver;
  readonly #writes: WriteQueue;
  readonly #reads: ReadGate;
  readonly #leases: LeaseKeeper;
  readonly #snapshots: SnapshotKeeper;
  readonly #guard: PeerGuard;
  readonly #watches: WatchHub;
  readonly #local: LocalRegistry;
  readonly #localCluster: LocalCluster;
  #state: RegistryState;
  #standing: RaftStanding;
  #turnScheduled = false;
  #cancelTick: (() => void) | null = null;
  #lastTickMs: number;
  #lastReportMs: number;
  #failure: Error | null = null;
  #stopped = false;
  #announceFailure: (error: Error) => void = () => {};

  /** Opens the store, restores the state and joins the cluster. @throws the storage's and transport's start-up errors */
  static async start(settings: MemberSettings, environment: MemberEnvironment): Promise<Member> {
    const opened = await openOrInitialise(settings, environment);
    const state = opened.snapshot
      ? await readSnapshot(environment.storage, opened.snapshot, environment.clock)
      : new RegistryState();
    const member = new Member(settings, environment, opened, state);
    await environment.transport.start(
      { clusterId: settings.clusterId, nodeId: settings.nodeId, incarnation: opened.identity.incarnation },
      {
        receive: (from, incarnation, message) => member.#guarded(() => member.#receive(from, incarnation, message)),
        unreachable: (peer) => member.#guarded(() => member.#unreachable(peer)),
        disconnected: (peer) => member.#guarded(() => member.#raft.reportDisconnected(peer)),
        refused: (peer, reason) => environment.logger.warn({ peer, reason }, 'peer refused'),
      },
    );
    member.#scheduleTick();
    member.#wake();
    return member;
  }

  private constructor(
    settings: MemberSettings,
    environment: MemberEnvironment,
    opened: OpenedStorage,
    state: RegistryState,
  ) {
    const { clock, random, storage, metrics, logger } = environment;
    this.#settings = settings;
    this.#environment = environment;
    this.#opened = opened;
    this.#state = state;
    this.#lastTickMs = clock.monotonicMs();
    this.#lastReportMs = this.#lastTickMs;
    this.failed = new Promise((resolve) => {
      this.#announceFailure = resolve;
    });

    this.#raft = new Raft(
      raftConfig(settings, random, ({ term, vouched }) =>
        this.#stamp(encodeCommand('', { type: 'open-term', term, coldStart: !vouched })),
      ),
      opened.restored,
    );
    this.#standing = this.#raft.standing();
    const nowMs = () => clock.monotonicMs();
    const wake = () => this.#wake();
    const failed = (error: unknown) => this.#fail(error);
    this.#guard = new PeerGuard(storage, opened.peerIncarnations, failed);
    this.#watches = new WatchHub(state.revision, settings.watchLimits);
    this.#writes = new WriteQueue(
      {
        nowMs,
        wake,
        leadership: () => ({
          leaderId: this.#standing.leaderId,
          term: this.#standing.term,
          isSelf: this.#standing.role === 'leader',
        }),
        propose: (commands) => this.#propose(commands),
        send: (to, message) => this.#send(to, message),
      },
      { maxPending: settings.maxPendingWrites, leaderWaitMs: settings.leaderWaitMs },
    );
    this.#reads = new ReadGate(
      {
        nowMs,
        wake,
        readIndex: (context) => this.#raft.readIndex(context),
        appliedIndex: () => this.#state.appliedIndex,
      },
      random.integer(2 ** 20) * 2 ** 32,
    );
    const config = raftConfig(settings, random, () => new Uint8Array());
    this.#leases = new LeaseKeeper(
      (command) => this.#proposeOwn(command),
      // Three heartbeats: one may be lost, and one be under way, while the quorum is well.
      3 * config.heartbeatTicks,
    );
    this.#snapshots = new SnapshotKeeper({
      settings,
      environment,
      raft: this.#raft,
      state: () => this.#state,
      term: () => this.#standing.term,
      send: (to, message) => this.#send(to, message),
      wake,
      failed,
    });
    this.#driver = new RaftDriver(
      this.#raft,
      storage,
      {
        nowMs,
        wake,
        failed,
        send: (message) => this.#send(message.to, message),
        apply: (entry) => this.#apply(entry),
        restore: async () => {
          this.#state = await this.#snapshots.restored();
          this.#watches.reset(this.#state.revision);
          logger.info({ index: this.#state.appliedIndex }, 'restored a snapshot received from the leader');
        },
        readsAnswered: (states) => this.#reads.answered(states),
        snapshotsWanted: (peers) => this.#snapshots.wanted(peers),
      },
      metrics,
    );
    this.#local = new LocalRegistry(
      { state: () => this.#state, leader: () => this.#standing.leaderId, nowMs, wake },
      settings,
      this.#writes,
      this.#reads,
      this.#watches,
      clock,
      random,
    );
    this.#localCluster = new LocalCluster(
      {
        raft: () => this.#raft.status(),
        state: () => this.#state,
        nowMs,
        levelAtMs: () => this.#reads.levelAtMs,
        storage: () => ({ backend: storage.backend, failure: this.#failure?.message ?? null }),
        pause: () => new Promise<void>((resolve) => clock.after(0, resolve)),
      },
      settings,
    );
    this.registry = this.#local;
    this.cluster = this.#localCluster;
  }

  /** Where this member stands, for metrics. */
  status(): RaftStatus {
    return this.#raft.status();
  }

  /** Watches and held queries that this member serves. */
  get watchers(): number {
    return this.#watches.watchers;
  }

  /** Hands leadership over when it has it, ends what is under way and leaves. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    if (!this.#failure) await this.#handOver();
    this.#stopped = true;
    this.#cancelTick?.();
    const leaving = new RegistryError('service_unavailable', 'This member is stopping. Ask another one.', {
      retryAfterSeconds: 1,
    });
    this.#writes.close(leaving);
    this.#reads.close(leaving);
    this.#watches.close(leaving);
    await this.#driver.close();
    await this.#snapshots.close();
    await this.#environment.transport.close();
    await this.#environment.storage.close();
  }

  async #handOver(): Promise<void> {
    const { clock, logger } = this.#environment;
    const { role, progress } = this.#raft.status();
    if (role !== 'leader') return;
    const successor = progress
      .filter((peer) => peer.recentlyActive && peer.mode === 'replicate' && !peer.learner)
      .reduce<(typeof progress)[number] | null>(
        (best, peer) => (best && best.matchIndex >= peer.matchIndex ? best : peer),
        null,
      );
    if (!successor) return;
    logger.info({ to: successor.id }, 'handing leadership over');
    this.#guarded(() => this.#raft.transferLeadership(successor.id));
    this.#wake();
    const untilMs = clock.monotonicMs() + handOverMs;
    while (clock.monotonicMs() < untilMs && this.#standing.role === 'leader' && !this.#failure) {
      await new Promise<void>((resolve) => clock.after(this.#settings.tickMs, resolve));
    }
  }

  #wake(): void {
    if (this.#turnScheduled || this.#stopped || this.#failure) return;
    this.#turnScheduled = true;
    this.#environment.clock.after(0, () => {
      this.#turnScheduled = false;
      this.#guarded(() => this.#turn());
    });
  }

  #turn(): void {
    this.#local.flush();
    this.#writes.flush();
    this.#reads.flush();
    this.#driver.pump();
    this.#noticeStanding();
    this.#snapshots.takeIfDue();
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#environment.clock.after(this.#settings.tickMs, () => {
      this.#guarded(() => this.#tick());
      if (!this.#stopped && !this.#failure) this.#scheduleTick();
    });
  }

  #tick(): void {
    const { clock, logger, metrics } = this.#environment;
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - this.#lastTickMs;
    this.#lastTickMs = nowMs;
    metrics.eventLoopDelay(Math.max(0, elapsedMs - this.#settings.tickMs));
    if (elapsedMs > pauseMs + this.#settings.tickMs) {
      logger.warn(
        { pausedMs: Math.round(elapsedMs) },
        'this process was paused; the time is not counted for any lease',
      );
    }
    // One tick however late: after a pause the leader's messages, which are waiting in the sockets, are heard first.
    this.#raft.tick();
    this.#noticeStanding();
    this.#leases.tick(elapsedMs, this.#raft.status(), this.#state);
    this.#writes.tick();
    this.#reads.tick();
    this.#snapshots.tick();
    if (nowMs - this.#lastReportMs >= reportEveryMs) {
      this.#lastReportMs = nowMs;
      this.#report();
    }
    this.#turn();
  }

  #report(): void {
    const report = this.#localCluster.ownReport();
    for (const peer of this.#peers()) this.#send(peer, report);
    // Dates this member's state, for stale reads and for its health; it fails by itself while there is no leader.
    this.#reads.level(reportEveryMs).catch(() => {});
  }

  #peers(): NodeId[] {
    const { voters, votersOutgoing, learners } = this.#standing.membership;
    const everybody = new Set([...voters, ...votersOutgoing, ...learners]);
    everybody.delete(this.#settings.nodeId);
    return [...everybody];
  }

  #noticeStanding(): void {
    const { logger, metrics } = this.#environment;
    const before = this.#standing;
    const now = this.#raft.standing();
    this.#standing = now;
    if (before.role !== now.role && now.role === 'pre-candidate') metrics.electionStarted();
    if (before.leaderId === now.leaderId && before.role === now.role) return;
    logger.info({ term: now.term, role: now.role, leader: now.leaderId }, 'leadership changed');
    if (before.leaderId !== now.leaderId) metrics.leaderChanged();
    // Writes that wait for a leader go to it in the next turn.
    this.#wake();
  }

  #receive(from: NodeId, incarnation: string, message: PeerMessage): void {
    if (this.#stopped || this.#failure) return;
    const acquaintance = this.#guard.meet(from, incarnation);
    if (acquaintance === 'being-remembered') return;
    if (acquaintance === 'stranger') {
      this.#send(from, { type: 'peer-refusal', knownIncarnation: this.#guard.incarnationOf(from) ?? '' });
      return;
    }
    switch (message.type) {
      case 'forward-commands':
        this.#environment.metrics.forwarded(message.commands.length);
        this.#writes.receiveForwarded(from, message);
        break;
      case 'forward-rejected':
        this.#writes.receiveRejected(message);
        break;
      case 'snapshot-chunk':
        this.#snapshots.receiveChunk(from, message);
        break;
      case 'snapshot-ack':
        this.#snapshots.receiveAck(from, message);
        break;
      case 'member-report':
        this.#localCluster.heard(from, message);
        break;
      case 'peer-refusal':
        this.#refusedBy(from, message.knownIncarnation);
        break;
      default:
        this.#raft.step(message);
    }
    this.#wake();
  }

  #refusedBy(peer: NodeId, knownIncarnation: string): void {
    if (knownIncarnation === this.#opened.identity.incarnation) return;
    throw new Error(
      `${peer} knows ${this.#settings.nodeId} with another data directory, so this one is new or was swapped: what this ` +
        `member voted and acknowledged before is lost, and taking part without it could lose acknowledged writes. ` +
        `Bring the old data directory back, or start a member with a new node id.`,
    );
  }

  #unreachable(peer: NodeId): void {
    this.#raft.reportUnreachable(peer);
    this.#writes.unreachable(peer);
    this.#snapshots.unreachable(peer);
    this.#wake();
  }

  #send(to: NodeId, message: PeerMessage | RaftMessage): void {
    if (!this.#failure) this.#environment.transport.send(to, message);
  }

  #apply(entry: Entry): void {
    this.#snapshots.applied(entry);
    if (entry.kind === 'membership') {
      this.#state.skip(entry.index);
      return;
    }
    const outcome = this.#state.apply(entry.index, entry.data);
    for (const event of outcome.events) {
      this.#notice(event);
      this.#watches.applied(event);
    }
    this.#writes.applied(outcome);
    this.#reads.applied();
  }

  #notice(event: ReturnType<RegistryState['apply']>['events'][number]): void {
    const { metrics } = this.#environment;
    if (event.type === 'registered' || event.type === 'updated') this.#leases.registered(event.instance);
    else if (event.type === 'expired') metrics.expired('removed', 1);
    else if (event.type === 'status' && event.instance.status === 'unhealthy') metrics.expired('unhealthy', 1);
  }

  #stamp(command: Uint8Array): Uint8Array {
    const stamp = { wallMs: this.#environment.clock.wallMs(), leaseMs: this.#leases.stampMs(this.#state) };
    return stampCommand(command, stamp);
  }

  #propose(commands: readonly Uint8Array[]): ProposeResult {
    return this.#raft.propose(commands.map((command) => this.#stamp(command)));
  }

  /** A leader's own judgement. Where it is refused, the lease keeper comes back to it. */
  #proposeOwn(command: Command): void {
    this.#propose([encodeCommand('', command)]);
    this.#wake();
  }

  #guarded(work: () => void): void {
    if (this.#failure) return;
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Says and does nothing any more: what this member knows of itself may be wrong. */
  #fail(error: unknown): void {
    if (this.#failure || this.#stopped) return;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#failure = failure;
    this.#cancelTick?.();
    const gone = new RegistryError('service_unavailable', `This member failed: ${failure.message}`, {
      retryAfterSeconds: 1,
    });
    this.#writes.close(gone);
    this.#reads.close(gone);
    this.#watches.close(gone);
    void this.#driver.close();
    this.#environment.logger.fatal({ err: failure }, 'this member cannot go on');
    this.#announceFailure(failure);
  }
}
