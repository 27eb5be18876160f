import type { Generators } from './load/generators.ts';
import type { LoadPlan, LoadResult, PacedPlan, PacedResult } from './load/load.ts';
import type { Stage, StageSettings } from './scenario.ts';
import { EtcdSystem } from './systems/etcd-system.ts';
import { type ManifestOptions, ManifestSystem } from './systems/manifest-system.ts';
import type { System } from './systems/system.ts';

export interface RunStageOptions {
  readonly settings: StageSettings;
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly generators: Generators;
  readonly withEtcd: boolean;
  readonly cpuProfileDirectory?: string | undefined;
  readonly say: (line: string) => void;
}

/** The stage of one scenario, with real processes on it. */
export class RunStage implements Stage {
  readonly settings: StageSettings;
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly #options: RunStageOptions;
  readonly #systems: System[] = [];
  readonly #paused = new Set<System>();

  constructor(options: RunStageOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.directory = options.directory;
    this.signal = options.signal;
  }

  say(line: string): void {
    this.#options.say(line);
  }

  async startManifest(options: ManifestOptions = {}): Promise<ManifestSystem> {
    this.signal.throwIfAborted();
    const { cpuProfileDirectory } = this.#options;
    const system = await ManifestSystem.start({ cpuProfileDirectory, ...options });
    this.#systems.push(system);
    return system;
  }

  async startEtcd(options: { readonly members?: number } = {}): Promise<EtcdSystem | null> {
    this.signal.throwIfAborted();
    if (!this.#options.withEtcd) return null;
    const system = await EtcdSystem.start(options);
    this.#systems.push(system);
    return system;
  }

  async onlyRuns(system: System): Promise<void> {
    for (const other of this.#systems) {
      if (other === system || this.#paused.has(other)) continue;
      other.pause();
      this.#paused.add(other);
    }
    if (!this.#paused.delete(system)) return;
    await system.resume();
  }

  load(plan: LoadPlan): Promise<LoadResult> {
    this.signal.throwIfAborted();
    return this.#options.generators.run(plan);
  }

  pacedLoad(plan: PacedPlan, measuring: () => void): Promise<PacedResult> {
    this.signal.throwIfAborted();
    return this.#options.generators.runPaced(plan, measuring);
  }

  async end(...systems: readonly (System | null)[]): Promise<void> {
    await Promise.all(
      systems.map(async (system) => {
        if (system === null || !this.#systems.includes(system)) return;
        this.#systems.splice(this.#systems.indexOf(system), 1);
        await system.stop();
      }),
    );
  }

  endAll(): Promise<void> {
    return this.end(...this.#systems);
  }
}
