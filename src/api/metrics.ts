import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MemberMetrics } from '../node/member-metrics.ts';
import { RegistryError } from '../registry/errors.ts';
import type { ClusterService } from '../registry/service.ts';
import type { ApiMetrics } from './api-metrics.ts';
import { SuccessWindow } from './success-window.ts';

/** Values that are read when somebody asks, by metric name without the prefix. */
export type GaugeReader = () => Readonly<Record<string, number>>;

/** A scrape waits for about ten seconds, and is to have the other metrics in time when no member answers. */
const healthTimeoutMs = 2_000;

/** Everything that `GET /v1/metrics` shows, in a registry of its own. */
export class PrometheusMetrics implements MemberMetrics, ApiMetrics {
  readonly #registry = new Registry();
  readonly #httpRequests: Counter;
  readonly #httpDuration: Histogram;
  readonly #grpcRequests: Counter;
  readonly #writeDuration: Histogram;
  readonly #entriesPerWrite: Histogram;
  readonly #bytesPerWrite: Histogram;
  readonly #loopDelay: Histogram;
  readonly #expiries: Counter;
  readonly #elections: Counter;
  readonly #leaderChanges: Counter;
  readonly #snapshots: Histogram;
  readonly #forwarded: Counter;
  readonly #heartbeats: SuccessWindow;

  /** @param nowMs a clock that never goes back */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#heartbeats = new SuccessWindow(nowMs);
    const registers = [this.#registry];
    const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
    this.#httpRequests = new Counter({
      name: 'manifest_http_requests_total',
      help: 'HTTP requests answered',
      labelNames: ['endpoint', 'method', 'status'],
      registers,
    });
    this.#httpDuration = new Histogram({
      name: 'manifest_http_request_duration_seconds',
      help: 'Time from the request to its answer',
      labelNames: ['endpoint', 'method'],
      buckets: seconds,
      registers,
    });
    this.#grpcRequests = new Counter({
      name: 'manifest_grpc_requests_total',
      help: 'gRPC calls answered',
      labelNames: ['method', 'code'],
      registers,
    });
    this.#writeDuration = new Histogram({
      name: 'manifest_storage_write_duration_seconds',
      help: 'Time of one synced write to the log',
      buckets: seconds,
      registers,
    });
    this.#entriesPerWrite = new Histogram({
      name: 'manifest_storage_write_entries',
      help: 'Log entries in one synced write',
      buckets: [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    });
    this.#bytesPerWrite = new Histogram({
      name: 'manifest_storage_write_bytes',
      help: 'Payload bytes in one synced write',
      buckets: [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576],
      registers,
    });
    this.#loopDelay = new Histogram({
      name: 'manifest_event_loop_delay_seconds',
      help: 'How much later than planned a timer ran',
      buckets: seconds,
      registers,
    });
    this.#expiries = new Counter({
      name: 'manifest_expiries_total',
      help: 'Instances whose heartbeats stopped',
      labelNames: ['to'],
      registers,
    });
    this.#elections = new Counter({
      name: 'manifest_elections_total',
      help: 'Elections that this member began',
      registers,
    });
    this.#leaderChanges = new Counter({
      name: 'manifest_leader_changes_total',
      help: 'Changes of leader that this member saw',
      registers,
    });
    this.#snapshots = new Histogram({
      name: 'manifest_snapshot_duration_seconds',
      help: 'Time to take a snapshot',
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
      registers,
    });
    this.#forwarded = new Counter({
      name: 'manifest_forwarded_commands_total',
      help: 'Writes that other members handed to this one',
      registers,
    });
    const successRate: Gauge = new Gauge({
      name: 'manifest_heartbeat_success_rate',
      help: 'Share of the heartbeats of the last minute that succeeded; 1 without any',
      registers,
      collect: () => successRate.set(this.#heartbeats.share()),
    });
  }

  /** Shows how many instances there are of each status. */
  watchServices(cluster: ClusterService): void {
    const gauge: Gauge = new Gauge({
      name: 'manifest_services_total',
      help: 'Listed instances by status',
      labelNames: ['status'],
      registers: [this.#registry],
      async collect() {
        gauge.reset();
        const health = await cluster.health({ timeoutMs: healthTimeoutMs }).catch(nothingWhenUnavailable);
        if (!health) return;
        gauge.set({ status: 'up' }, health.services_healthy);
        gauge.set({ status: 'unhealthy' }, health.services_unhealthy);
        gauge.set({ status: 'unknown' }, health.services_unknown);
      },
    });
  }

  /** Shows each value that `read` gives as `manifest_NAME`. */
  watchMember(read: GaugeReader): void {
    for (const name of Object.keys(read())) {
      const gauge: Gauge = new Gauge({
        name: `manifest_${name}`,
        help: `This member's ${name.replaceAll('_', ' ')}`,
        registers: [this.#registry],
        collect: () => gauge.set(read()[name] ?? Number.NaN),
      });
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  render(): Promise<string> {
    return this.#registry.metrics();
  }

  /** @param endpoint the route's pattern, so that no client can make up labels */
  httpAnswered(endpoint: string, method: string, status: number, durationSeconds: number): void {
    this.#httpRequests.inc({ endpoint, method, status: String(status) });
    this.#httpDuration.observe({ endpoint, method }, durationSeconds);
  }

  grpcAnswered(method: string, code: number): void {
    this.#grpcRequests.inc({ method, code: String(code) });
  }

  heartbeatAnswered(succeeded: number, failed: number): void {
    this.#heartbeats.add(succeeded, failed);
  }

  writeCompleted(durationMs: number, entries: number, sizeBytes: number): void {
    this.#writeDuration.observe(durationMs / 1_000);
    this.#entriesPerWrite.observe(entries);
    this.#bytesPerWrite.observe(sizeBytes);
  }

  eventLoopDelay(delayMs: number): void {
    this.#loopDelay.observe(delayMs / 1_000);
  }

  expired(to: 'unhealthy' | 'removed', count: number): void {
    this.#expiries.inc({ to }, count);
  }

  electionStarted(): void {
    this.#elections.inc();
  }

  leaderChanged(): void {
    this.#leaderChanges.inc();
  }

  snapshotTaken(durationMs: number): void {
    this.#snapshots.observe(durationMs / 1_000);
  }

  forwarded(count: number): void {
    this.#forwarded.inc(count);
  }
}

/** A gateway that reaches no member shows its other metrics all the same. */
function nothingWhenUnavailable(error: unknown): null {
  if (error instanceof RegistryError) return null;
  throw error;
}
