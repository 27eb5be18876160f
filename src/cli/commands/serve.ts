import type { Command } from 'commander';
import { describeOptions, warningsOf } from '../../config/describe-options.ts';
import { createLogger } from '../../config/logger.ts';
import { type OptionSpec, optionTable, variableOf } from '../../config/option-table.ts';
import { type MemberOptions, OptionsError, readOptions } from '../../config/options.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { serveMember } from '../serve-member.ts';
import { version } from '../version.ts';

const examples = `
Examples:
  # A cluster of one, for a first look
  $ chora-manifest serve

  # The first of three members
  $ chora-manifest serve --node-id node-1 --host 10.0.0.1 --data-dir /var/lib/manifest \\
      --peers node-1=10.0.0.1:8503,node-2=10.0.0.2:8503,node-3=10.0.0.3:8503

  # The same from a file, with the token from the environment
  $ MANIFEST_AUTH_TOKEN=… chora-manifest serve --config manifest.json

Every option is also a variable (--rest-port is MANIFEST_REST_PORT) and a key of
the file (rest-port). Flags win over variables, variables over the file.`;

export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .summary('run one member of a cluster')
    .description('Runs one member of a cluster until it is told to stop (SIGTERM, SIGINT).')
    .option('--config <FILE>', 'JSON file with options (variable: MANIFEST_CONFIG)')
    .addHelpText('after', examples);
  const specs: readonly OptionSpec[] = optionTable;
  for (const { name, placeholder, description, fallback } of specs) {
    const shown = fallback ? ` (default: ${fallback})` : '';
    command.option(`--${name} <${placeholder}>`, `${description}${shown} [${variableOf(name)}]`);
  }
  command.action((flags: Record<string, string>) => serve(flags));
}

async function serve(flags: Record<string, string>): Promise<void> {
  const options = readMemberOptions(flags);
  const logger = createLogger(options.logLevel, { node: options.nodeId });
  logger.info({ version, options: describeOptions(options) }, 'starting');
  for (const warning of warningsOf(options)) logger.warn(warning);

  let member: Awaited<ReturnType<typeof serveMember>>;
  try {
    member = await serveMember(options, logger);
  } catch (error) {
    throw new CommandError(explained(error, options));
  }
  logger.info({ rest: options.restAddress, grpc: options.grpcAddress }, 'serving');

  const stop = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
    // `dev` holds a channel to its members: when it dies, they end too.
    if (process.channel) process.once('disconnect', () => resolve('the end of the parent process'));
  });
  const ended = await Promise.race([stop, member.failed]);
  if (ended instanceof Error) throw new CommandError(`this member cannot go on: ${ended.message}`);
  logger.info({ because: ended }, 'stopping; a second signal ends at once');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(exitCodes.failure));
  await member.stop();
  logger.info('stopped');
  process.exit(exitCodes.ok);
}

function readMemberOptions(flags: Record<string, string>): MemberOptions {
  const { config, ...camelCased } = flags;
  const byName = Object.fromEntries(
    Object.entries(camelCased).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      value,
    ]),
  );
  try {
    return readOptions({ flags: byName, environment: process.env, configFile: config });
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    throw new CommandError(`these options cannot be used:\n  ${error.problems.join('\n  ')}`, exitCodes.usage);
  }
}

function explained(error: unknown, options: MemberOptions): string {
  const { code, port, message } = error as { code?: string; port?: number; message: string };
  const taken = code === 'EADDRINUSE' || /EADDRINUSE/.test(message);
  if (!taken) return message;
  const option = port === options.restPort ? '--rest-port' : port === options.grpcPort ? '--grpc-port' : '--peer-port';
  return `${message}\n  Another process uses that port: end it, or choose another one with ${option}.`;
}
