import type { LoadPlan, LoadResult, PacedPlan, PacedResult } from './load/load.ts';
import type { EtcdSystem } from './systems/etcd-system.ts';
import type { ManifestOptions, ManifestSystem } from './systems/manifest-system.ts';
import type { System } from './systems/system.ts';

/** One measurement of the benchmark, in a file of its own under `scenarios/`. */
export interface Scenario {
  /** As `--only` takes it. */
  readonly name: string;
  readonly title: string;
  /** Part of the quick mode. */
  readonly quick: boolean;
  run(stage: Stage): Promise<Measured>;
}

/** What a scenario works with. All that it starts is ended after it, whatever happens. */
export interface Stage {
  readonly settings: StageSettings;
  /** On the disk that is measured; emptied after the scenario. */
  readonly directory: string;
  /** Aborted when the benchmark is interrupted. */
  readonly signal: AbortSignal;
  say(line: string): void;
  startManifest(options?: ManifestOptions): Promise<ManifestSystem>;
  /** `null`: it is not to be compared with, or not installed. */
  startEtcd(options?: { readonly members?: number }): Promise<EtcdSystem | null>;
  /** Ends systems before the scenario does, to make room for others. */
  end(...systems: readonly (System | null)[]): Promise<void>;
  /** Stops the other systems of the scenario where they are, and lets this one go on. */
  onlyRuns(system: System): Promise<void>;
  /** Asks with the generator that fits: wrk, h2load or the own one. @throws Error when any answer is wrong */
  load(plan: LoadPlan): Promise<LoadResult>;
  /** Failures are among the results. @param measuring called when the warm-up is over. @throws Error when a connection breaks */
  pacedLoad(plan: PacedPlan, measuring: () => void): Promise<PacedResult>;
}

export interface StageSettings {
  readonly quick: boolean;
  /** How often each measurement is repeated, the systems in turn. */
  readonly rounds: number;
  readonly durationMs: number;
  /** Before each measurement. */
  readonly warmUpMs: number;
}

/** What came out, ready to be shown: a table, the goals, and lines for plots. */
export interface Measured {
  /** How it was measured, in sentences. */
  readonly method: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
  readonly series?: readonly Series[];
}

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly unit?: string;
}

export interface Row {
  readonly case: string;
  readonly system: string;
  readonly operation: string;
  /** By column key; medians where there were several rounds. */
  readonly values: Readonly<Record<string, number | string | null>>;
  readonly rounds?: readonly Readonly<Record<string, number>>[];
}

export interface Goal {
  readonly text: string;
  /** As people read them, with units. */
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

/** A plot: lines of points, each a name and its values over x. */
export interface Series {
  readonly name: string;
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly xScale: 'linear' | 'logarithmic';
  readonly lines: readonly { readonly name: string; readonly points: readonly (readonly [number, number])[] }[];
}
