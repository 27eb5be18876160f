import type { Server } from '@grpc/grpc-js';
import { HealthImplementation, type ServingStatus } from 'grpc-health-check';
import type { Logger } from 'pino';
import type { ClusterService } from '../../registry/service.ts';
import { clusterServiceName, registryServiceName } from '../wire/protocol.ts';

/** How old the health that `grpc.health.v1` tells may be. */
const refreshMs = 1_000;

/** `grpc.health.v1.Health`, kept level with the member's own report for those who watch it. */
export class HealthService {
  readonly #cluster: ClusterService;
  readonly #logger: Logger;
  readonly #health = new HealthImplementation({
    '': 'NOT_SERVING',
    [registryServiceName]: 'NOT_SERVING',
    [clusterServiceName]: 'SERVING',
  });
  #shown: ServingStatus = 'NOT_SERVING';
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(cluster: ClusterService, logger: Logger) {
    this.#cluster = cluster;
    this.#logger = logger;
  }

  addTo(server: Server): void {
    this.#health.addToServer(server);
  }

  /** Looks at once, and then again and again until `stop`. */
  async start(): Promise<void> {
    await this.#refresh();
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.start(), refreshMs).unref();
  }

  /** Tells those who watch that this server goes away. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#show('NOT_SERVING');
  }

  async #refresh(): Promise<void> {
    try {
      const { status } = await this.#cluster.health({ timeoutMs: refreshMs });
      if (!this.#stopped) this.#show(status === 'healthy' ? 'SERVING' : 'NOT_SERVING');
    } catch (error) {
      this.#logger.debug({ err: error }, 'could not tell the health of the registry');
      this.#show('NOT_SERVING');
    }
  }

  #show(status: ServingStatus): void {
    if (status === this.#shown) return;
    this.#shown = status;
    for (const service of ['', registryServiceName]) this.#health.setStatus(service, status);
  }
}
