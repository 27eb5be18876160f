import type { Logger } from 'pino';
import type { ClusterService, RegistryService } from '../registry/service.ts';
import type { ApiMetrics } from './api-metrics.ts';

/** What REST and gRPC alike are made of. */
export interface FaceOptions {
  readonly registry: RegistryService;
  readonly cluster: ClusterService;
  /** Bearer token that writes must show; `null` when they need none. */
  readonly authToken: string | null;
  /** Hand the caller's token on to `registry`: for a gateway in front of members that check it. */
  readonly passTokenOn: boolean;
  readonly logger: Logger;
  readonly metrics?: ApiMetrics | undefined;
  readonly limits?: Partial<FaceLimits> | undefined;
}

export interface FaceLimits {
  /** Requests under way at once; a fifth is kept for heartbeats. */
  readonly requestsInFlight: number;
  /** Body of a request about one instance. The record in it has a limit of its own. */
  readonly bodyBytes: number;
  /** Body of a batch of heartbeats. */
  readonly heartbeatsBodyBytes: number;
  readonly heartbeatsPerRequest: number;
  /** A request must have arrived whole within this time. */
  readonly receiveTimeoutMs: number;
  readonly connections: number;
}

const defaultLimits: FaceLimits = {
  requestsInFlight: 10_000,
  bodyBytes: 64 * 1024,
  heartbeatsBodyBytes: 1024 * 1024,
  heartbeatsPerRequest: 5_000,
  receiveTimeoutMs: 30_000,
  connections: 16_384,
};

export function completeLimits(limits: Partial<FaceLimits> = {}): FaceLimits {
  return { ...defaultLimits, ...limits };
}
