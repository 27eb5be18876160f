import type { Logger } from 'pino';
import { createGrpcServer } from '../api/grpc/server.ts';
import { PrometheusMetrics } from '../api/metrics.ts';
import { createRestGateway } from '../api/rest/gateway.ts';
import type { MemberOptions } from '../config/options.ts';
import { Member } from '../node/member.ts';
import { SelfRegistration } from '../node/self-registration.ts';
import type { MemberSettings } from '../node/settings.ts';
import { systemClock, systemRandom } from '../node/system-environment.ts';
import { DurableStorage } from '../storage/durable-storage.ts';
import { levelStorage } from '../storage/level-storage.ts';
import { MemoryStore } from '../storage/memory-store.ts';
import { GrpcTransport } from '../transport/grpc-transport.ts';
import { version } from './version.ts';

/** Writes under way through one member. */
const maxPendingWrites = 10_000;

/** How long a member that stops waits to leave the list. */
const leaveMs = 1_000;

export interface RunningMember {
  /** Leaves the list, hands leadership over, ends what is under way. */
  stop(): Promise<void>;
  /** Resolves when the member cannot go on. */
  readonly failed: Promise<Error>;
}

/** Puts one member together and starts it: store, transport, member, faces. @throws when any of them cannot start */
export async function serveMember(options: MemberOptions, logger: Logger): Promise<RunningMember> {
  const metrics = new PrometheusMetrics();
  const member = await Member.start(settingsOf(options), {
    clock: systemClock,
    random: systemRandom,
    storage: options.storage === 'level' ? levelStorage(options.dataDir) : new DurableStorage(new MemoryStore()),
    transport: new GrpcTransport({
      listenAddress: `${options.host}:${options.peerPort}`,
      peers: options.peers,
    }),
    logger,
    metrics,
  });
  metrics.watchServices(member.cluster);
  metrics.watchMember(() => gaugesOf(member));

  const faces = {
    registry: member.registry,
    cluster: member.cluster,
    authToken: options.authToken,
    passTokenOn: false,
    logger,
    metrics,
  };
  const rest = createRestGateway(faces);
  const grpc = createGrpcServer(faces);
  try {
    await rest.listen({ host: options.host, port: options.restPort });
    await grpc.listen(`${options.host}:${options.grpcPort}`);
  } catch (error) {
    await Promise.allSettled([rest.close(), grpc.close(0)]);
    await member.stop();
    throw error;
  }
  const { nodeId, restAddress, grpcAddress } = options;
  const self = new SelfRegistration(
    member.registry,
    { nodeId, version, restAddress, grpcAddress, heartbeatIntervalMs: options.heartbeatIntervalSeconds * 1_000 },
    systemClock,
    logger,
  );
  self.start();
  return {
    failed: member.failed,
    async stop() {
      await self.stop(leaveMs);
      await Promise.all([rest.close(), grpc.close()]);
      await member.stop();
    },
  };
}

function settingsOf(options: MemberOptions): MemberSettings {
  return {
    ...options,
    initialVoters: [...options.peers.keys()].sort(),
    ttlPolicy: {
      heartbeatIntervalSeconds: options.heartbeatIntervalSeconds,
      unhealthyAfterSeconds: options.unhealthyAfterSeconds,
      removeAfterSeconds: options.removeAfterSeconds,
      minimumSeconds: options.ttlMinSeconds,
      maximumSeconds: options.ttlMaxSeconds,
    },
    maxPendingWrites,
    version,
  };
}

function gaugesOf(member: Member): Record<string, number> {
  const raft = member.status();
  return {
    raft_term: raft.term,
    raft_commit_index: raft.commitIndex,
    raft_applied_index: raft.appliedIndex,
    raft_last_index: raft.lastIndex,
    raft_snapshot_index: raft.snapshotIndex,
    raft_is_leader: raft.role === 'leader' ? 1 : 0,
    raft_has_leader: raft.leaderId === null ? 0 : 1,
    watchers: member.watchers,
  };
}
