import { RegistryError } from '../registry/errors.ts';
import type { RegistryService } from '../registry/service.ts';
import type { ApiMetrics } from './api-metrics.ts';
import { errorTable } from './error-table.ts';

export type HeartbeatService = Pick<RegistryService, 'heartbeat' | 'heartbeats'>;

/** Passes heartbeats on and reports what became of them. */
export function countHeartbeats(registry: RegistryService, metrics: ApiMetrics | undefined): HeartbeatService {
  if (!metrics) return registry;
  return {
    async heartbeat(target, options) {
      try {
        const result = await registry.heartbeat(target, options);
        metrics.heartbeatAnswered(1, 0);
        return result;
      } catch (error) {
        if (!isCallersMistake(error)) metrics.heartbeatAnswered(0, 1);
        throw error;
      }
    },
    async heartbeats(targets, options) {
      try {
        const result = await registry.heartbeats(targets, options);
        metrics.heartbeatAnswered(result.renewed, result.failed.length);
        return result;
      } catch (error) {
        if (!isCallersMistake(error)) metrics.heartbeatAnswered(0, targets.length);
        throw error;
      }
    },
  };
}

/** A request that names no instance, or no token, says nothing about the health of the fleet. */
function isCallersMistake(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return false;
  const { http } = errorTable[error.code];
  return http >= 400 && http <= 403;
}
