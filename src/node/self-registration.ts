import type { Logger } from 'pino';
import { RegistryError } from '../registry/errors.ts';
import type { RegistryService } from '../registry/service.ts';
import type { Clock } from './environment.ts';

/** After a failed attempt. */
const retryMs = 1_000;

export interface SelfDescription {
  readonly nodeId: string;
  readonly version: string;
  readonly restAddress: string;
  readonly grpcAddress: string;
  readonly heartbeatIntervalMs: number;
}

/** Keeps this member listed as an instance of the service `manifest`, as any other service would. */
export class SelfRegistration {
  readonly #registry: RegistryService;
  readonly #self: SelfDescription;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #registered = false;
  /** A registration was sent, whatever became of it. */
  #mayBeListed = false;
  #cancelTimer: (() => void) | null = null;
  #stopped = false;

  constructor(registry: RegistryService, self: SelfDescription, clock: Clock, logger: Logger) {
    this.#registry = registry;
    this.#self = self;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Begins at once and goes on until `stop`; never throws. */
  start(): void {
    void this.#beat();
  }

  get #target(): { readonly name: string; readonly id: string } {
    return { name: 'manifest', id: `manifest-${this.#self.nodeId}` };
  }

  async #beat(): Promise<void> {
    let delayMs = this.#self.heartbeatIntervalMs;
    try {
      if (this.#registered) await this.#registry.heartbeat(this.#target);
      else await this.#register();
    } catch (error) {
      // Gone from the list, as after a long partition: register anew.
      if (error instanceof RegistryError && !error.retryable) this.#registered = false;
      delayMs = Math.min(retryMs, delayMs);
      this.#logger.debug({ err: error }, 'could not renew this member in the registry');
    }
    if (!this.#stopped) this.#cancelTimer = this.#clock.after(delayMs, () => void this.#beat());
  }

  async #register(): Promise<void> {
    const { nodeId, version, restAddress, grpcAddress } = this.#self;
    const interfaces: Record<string, string> = { CLI: 'chora-manifest' };
    if (restAddress) interfaces.REST = restAddress;
    if (grpcAddress) interfaces.gRPC = grpcAddress;
    this.#mayBeListed = true;
    await this.#registry.register({
      ...this.#target,
      version,
      interfaces,
      metadata: {
        description: `Registry member ${nodeId}`,
        tags: ['core', 'registry'],
        // Where Prometheus finds them.
        metrics_path: '/v1/metrics',
      },
    });
    this.#registered = true;
  }

  /** Ends the heartbeats and leaves the list. Gives up after `timeoutMs`: the lease runs out by itself. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    // A registration under way is applied before the deregistration that follows it, and would outlive this member.
    if (!this.#mayBeListed) return;
    this.#mayBeListed = false;
    try {
      await this.#registry.deregister(this.#target, { timeoutMs });
    } catch (error) {
      this.#logger.info({ err: error }, 'left without deregistering this member');
    }
  }
}
