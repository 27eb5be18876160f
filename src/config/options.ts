import { readFileSync } from 'node:fs';
import { addressOf, isEveryInterface } from './addresses.ts';
import { asWritten, type GivenOption, gatherOptions, type OptionSources } from './given-options.ts';
import type { MemberOptions } from './member-options.ts';
import { optionRules } from './option-rules.ts';
import { token } from './option-schemas.ts';
import { type OptionName, type OptionSpec, type OptionValues, optionTable } from './option-table.ts';

export type { OptionSources } from './given-options.ts';
export type { MemberOptions } from './member-options.ts';

/** Everything that is wrong with the options, at once, a line each. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

const specs: readonly OptionSpec[] = optionTable;

/**
 * Flags win over variables, variables over the file, the file over defaults.
 * @throws OptionsError with every problem, naming each option in the form in which it was given
 */
export function readOptions(sources: OptionSources): MemberOptions {
  const problems: string[] = [];
  const given = gatherOptions(sources, problems);
  const values = parseValues(given, problems);
  problems.push(...brokenRules(values, given));
  const authToken = readToken(values, given, problems);
  if (problems.length > 0) throw new OptionsError(problems);
  // Without problems every option has its value.
  return assemble(values as OptionValues, authToken);
}

function parseValues(given: ReadonlyMap<string, GivenOption>, problems: string[]): Partial<OptionValues> {
  const values = new Map<string, unknown>();
  for (const spec of specs) {
    const option = given.get(spec.name);
    const parsed = spec.schema.safeParse(option?.text ?? spec.fallback);
    if (parsed.success) values.set(spec.name, parsed.data);
    else for (const { message } of parsed.error.issues) problems.push(`${asWritten(spec.name, option)}: ${message}`);
  }
  return Object.fromEntries(values);
}

/** Only of options that are fine alone. What the user gave stands before what is so by default. */
function brokenRules(values: Partial<OptionValues>, given: ReadonlyMap<string, GivenOption>): string[] {
  return optionRules
    .filter(({ involves }) => involves.every((name) => values[name] !== undefined))
    .filter(({ holds }) => !holds(values as OptionValues))
    .map(({ involves, reason }) => {
      const byDefault = (name: OptionName) => (given.has(name) ? 0 : 1);
      const named = [...involves].sort((a, b) => byDefault(a) - byDefault(b));
      return `${named.map((name) => asWritten(name, given.get(name))).join(' and ')}: ${reason}`;
    });
}

function readToken(
  values: Partial<OptionValues>,
  given: ReadonlyMap<string, GivenOption>,
  problems: string[],
): string | null {
  const file = values['auth-token-file'];
  if (!file) return values['auth-token'] ?? null;
  const source = asWritten('auth-token-file', given.get('auth-token-file'));
  try {
    const parsed = token.safeParse(readFileSync(file, 'utf8').trim());
    if (!parsed.success) problems.push(`${source}: the token in it ${parsed.error.issues[0]?.message}`);
    // An empty file is a secret that failed to arrive, not a wish for a registry without one.
    else if (parsed.data === null) problems.push(`${source}: the file is empty; write the token into it`);
    else return parsed.data;
  } catch (error) {
    problems.push(`${source}: the file cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  return null;
}

function assemble(values: OptionValues, authToken: string | null): MemberOptions {
  const { host, peers } = values;
  const [nodeId, peerPort] = [values['node-id'], values['peer-port']];
  const [restPort, grpcPort] = [values['rest-port'], values['grpc-port']];
  const reachableHost = isEveryInterface(host) ? 'localhost' : host;
  return {
    nodeId,
    clusterId: values['cluster-id'],
    peers: peers.size > 0 ? peers : new Map([[nodeId, addressOf(reachableHost, peerPort)]]),
    dataDir: values['data-dir'],
    storage: values.storage,
    logLevel: values['log-level'],
    host,
    restPort,
    grpcPort,
    peerPort,
    restAddress: values['rest-address'] || `http://${addressOf(reachableHost, restPort)}`,
    grpcAddress: values['grpc-address'] || addressOf(reachableHost, grpcPort),
    authToken,
    heartbeatIntervalSeconds: values['heartbeat-interval'],
    unhealthyAfterSeconds: values['unhealthy-after'],
    removeAfterSeconds: values['remove-after'],
    ttlMinSeconds: values['ttl-min'],
    ttlMaxSeconds: values['ttl-max'],
    validateDependencies: values['validate-dependencies'],
    tickMs: values['tick-ms'],
    raftHeartbeatMs: values['raft-heartbeat-ms'],
    electionTimeoutMs: values['election-timeout-ms'],
    snapshotEveryEntries: values['snapshot-every-entries'],
    snapshotEveryBytes: values['snapshot-every-bytes'],
    keepEntries: values['keep-entries'],
    requestTimeoutMs: values['request-timeout-ms'],
    leaderWaitMs: values['leader-wait-ms'],
    shutdownGraceMs: values['shutdown-grace-ms'],
  };
}
