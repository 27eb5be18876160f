import type { Machine, Versions } from './machine.ts';
import type { Measured, StageSettings } from './scenario.ts';

/** What a run gives as JSON, and what the document is made from. */
export interface Results {
  /** RFC 3339. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly settings: StageSettings;
  readonly machine: Machine;
  readonly versions: Versions;
  readonly scenarios: readonly ScenarioResult[];
}

export interface ScenarioResult {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  /** Absent where the scenario could not be finished. */
  readonly measured?: Measured;
  readonly error?: string;
}
