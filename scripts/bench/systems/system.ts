/** A cluster that is measured: real processes, each member with its own data directory. */
export interface System {
  readonly name: SystemName;
  /** `host:port` of each member, for gRPC clients. */
  readonly grpcTargets: readonly string[];
  /** For REST clients; empty when it has no REST of its own. */
  readonly restTargets: readonly string[];
  /** Process ids of the members that run. */
  pids(): number[];
  /** Position of the leader. @throws when there is none for a long time */
  leader(): Promise<number>;
  /** Grows with each election. */
  term(): Promise<number>;
  /** The revision that a linearizable read shows now. */
  revision(): Promise<number>;
  /** Requests that the members have answered since they started, by their own count. */
  handled(): Promise<Handled>;
  startMember(position: number): void;
  /** Resolves when the process is gone. */
  killMember(position: number): Promise<void>;
  /** Every running member answers linearizable reads. */
  ready(timeoutMs?: number): Promise<void>;
  /** Stops the processes where they are, so that they cost nothing while the other system is measured. */
  pause(): void;
  resume(): Promise<void>;
  dataDirectory(position: number): string;
  /** The end of what a member has logged. */
  lastWords(position: number): string;
  /** Ends every process and removes the data. */
  stop(): Promise<void>;
}

export type SystemName = 'manifest' | 'etcd';

export interface Handled {
  readonly ok: number;
  readonly failed: number;
}
