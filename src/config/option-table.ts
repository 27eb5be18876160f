import type { z } from 'zod';
import type { MemberOptions } from './member-options.ts';
import * as schema from './option-schemas.ts';
import { peerList } from './peers.ts';

export type OptionSection = 'The member' | 'Addresses' | 'Security' | 'Health' | 'Consensus' | 'Snapshots' | 'Requests';

/** One option of a member, in all the forms in which it can be given. */
export interface OptionSpec {
  /** kebab-case; the flag is `--NAME`, the variable `MANIFEST_NAME`, the key in a file `NAME`. */
  readonly name: string;
  /** Where its value ends up; `null` for an option that only leads to another one's value. */
  readonly key: keyof MemberOptions | null;
  readonly section: OptionSection;
  /** From text to value. */
  readonly schema: z.ZodType<unknown, string>;
  /** As a person would type it. */
  readonly fallback: string;
  /** What the value is called in help texts; durations and sizes are called by their unit. */
  readonly placeholder: string;
  readonly description: string;
  /** Never shown, neither in errors nor in the configuration that is printed. */
  readonly secret?: boolean;
}

/** Every option of `chora-manifest serve`. Flags, variables, the file, help and documentation all come from here. */
export const optionTable = [
  {
    name: 'node-id',
    key: 'nodeId',
    section: 'The member',
    schema: schema.nodeName,
    fallback: 'node-1',
    placeholder: 'NAME',
    description: "this member's name, its own in the cluster for ever",
  },
  {
    name: 'cluster-id',
    key: 'clusterId',
    section: 'The member',
    schema: schema.clusterName,
    fallback: 'manifest',
    placeholder: 'NAME',
    description: "the cluster's name; members of other clusters are refused",
  },
  {
    name: 'peers',
    key: 'peers',
    section: 'The member',
    schema: peerList,
    fallback: '',
    placeholder: 'ID=HOST:PORT,…',
    description:
      'all members that begin the cluster with their peer addresses, this one included; none: a cluster of one',
  },
  {
    name: 'data-dir',
    key: 'dataDir',
    section: 'The member',
    schema: schema.nonEmpty('.manifest/data'),
    fallback: '.manifest/data',
    placeholder: 'DIR',
    description: "where this member's log and snapshots are kept; never shared with another member",
  },
  {
    name: 'storage',
    key: 'storage',
    section: 'The member',
    schema: schema.oneOf(['level', 'memory']),
    fallback: 'level',
    placeholder: 'KIND',
    description: '`level` (LevelDB) or `memory`, which forgets everything when the member ends: for trials only',
  },
  {
    name: 'log-level',
    key: 'logLevel',
    section: 'The member',
    schema: schema.oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    fallback: 'info',
    placeholder: 'LEVEL',
    description: 'how much to log: trace, debug, info, warn, error, fatal or silent',
  },
  {
    name: 'host',
    key: 'host',
    section: 'Addresses',
    schema: schema.listenHost,
    fallback: '127.0.0.1',
    placeholder: 'ADDRESS',
    description: 'the address to listen on; 0.0.0.0 for all',
  },
  {
    name: 'rest-port',
    key: 'restPort',
    section: 'Addresses',
    schema: schema.port,
    fallback: '8500',
    placeholder: 'PORT',
    description: 'REST, for clients',
  },
  {
    name: 'grpc-port',
    key: 'grpcPort',
    section: 'Addresses',
    schema: schema.port,
    fallback: '8502',
    placeholder: 'PORT',
    description: 'gRPC, for clients',
  },
  {
    name: 'peer-port',
    key: 'peerPort',
    section: 'Addresses',
    schema: schema.port,
    fallback: '8503',
    placeholder: 'PORT',
    description: 'gRPC between members; keep it on a private network',
  },
  {
    name: 'rest-address',
    key: 'restAddress',
    section: 'Addresses',
    schema: schema.optionalUrl,
    fallback: '',
    placeholder: 'URL',
    description: 'the REST address that clients are told; by default made from host and rest-port',
  },
  {
    name: 'grpc-address',
    key: 'grpcAddress',
    section: 'Addresses',
    schema: schema.optionalHostAndPort,
    fallback: '',
    placeholder: 'HOST:PORT',
    description: 'the gRPC address that clients are told; by default made from host and grpc-port',
  },
  {
    name: 'auth-token',
    key: 'authToken',
    section: 'Security',
    schema: schema.token,
    fallback: '',
    placeholder: 'TOKEN',
    description:
      'bearer token that writes must carry; none: anybody may write. As a flag, every user of the machine can read it',
    secret: true,
  },
  {
    name: 'auth-token-file',
    key: null,
    section: 'Security',
    schema: schema.path,
    fallback: '',
    placeholder: 'FILE',
    description: 'a file that holds the token, instead of auth-token',
  },
  {
    name: 'heartbeat-interval',
    key: 'heartbeatIntervalSeconds',
    section: 'Health',
    schema: schema.seconds,
    fallback: '10',
    placeholder: 'SECONDS',
    description: 'time between heartbeats that services are told to keep',
  },
  {
    name: 'unhealthy-after',
    key: 'unhealthyAfterSeconds',
    section: 'Health',
    schema: schema.seconds,
    fallback: '30',
    placeholder: 'SECONDS',
    description: 'time without a heartbeat after which an instance is unhealthy',
  },
  {
    name: 'remove-after',
    key: 'removeAfterSeconds',
    section: 'Health',
    schema: schema.seconds,
    fallback: '60',
    placeholder: 'SECONDS',
    description: 'time without a heartbeat after which an instance is removed',
  },
  {
    name: 'ttl-min',
    key: 'ttlMinSeconds',
    section: 'Health',
    schema: schema.seconds,
    fallback: '1',
    placeholder: 'SECONDS',
    description: 'the shortest lease time that an instance may ask for',
  },
  {
    name: 'ttl-max',
    key: 'ttlMaxSeconds',
    section: 'Health',
    schema: schema.seconds,
    fallback: '86400',
    placeholder: 'SECONDS',
    description: 'the longest lease time that an instance may ask for',
  },
  {
    name: 'validate-dependencies',
    key: 'validateDependencies',
    section: 'Health',
    schema: schema.trueOrFalse,
    fallback: 'false',
    placeholder: 'true|false',
    description: 'refuse a registration that declares a dependency which is not registered',
  },
  {
    name: 'tick-ms',
    key: 'tickMs',
    section: 'Consensus',
    schema: schema.milliseconds,
    fallback: '50',
    placeholder: 'MS',
    description: 'the step of all timers between members',
  },
  {
    name: 'raft-heartbeat-ms',
    key: 'raftHeartbeatMs',
    section: 'Consensus',
    schema: schema.milliseconds,
    fallback: '100',
    placeholder: 'MS',
    description: 'time between heartbeats from the leader to the other members',
  },
  {
    name: 'election-timeout-ms',
    key: 'electionTimeoutMs',
    section: 'Consensus',
    schema: schema.milliseconds,
    fallback: '500',
    placeholder: 'MS',
    description: 'a member that hears from no leader for one to two times this long asks to be elected',
  },
  {
    name: 'snapshot-every-entries',
    key: 'snapshotEveryEntries',
    section: 'Snapshots',
    schema: schema.wholeNumber({ unit: 'log entries', minimum: 1, maximum: 1_000_000_000 }),
    fallback: '50000',
    placeholder: 'COUNT',
    description:
      'a snapshot is taken after this many log entries, or as many as the last one had instances where that is more',
  },
  {
    name: 'snapshot-every-bytes',
    key: 'snapshotEveryBytes',
    section: 'Snapshots',
    schema: schema.wholeNumber({ unit: 'bytes', minimum: 1, maximum: 1_000_000_000_000 }),
    fallback: '67108864',
    placeholder: 'BYTES',
    description:
      'and after this many bytes of them, or as many as the last one had where that is more; whichever comes first',
  },
  {
    name: 'keep-entries',
    key: 'keepEntries',
    section: 'Snapshots',
    schema: schema.wholeNumber({ unit: 'log entries', minimum: 1, maximum: 1_000_000_000 }),
    fallback: '5000',
    placeholder: 'COUNT',
    description: 'log entries kept before a snapshot, so that a member that lags a little needs no snapshot',
  },
  {
    name: 'request-timeout-ms',
    key: 'requestTimeoutMs',
    section: 'Requests',
    schema: schema.milliseconds,
    fallback: '5000',
    placeholder: 'MS',
    description: 'a request fails after this long',
  },
  {
    name: 'leader-wait-ms',
    key: 'leaderWaitMs',
    section: 'Requests',
    schema: schema.milliseconds,
    fallback: '1500',
    placeholder: 'MS',
    description: 'how long a request waits for a leader before it is refused',
  },
  {
    name: 'shutdown-grace-ms',
    key: 'shutdownGraceMs',
    section: 'Requests',
    schema: schema.milliseconds,
    fallback: '10000',
    placeholder: 'MS',
    description: 'how long a member that was told to stop may take, also while it starts; then it ends at once',
  },
] as const satisfies readonly OptionSpec[];

type Specs = (typeof optionTable)[number];

export type OptionName = Specs['name'];

/** The value of each option, as its schema makes it. */
export type OptionValues = { readonly [S in Specs as S['name']]: z.output<S['schema']> };

export const variableOf = (optionName: string) => `MANIFEST_${optionName.toUpperCase().replaceAll('-', '_')}`;

/** Names the JSON file with options. */
export const configVariable = 'MANIFEST_CONFIG';

/** Read by clients and by the gateway; a member leaves them alone. */
export const variablesOfOthers: readonly string[] = ['MANIFEST_URL', 'MANIFEST_ENDPOINTS'];
