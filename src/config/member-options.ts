/** The validated options of one member. Durations and sizes carry their unit in the name. */
export interface MemberOptions {
  readonly nodeId: string;
  readonly clusterId: string;
  /** Peer address by member, this one included. Read once, when the data directory is made; later only for the addresses. */
  readonly peers: ReadonlyMap<string, string>;
  readonly dataDir: string;
  readonly storage: 'level' | 'memory';
  readonly logLevel: string;
  /** The address to listen on, without brackets when it is an IPv6 address; see `addressOf`. */
  readonly host: string;
  readonly restPort: number;
  readonly grpcPort: number;
  readonly peerPort: number;
  /** Told to clients. */
  readonly restAddress: string;
  readonly grpcAddress: string;
  /** `null`: writes need none. */
  readonly authToken: string | null;
  readonly heartbeatIntervalSeconds: number;
  readonly unhealthyAfterSeconds: number;
  readonly removeAfterSeconds: number;
  readonly ttlMinSeconds: number;
  readonly ttlMaxSeconds: number;
  readonly validateDependencies: boolean;
  readonly tickMs: number;
  readonly raftHeartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly snapshotEveryEntries: number;
  readonly snapshotEveryBytes: number;
  readonly keepEntries: number;
  readonly requestTimeoutMs: number;
  readonly leaderWaitMs: number;
  readonly shutdownGraceMs: number;
}
