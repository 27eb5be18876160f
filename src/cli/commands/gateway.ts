import { type Command, Option } from 'commander';
import type { Logger } from 'pino';
import { addressOf } from '../../config/addresses.ts';
import { createLogger } from '../../config/logger.ts';
import { isHostAndPort, listenHost, oneOf, port } from '../../config/option-schemas.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import type { GatewayOptions, RunningGateway } from '../serve-gateway.ts';
import { explainStartFailure } from '../start-failure.ts';
import { watchStopSignals, within } from '../stop-signals.ts';
import { version } from '../version.ts';

interface GatewayFlags {
  readonly endpoints?: string;
  readonly host: string;
  readonly port: string;
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

async function gateway(options: GatewayOptions): Promise<void> {
  const { endpoints, host, port: restPort, logLevel } = options;
  const address = addressOf(host, restPort);
  const logger = createLogger(logLevel, { gateway: address });
  logger.info({ version, pid: process.pid, endpoints }, 'starting');
  const signals = watchStopSignals();
  void signals.again.then(() => process.exit(exitCodes.failure));
  const running = await start(options, logger);
  logger.info({ rest: `http://${address}` }, 'serving');

  logger.info({ because: await signals.first }, 'stopping; a second signal ends at once');
  const inTime = await within(
    running.stop().then(() => true),
    shutdownGraceMs,
    false,
  );
  if (!inTime) throw new CommandError(`requests were still under way after ${shutdownGraceMs / 1_000} s`);
  logger.info('stopped');
}

async function start(options: GatewayOptions, logger: Logger): Promise<RunningGateway> {
  // Loaded only here: the commands that ask a registry start the faster.
  const { serveGateway } = await import('../serve-gateway.ts');
  try {
    return await serveGateway(options, logger);
  } catch (error) {
    throw explainStartFailure(error, [{ port: options.port, option: '--port' }], options.host);
  }
}
