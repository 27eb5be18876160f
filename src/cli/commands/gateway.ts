import { type Command, Option } from 'commander';
import { PrometheusMetrics } from '../../api/metrics.ts';
import { createRestGateway } from '../../api/rest/gateway.ts';
import { ManifestGrpcClient } from '../../client/grpc-client.ts';
import { addressOf } from '../../config/addresses.ts';
import { createLogger } from '../../config/logger.ts';
import { isHostAndPort, listenHost, oneOf, port } from '../../config/option-schemas.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { explainStartFailure } from '../start-failure.ts';
import { watchStopSignals, within } from '../stop-signals.ts';
import { version } from '../version.ts';

interface GatewayFlags {
  readonly endpoints?: string;
  readonly host: string;
  readonly port: string;
  readonly logLevel: string;
}

export interface GatewayOptions {
  readonly endpoints: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
}

/** Requests under way get this long to be answered when the gateway stops. */
const shutdownGraceMs = 10_000;

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export function addGatewayCommand(program: Command): void {
  program
    .command('gateway')
    .summary('serve REST in front of a cluster, without being a member')
    .description(
      'Serves REST in front of a cluster, without being a member: it keeps nothing and passes tokens on to the members, which check them.',
    )
    .addOption(
      new Option('--endpoints <HOST:PORT,…>', 'gRPC addresses of the members, tried in turn').env('MANIFEST_ENDPOINTS'),
    )
    .option('--host <ADDRESS>', 'the address to listen on; 0.0.0.0 for all', '127.0.0.1')
    .option('--port <PORT>', 'REST, for clients', '8500')
    .option('--log-level <LEVEL>', 'how much to log', 'info')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest gateway --endpoints 10.0.0.1:8502,10.0.0.2:8502,10.0.0.3:8502
  $ chora-manifest gateway --endpoints localhost:8502,localhost:8512,localhost:8522 --port 8600

Exit codes:
  0 stopped as told   1 could not start or go on   2 the options cannot be used`,
    )
    .action((flags: GatewayFlags) => gateway(gatewayOptionsFrom(flags)));
}

/** @throws CommandError with every problem */
export function gatewayOptionsFrom(flags: GatewayFlags): GatewayOptions {
  const problems: string[] = [];
  const endpoints = (flags.endpoints ?? '')
    .split(',')
    .map((endpoint) => endpoint.trim())
    .filter((endpoint) => endpoint !== '');
  if (endpoints.length === 0) {
    problems.push('--endpoints (or MANIFEST_ENDPOINTS): name at least one member, such as "10.0.0.1:8502"');
  }
  for (const endpoint of endpoints) {
    if (!isHostAndPort(endpoint))
      problems.push(`--endpoints: "${endpoint}" must be HOST:PORT, such as "10.0.0.1:8502"`);
  }
  const checked = {
    host: listenHost.safeParse(flags.host),
    port: port.safeParse(flags.port),
    logLevel: oneOf(logLevels).safeParse(flags.logLevel),
  };
  const { host, port: restPort, logLevel } = checked;
  if (!host.success) problems.push(`--host "${flags.host}": ${host.error.issues[0]?.message}`);
  if (!restPort.success) problems.push(`--port "${flags.port}": ${restPort.error.issues[0]?.message}`);
  if (!logLevel.success) problems.push(`--log-level "${flags.logLevel}": ${logLevel.error.issues[0]?.message}`);
  if (problems.length > 0 || !host.success || !restPort.success || !logLevel.success) {
    throw new CommandError(`these options cannot be used:\n  ${problems.join('\n  ')}`, exitCodes.usage);
  }
  return { endpoints, host: host.data, port: restPort.data, logLevel: logLevel.data };
}

async function gateway({ endpoints, host, port: restPort, logLevel }: GatewayOptions): Promise<void> {
  const logger = createLogger(logLevel, { gateway: addressOf(host, restPort) });
  logger.info({ version, pid: process.pid, endpoints }, 'starting');
  const signals = watchStopSignals();
  void signals.again.then(() => process.exit(exitCodes.failure));

  const client = new ManifestGrpcClient({ endpoints });
  const metrics = new PrometheusMetrics();
  metrics.watchServices(client);
  const rest = createRestGateway({
    registry: client,
    cluster: client,
    // The members know the token, and check it.
    authToken: null,
    passTokenOn: true,
    logger,
    metrics,
  });
  try {
    await rest.listen({ host, port: restPort });
  } catch (error) {
    throw explainStartFailure(error, [{ port: restPort, option: '--port' }], host);
  }
  logger.info({ rest: `http://${addressOf(host, restPort)}` }, 'serving');

  logger.info({ because: await signals.first }, 'stopping; a second signal ends at once');
  await within(rest.close(), shutdownGraceMs, undefined);
  client.close();
  logger.info('stopped');
}
