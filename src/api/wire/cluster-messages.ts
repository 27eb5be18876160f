import type { ClusterStatus, HealthReport, MemberStatus } from '../../registry/service.ts';

/** The messages of `proto/cluster.proto`: what is `null` in the registry's own shapes is absent in them. */

export interface StatusRequest {
  readonly state_hash?: boolean;
}

type MemberMessage = Omit<MemberStatus, 'lag'> & { readonly lag?: number };

export interface StatusResponse extends Omit<ClusterStatus, 'leader' | 'members' | 'state'> {
  readonly leader?: string;
  readonly members: readonly MemberMessage[];
  readonly state: { readonly applied_index: number; readonly revision: number; readonly hash?: string } | null;
}

export type HealthResponse = Omit<HealthReport, 'leader'> & { readonly leader?: string };

export function toStatusResponse({ leader, members, state, ...status }: ClusterStatus): StatusResponse {
  const { hash, ...indexes } = state;
  return {
    ...status,
    ...(leader === null ? {} : { leader }),
    members: members.map(({ lag, ...member }) => ({ ...member, ...(lag === null ? {} : { lag }) })),
    state: { ...indexes, ...(hash === null ? {} : { hash }) },
  };
}

export function fromStatusResponse({ cluster_id, node, leader, term, members, state }: StatusResponse): ClusterStatus {
  return {
    cluster_id,
    node,
    leader: leader ?? null,
    term,
    members: members.map((member) => ({
      id: member.id,
      role: member.role,
      reachable: member.reachable,
      voter: member.voter,
      term: member.term,
      commit_index: member.commit_index,
      applied_index: member.applied_index,
      lag: member.lag ?? null,
      version: member.version,
      uptime_seconds: member.uptime_seconds,
      rest_address: member.rest_address,
      grpc_address: member.grpc_address,
    })),
    state: {
      applied_index: state?.applied_index ?? 0,
      revision: state?.revision ?? 0,
      hash: state?.hash ?? null,
    },
  };
}

export function toHealthResponse({ leader, ...report }: HealthReport): HealthResponse {
  return { ...report, ...(leader === null ? {} : { leader }) };
}

export function fromHealthResponse(response: HealthResponse): HealthReport {
  return {
    status: response.status,
    ...(response.reason === undefined ? {} : { reason: response.reason }),
    version: response.version,
    uptime_seconds: response.uptime_seconds,
    services_registered: response.services_registered,
    services_healthy: response.services_healthy,
    services_unhealthy: response.services_unhealthy,
    services_unknown: response.services_unknown,
    storage_backend: response.storage_backend,
    storage_healthy: response.storage_healthy,
    node: response.node,
    leader: response.leader ?? null,
    term: response.term,
  };
}
