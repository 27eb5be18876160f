import { readFileSync } from 'node:fs';
import { clientVariables, type OptionName, type OptionSpec, optionTable, variableOf } from './option-table.ts';

/** The validated options of one member. Durations carry their unit in the name. */
export interface MemberOptions {
  readonly nodeId: string;
  readonly clusterId: string;
  /** Peer address by member, this one included. */
  readonly peers: ReadonlyMap<string, string>;
  readonly dataDir: string;
  readonly storage: 'level' | 'memory';
  readonly host: string;
  readonly restPort: number;
  readonly grpcPort: number;
  readonly peerPort: number;
  readonly restAddress: string;
  readonly grpcAddress: string;
  /** `null`: writes need none. */
  readonly authToken: string | null;
  readonly validateDependencies: boolean;
  readonly heartbeatIntervalSeconds: number;
  readonly unhealthyAfterSeconds: number;
  readonly removeAfterSeconds: number;
  readonly ttlMinSeconds: number;
  readonly ttlMaxSeconds: number;
  readonly tickMs: number;
  readonly raftHeartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly snapshotEveryEntries: number;
  readonly snapshotEveryBytes: number;
  readonly keepEntries: number;
  readonly requestTimeoutMs: number;
  readonly leaderWaitMs: number;
  readonly logLevel: string;
}

/** Everything that is wrong with the options, at once, a line each. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

interface Given {
  readonly text: string;
  /** As the user wrote it: `--rest-port`, `MANIFEST_REST_PORT` or `rest-port in FILE`. */
  readonly source: string;
}

export interface OptionSources {
  /** By option name. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of a JSON file. */
  readonly configFile?: string | undefined;
}

const specs: readonly OptionSpec[] = optionTable;
const known = new Map(specs.map((spec) => [spec.name, spec]));

/**
 * Flags win over variables, variables over the file, the file over defaults.
 * @throws OptionsError with every problem, naming the option in the form in which it was given
 */
export function readOptions(sources: OptionSources): MemberOptions {
  const problems: string[] = [];
  const given = new Map<string, Given>();
  const file = sources.configFile ?? sources.environment.MANIFEST_CONFIG;
  if (file) readFile(file, given, problems);
  readEnvironment(sources.environment, given, problems);
  for (const [name, text] of Object.entries(sources.flags)) {
    if (text !== undefined) given.set(name, { text, source: `--${name}` });
  }
  const values = new Map<string, unknown>();
  for (const spec of specs) {
    const from = given.get(spec.name) ?? { text: spec.fallback ?? '', source: `--${spec.name}` };
    const parsed = spec.schema.safeParse(from.text);
    if (parsed.success) values.set(spec.name, parsed.data);
    else {
      const shown = spec.secret ? '(secret)' : JSON.stringify(from.text);
      problems.push(`${from.source}: ${parsed.error.issues[0]?.message ?? 'is not valid'}, not ${shown}`);
    }
  }
  if (problems.length > 0) throw new OptionsError(problems);
  return assemble(values, (name) => given.get(name)?.source ?? `--${name}`);
}

function readFile(path: string, given: Map<string, Given>, problems: string[]): void {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    problems.push(`--config: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    problems.push(`--config: ${path} must hold a JSON object such as {"rest-port": 8500}`);
    return;
  }
  for (const [name, value] of Object.entries(content)) {
    if (!known.has(name)) problems.push(`${name} in ${path}: is not an option${nearest(name, [...known.keys()])}`);
    else if (typeof value === 'object') problems.push(`${name} in ${path}: must be a string, a number or a boolean`);
    else given.set(name, { text: String(value), source: `${name} in ${path}` });
  }
}

function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  given: Map<string, Given>,
  problems: string[],
): void {
  const names = new Map(specs.map((spec) => [variableOf(spec.name), spec.name]));
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('MANIFEST_') || clientVariables.includes(variable) || text === undefined) continue;
    const name = names.get(variable);
    if (name) given.set(name, { text, source: variable });
    else problems.push(`${variable}: is not an option${nearest(variable, [...names.keys()])}`);
  }
}

function assemble(values: ReadonlyMap<string, unknown>, sourceOf: (name: OptionName) => string): MemberOptions {
  const get = <T>(name: OptionName) => values.get(name) as T;
  const problems: string[] = [];
  const nodeId = get<string>('node-id');
  const host = get<string>('host');
  const restPort = get<number>('rest-port');
  const grpcPort = get<number>('grpc-port');
  const peerPort = get<number>('peer-port');
  const reachableHost = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  const options: MemberOptions = {
    nodeId,
    clusterId: get('cluster-id'),
    peers: readPeers(get('peers'), nodeId, `${reachableHost}:${peerPort}`, sourceOf('peers'), problems),
    dataDir: get('data-dir'),
    storage: get('storage'),
    host,
    restPort,
    grpcPort,
    peerPort,
    restAddress: get<string>('rest-address') || `http://${reachableHost}:${restPort}`,
    grpcAddress: get<string>('grpc-address') || `${reachableHost}:${grpcPort}`,
    authToken: get<string>('auth-token') || null,
    validateDependencies: get('validate-dependencies'),
    heartbeatIntervalSeconds: get('heartbeat-interval'),
    unhealthyAfterSeconds: get('unhealthy-after'),
    removeAfterSeconds: get('remove-after'),
    ttlMinSeconds: get('ttl-min'),
    ttlMaxSeconds: get('ttl-max'),
    tickMs: get('tick'),
    raftHeartbeatMs: get('raft-heartbeat'),
    electionTimeoutMs: get('election-timeout'),
    snapshotEveryEntries: get('snapshot-every-entries'),
    snapshotEveryBytes: get('snapshot-every-bytes'),
    keepEntries: get('keep-entries'),
    requestTimeoutMs: get('request-timeout'),
    leaderWaitMs: get('leader-wait'),
    logLevel: get('log-level'),
  };
  problems.push(...contradictions(options, sourceOf));
  if (problems.length > 0) throw new OptionsError(problems);
  return options;
}

/** Values that are fine alone and impossible together, each with the reason. */
function contradictions(options: MemberOptions, sourceOf: (name: OptionName) => string): string[] {
  const problems: string[] = [];
  const ports = [options.restPort, options.grpcPort, options.peerPort];
  if (new Set(ports).size < ports.length) {
    problems.push(`${sourceOf('rest-port')}: REST, gRPC and peers need three different ports, not ${ports.join(', ')}`);
  }
  if (options.heartbeatIntervalSeconds >= options.unhealthyAfterSeconds) {
    problems.push(
      `${sourceOf('heartbeat-interval')}: must be less than unhealthy-after (${options.unhealthyAfterSeconds} s), or every instance turns unhealthy between two heartbeats`,
    );
  }
  if (options.unhealthyAfterSeconds >= options.removeAfterSeconds) {
    problems.push(
      `${sourceOf('unhealthy-after')}: must be less than remove-after (${options.removeAfterSeconds} s), or an instance is removed before it is unhealthy`,
    );
  }
  if (options.ttlMinSeconds > options.ttlMaxSeconds) {
    problems.push(`${sourceOf('ttl-min')}: must not be greater than ttl-max (${options.ttlMaxSeconds} s)`);
  }
  if (options.raftHeartbeatMs < options.tickMs) {
    problems.push(`${sourceOf('raft-heartbeat')}: must be at least one tick (${options.tickMs} ms)`);
  }
  if (options.electionTimeoutMs < 3 * options.raftHeartbeatMs) {
    problems.push(
      `${sourceOf('election-timeout')}: must be at least three times raft-heartbeat (${options.raftHeartbeatMs} ms), or one lost message unseats a leader`,
    );
  }
  return problems;
}

function readPeers(
  text: string,
  nodeId: string,
  ownAddress: string,
  source: string,
  problems: string[],
): ReadonlyMap<string, string> {
  const peers = new Map<string, string>();
  for (const part of text.split(',').filter((each) => each.trim() !== '')) {
    const match = /^\s*([a-zA-Z0-9-]{1,64})=([^\s=,]+:\d{1,5})\s*$/.exec(part);
    const [, id, address] = match ?? [];
    if (id === undefined || address === undefined) {
      problems.push(`${source}: must be like "node-1=host:8503,node-2=host:8503", not ${JSON.stringify(part)}`);
    } else if (peers.has(id)) {
      problems.push(`${source}: names ${id} twice`);
    } else if ([...peers.values()].includes(address)) {
      problems.push(`${source}: gives the address ${address} to two members`);
    } else peers.set(id, address);
  }
  if (peers.size === 0) peers.set(nodeId, ownAddress);
  else if (!peers.has(nodeId)) {
    problems.push(`${source}: must name this member, ${nodeId}, too; it names ${[...peers.keys()].join(', ')}`);
  }
  return peers;
}

/** The options as they are in force, without secrets. */
export function describeOptions(options: MemberOptions): Record<string, unknown> {
  return {
    ...options,
    peers: Object.fromEntries(options.peers),
    authToken: options.authToken === null ? '(none)' : '(set)',
  };
}

/** What an operator should know and may well intend. */
export function warningsOf(options: MemberOptions): string[] {
  const warnings: string[] = [];
  if (options.peers.size % 2 === 0) {
    warnings.push(
      `${options.peers.size} members survive no more failures than ${options.peers.size - 1}: prefer an odd number`,
    );
  }
  if (options.peers.size < 3) warnings.push(`a cluster of ${options.peers.size} stops with its first failure`);
  if (options.authToken === null && !/^(127\.|localhost$|::1$)/.test(options.host)) {
    warnings.push('anybody who reaches this member may write: set MANIFEST_AUTH_TOKEN');
  }
  if (options.storage === 'memory') warnings.push('storage is memory: this member forgets everything when it ends');
  return warnings;
}

function nearest(name: string, candidates: readonly string[]): string {
  const [best] = candidates
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, name.length / 3) ? `; did you mean ${best.candidate}?` : '';
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
