import type { SimulatedRandom } from '../simulation/random.ts';
import type { ChaosCluster } from './chaos-cluster.ts';
import type { LeaseWatch } from './leases.ts';
import type { Traffic } from './traffic.ts';

/** Where a fault happens. */
export interface Scene {
  readonly cluster: ChaosCluster;
  readonly traffic: Traffic;
  readonly leases: LeaseWatch;
  /** The fault's own source of chance: the plan's seed decides what it chooses. */
  readonly random: SimulatedRandom;
}

/** A fault under way. */
export interface ActiveFault {
  /** Whom it struck, and how, for the report: `node-2, which led`. */
  readonly what: string;
  /** Takes the fault back; members may need some time after it. Puts down a violation if the fault showed one. */
  heal(): Promise<void>;
}

/** What may go on at the same time: two faults of one kind would take each other back. */
export type FaultKind = 'process' | 'network' | 'clients' | 'disk' | 'clock';

export interface Fault {
  readonly name: string;
  readonly kind: FaultKind;
  /** A majority goes on meanwhile, so writes must be acknowledged while it lasts. */
  readonly keepsMajority: boolean;
  /** Instances may turn `unknown`, because nobody may be left who vouches for what happened before. */
  readonly mayColdStart: boolean;
  /** Why it cannot happen on this machine; `null` when it can. */
  impossible(cluster: ChaosCluster): string | null;
  /** Resolves when the fault is in force. @throws when it cannot be brought about */
  begin(scene: Scene): Promise<ActiveFault>;
}

/** What most faults have in common. */
export function fault(
  name: string,
  kind: FaultKind,
  begin: Fault['begin'],
  more: Partial<Pick<Fault, 'keepsMajority' | 'mayColdStart' | 'impossible'>> = {},
): Fault {
  return { name, kind, keepsMajority: true, mayColdStart: false, impossible: () => null, begin, ...more };
}

export function nameOf(member: number): string {
  return `node-${member + 1}`;
}

export function namesOf(members: readonly number[]): string {
  return members.map(nameOf).join(' and ');
}
