import { z } from 'zod';

/** One option of a member, in all the forms in which it can be given. */
export interface OptionSpec {
  /** kebab-case; the flag is `--NAME`, the variable `MANIFEST_NAME`, the key in a file `NAME`. */
  readonly name: string;
  readonly schema: z.ZodType<unknown>;
  /** As a person would type it; `null`: required. */
  readonly fallback: string | null;
  /** What the value is called in help texts, with its unit. */
  readonly placeholder: string;
  readonly description: string;
  readonly secret?: boolean;
}

const port = z.coerce
  .number({ error: 'must be a port number' })
  .int('must be a whole number')
  .min(1, 'must be between 1 and 65535')
  .max(65_535, 'must be between 1 and 65535');

const seconds = z.coerce
  .number({ error: 'must be a number of seconds' })
  .min(0.05, 'must be at least 0.05 seconds')
  .max(31_536_000, 'must be at most a year');

const milliseconds = z.coerce
  .number({ error: 'must be a number of milliseconds' })
  .int('must be a whole number of milliseconds')
  .min(1, 'must be at least 1 ms')
  .max(600_000, 'must be at most 600000 ms');

const count = z.coerce.number({ error: 'must be a number' }).int('must be a whole number').min(1, 'must be at least 1');

const name = z.string().regex(/^[a-zA-Z0-9-]{1,64}$/, 'may hold only letters, digits and hyphens, at most 64 of them');

const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no', ''], { error: 'must be true or false' })
  .transform((text) => text === 'true' || text === '1' || text === 'yes');

const text = z.string();

/** Every option of `chora-manifest serve`. Flags, variables, the file, help and documentation all come from here. */
export const optionTable = [
  {
    name: 'node-id',
    schema: name,
    fallback: 'node-1',
    placeholder: 'NAME',
    description: "This member's name, its own in the cluster for ever",
  },
  {
    name: 'cluster-id',
    schema: name,
    fallback: 'manifest',
    placeholder: 'NAME',
    description: "The cluster's name; members of another cluster are refused",
  },
  {
    name: 'peers',
    schema: text,
    fallback: '',
    placeholder: 'ID=HOST:PORT,…',
    description: 'All members of the cluster with their peer addresses, this one included; empty for a cluster of one',
  },
  {
    name: 'data-dir',
    schema: z.string().min(1, 'must not be empty'),
    fallback: '.manifest/data',
    placeholder: 'DIR',
    description: "Where this member's log and snapshots are kept",
  },
  {
    name: 'storage',
    schema: z.enum(['level', 'memory'], { error: 'must be "level" or "memory"' }),
    fallback: 'level',
    placeholder: 'KIND',
    description: '`level` for LevelDB; `memory` forgets everything at the end, for trials only',
  },
  {
    name: 'host',
    schema: z.string().min(1, 'must not be empty'),
    fallback: '127.0.0.1',
    placeholder: 'ADDRESS',
    description: 'The address to listen on; 0.0.0.0 for all',
  },
  { name: 'rest-port', schema: port, fallback: '8500', placeholder: 'PORT', description: 'REST for clients' },
  { name: 'grpc-port', schema: port, fallback: '8502', placeholder: 'PORT', description: 'gRPC for clients' },
  {
    name: 'peer-port',
    schema: port,
    fallback: '8503',
    placeholder: 'PORT',
    description: 'gRPC between members; keep it on a private network',
  },
  {
    name: 'rest-address',
    schema: text,
    fallback: '',
    placeholder: 'URL',
    description: 'The REST address that clients are told; http://HOST:REST-PORT by default',
  },
  {
    name: 'grpc-address',
    schema: text,
    fallback: '',
    placeholder: 'HOST:PORT',
    description: 'The gRPC address that clients are told; HOST:GRPC-PORT by default',
  },
  {
    name: 'auth-token',
    schema: text,
    fallback: '',
    placeholder: 'TOKEN',
    description:
      'Bearer token that writes must carry; empty for none. Prefer the variable to the flag: others can read your command line',
    secret: true,
  },
  {
    name: 'validate-dependencies',
    schema: flag,
    fallback: 'false',
    placeholder: 'true|false',
    description: 'Refuse a registration whose declared dependencies are not registered',
  },
  {
    name: 'heartbeat-interval',
    schema: seconds,
    fallback: '10',
    placeholder: 'SECONDS',
    description: 'The time between heartbeats that services are told',
  },
  {
    name: 'unhealthy-after',
    schema: seconds,
    fallback: '30',
    placeholder: 'SECONDS',
    description: 'Time without a heartbeat after which an instance is unhealthy',
  },
  {
    name: 'remove-after',
    schema: seconds,
    fallback: '60',
    placeholder: 'SECONDS',
    description: 'Time without a heartbeat after which an instance is removed',
  },
  {
    name: 'ttl-min',
    schema: seconds,
    fallback: '1',
    placeholder: 'SECONDS',
    description: 'The least lease time that an instance may ask for',
  },
  {
    name: 'ttl-max',
    schema: seconds,
    fallback: '86400',
    placeholder: 'SECONDS',
    description: 'The greatest lease time that an instance may ask for',
  },
  {
    name: 'tick',
    schema: milliseconds,
    fallback: '50',
    placeholder: 'MS',
    description: 'The step of all timers between members',
  },
  {
    name: 'raft-heartbeat',
    schema: milliseconds,
    fallback: '100',
    placeholder: 'MS',
    description: 'The time between heartbeats of a leader to its followers',
  },
  {
    name: 'election-timeout',
    schema: milliseconds,
    fallback: '500',
    placeholder: 'MS',
    description: 'A follower that hears nothing for one to two times this long campaigns',
  },
  {
    name: 'snapshot-every-entries',
    schema: count,
    fallback: '50000',
    placeholder: 'COUNT',
    description: 'A snapshot is taken after this many log entries',
  },
  {
    name: 'snapshot-every-bytes',
    schema: count,
    fallback: '67108864',
    placeholder: 'BYTES',
    description: 'or after this many bytes of them',
  },
  {
    name: 'keep-entries',
    schema: count,
    fallback: '5000',
    placeholder: 'COUNT',
    description: 'Entries kept before a snapshot, for members that lag a little',
  },
  {
    name: 'request-timeout',
    schema: milliseconds,
    fallback: '5000',
    placeholder: 'MS',
    description: 'A request fails after this',
  },
  {
    name: 'leader-wait',
    schema: milliseconds,
    fallback: '1500',
    placeholder: 'MS',
    description: 'How long a request waits for a leader',
  },
  {
    name: 'log-level',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'must be one of trace, debug, info, warn, error, fatal, silent',
    }),
    fallback: 'info',
    placeholder: 'LEVEL',
    description: 'How much to log',
  },
] as const satisfies readonly OptionSpec[];

export type OptionName = (typeof optionTable)[number]['name'];

export const variableOf = (optionName: string) => `MANIFEST_${optionName.toUpperCase().replaceAll('-', '_')}`;

/** Variables that clients read; a member leaves them alone. */
export const clientVariables: readonly string[] = ['MANIFEST_URL', 'MANIFEST_CONFIG'];
