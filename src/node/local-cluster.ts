import type { NodeId, RaftStatus } from '../raft/types.ts';
import type { RegistryState } from '../registry/registry-state.ts';
import type { ClusterService, ClusterStatus, HealthReport, MemberStatus, StatusOptions } from '../registry/service.ts';
import { hashInSlices } from '../registry/snapshot.ts';
import type { MemberReport } from '../transport/transport.ts';

/** A member that was not heard of for this long is shown as unreachable. */
const reachableMs = 3_500;

/** A member that could not show itself level with a leader for this long is unhealthy. */
const levelMs = 4_000;

export interface LocalClusterHost {
  raft(): RaftStatus;
  state(): RegistryState;
  nowMs(): number;
  levelAtMs(): number | null;
  storage(): { readonly backend: string; readonly failure: string | null };
  /** Lets everything else of this turn happen. */
  pause(): Promise<void>;
}

export interface LocalClusterSettings {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly version: string;
  readonly restAddress: string;
  readonly grpcAddress: string;
}

interface HeardReport {
  readonly report: MemberReport;
  readonly atMs: number;
}

/** What this member can tell of itself and, from their reports, of the others. */
export class LocalCluster implements ClusterService {
  readonly #host: LocalClusterHost;
  readonly #settings: LocalClusterSettings;
  readonly #startedMs: number;
  readonly #reports = new Map<NodeId, HeardReport>();
  /** The last hash that was begun: equal indexes have equal states. */
  #hash: { readonly appliedIndex: number; readonly hash: Promise<string> } | null = null;

  constructor(host: LocalClusterHost, settings: LocalClusterSettings) {
    this.#host = host;
    this.#settings = settings;
    this.#startedMs = host.nowMs();
  }

  heard(from: NodeId, report: MemberReport): void {
    this.#reports.set(from, { report, atMs: this.#host.nowMs() });
  }

  /** What this member tells the others of itself. */
  ownReport(): MemberReport {
    const raft = this.#host.raft();
    return {
      type: 'member-report',
      role: raft.role,
      leaderId: raft.leaderId,
      term: raft.term,
      commitIndex: raft.commitIndex,
      appliedIndex: raft.appliedIndex,
      version: this.#settings.version,
      uptimeSeconds: this.#uptimeSeconds(),
      restAddress: this.#settings.restAddress,
      grpcAddress: this.#settings.grpcAddress,
    };
  }

  async status(options: StatusOptions = {}): Promise<ClusterStatus> {
    const raft = this.#host.raft();
    const state = this.#host.state();
    const { voters, votersOutgoing, learners } = raft.membership;
    const ids = [...new Set([...voters, ...votersOutgoing, ...learners])].sort();
    const reports = new Map(ids.map((id) => [id, this.#reportOf(id)]));
    const { appliedIndex, revision } = state;
    // From here on the state may move; what is hashed was taken at this index.
    const hash = options.stateHash ? await this.#stateHash(state) : null;
    const leaderCommit = raft.leaderId === null ? null : (reports.get(raft.leaderId)?.report.commitIndex ?? null);
    return {
      cluster_id: this.#settings.clusterId,
      node: this.#settings.nodeId,
      leader: raft.leaderId,
      term: raft.term,
      members: ids.map((id) => memberStatus(id, reports.get(id) ?? null, leaderCommit, !learners.includes(id))),
      state: { applied_index: appliedIndex, revision, hash },
    };
  }

  async health(): Promise<HealthReport> {
    const raft = this.#host.raft();
    const counts = this.#host.state().counts();
    const storage = this.#host.storage();
    const reason = this.#unhealthyReason(raft, storage.failure);
    return {
      status: reason === null ? 'healthy' : 'unhealthy',
      ...(reason === null ? {} : { reason }),
      version: this.#settings.version,
      uptime_seconds: this.#uptimeSeconds(),
      services_registered: counts.total,
      services_healthy: counts.up,
      services_unhealthy: counts.unhealthy,
      services_unknown: counts.unknown,
      storage_backend: storage.backend,
      storage_healthy: storage.failure === null,
      node: this.#settings.nodeId,
      leader: raft.leaderId,
      term: raft.term,
    };
  }

  #unhealthyReason(raft: RaftStatus, storageFailure: string | null): string | null {
    if (storageFailure !== null) return `storage failed: ${storageFailure}`;
    if (raft.leaderId === null) return 'no leader: fewer than a majority of the members are running and connected';
    const levelAtMs = this.#host.levelAtMs();
    if (levelAtMs === null) return 'starting: not yet level with the leader';
    if (this.#host.nowMs() - levelAtMs > levelMs) return `the leader ${raft.leaderId} does not confirm reads`;
    return null;
  }

  #reportOf(id: NodeId): (HeardReport & { readonly reachable: boolean }) | null {
    if (id === this.#settings.nodeId) {
      return { report: this.ownReport(), atMs: this.#host.nowMs(), reachable: true };
    }
    const heard = this.#reports.get(id);
    return heard ? { ...heard, reachable: this.#host.nowMs() - heard.atMs <= reachableMs } : null;
  }

  #stateHash(state: RegistryState): Promise<string> {
    const { appliedIndex } = state;
    if (this.#hash?.appliedIndex !== appliedIndex) {
      this.#hash = { appliedIndex, hash: hashInSlices(state.capture(), () => this.#host.pause()) };
    }
    return this.#hash.hash;
  }

  #uptimeSeconds(): number {
    return Math.floor((this.#host.nowMs() - this.#startedMs) / 1_000);
  }
}

function memberStatus(
  id: NodeId,
  heard: (HeardReport & { readonly reachable: boolean }) | null,
  leaderCommit: number | null,
  voter: boolean,
): MemberStatus {
  const report = heard?.report;
  return {
    id,
    role: heard?.reachable && report ? report.role : 'unreachable',
    reachable: heard?.reachable ?? false,
    voter,
    term: report?.term ?? 0,
    commit_index: report?.commitIndex ?? 0,
    applied_index: report?.appliedIndex ?? 0,
    lag: report && leaderCommit !== null ? Math.max(0, leaderCommit - report.appliedIndex) : null,
    version: report?.version ?? '',
    uptime_seconds: report?.uptimeSeconds ?? 0,
    rest_address: report?.restAddress ?? '',
    grpc_address: report?.grpcAddress ?? '',
  };
}
