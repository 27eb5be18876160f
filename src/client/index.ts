/** The public entry of the package: a client of the registry over gRPC, and the shapes it speaks. */

export type {
  DependencyEdge,
  DependencyGraph,
  MissingService,
  RelatedService,
  ServiceHealth,
  ServiceNode,
} from '../registry/dependencies.ts';
export { related } from '../registry/dependencies.ts';
export { type ErrorCode, type ErrorFacts, RegistryError } from '../registry/errors.ts';
export type {
  ChangeEvent,
  ChangeType,
  DeregistrationResult,
  Environment,
  HeartbeatFailure,
  HeartbeatResult,
  HeartbeatsResult,
  HeartbeatTarget,
  InstanceRecord,
  Metadata,
  QueryableStatus,
  Registration,
  RegistrationResult,
  Status,
  Ttl,
  WatchEvent,
  WatchedRecord,
} from '../registry/records.ts';
export type {
  CallOptions,
  ClusterService,
  ClusterStatus,
  Consistency,
  HealthReport,
  Hold,
  InstanceFilter,
  InstancePage,
  ListQuery,
  MemberStatus,
  ReadAnswer,
  ReadOptions,
  RegistryService,
  StatusOptions,
  WatchOptions,
  WatchQuery,
} from '../registry/service.ts';
export type { RegistrationBody } from '../registry/validation.ts';
export type { ClientCallOptions } from './caller.ts';
export type { ViewChange } from './change-feed.ts';
export { DependenciesNotReadyError, type Resolved, type UnhealthyService, type WaitOptions } from './discovery.ts';
export { type GrpcClientOptions, ManifestGrpcClient } from './grpc-client.ts';
export { type KeepOptions, KeptRegistration, type KeptState, type StopReport } from './kept-registration.ts';
export { type FollowOptions, ServiceView, type ViewState } from './service-view.ts';
