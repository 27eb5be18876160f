import { type Command, Option } from 'commander';
import type { Logger } from 'pino';
import { describeOptions, warningsOf } from '../../config/describe-options.ts';
import { createLogger } from '../../config/logger.ts';
import { configVariable, type OptionSpec, optionTable, variableOf } from '../../config/option-table.ts';
import { type MemberOptions, OptionsError, readOptions } from '../../config/options.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { exitWithParentFlag, parentEnded } from '../parent-end.ts';
import { checkPorts } from '../ports.ts';
import type { RunningMember } from '../serve-member.ts';
import { explainStartFailure } from '../start-failure.ts';
import { endAtOnce, watchStopSignals, within } from '../stop-signals.ts';
import { version } from '../version.ts';

const specs: readonly OptionSpec[] = optionTable;

interface ServeFlags {
  readonly config?: string;
  readonly exitWithParent?: boolean;
  readonly [option: string]: string | boolean | undefined;
}

export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .summary('run one member of a cluster')
    .description(
      'Runs one member of a cluster until it is told to stop (SIGTERM, SIGINT). Its log is JSON, a line each.',
    )
    .option('--config <FILE>', `a JSON file with options [${configVariable}]`)
    .addOption(new Option(exitWithParentFlag).hideHelp());
  for (const spec of specs) command.addOption(flagOf(spec));
  command
    .addHelpText(
      'after',
      `
Every option is also a variable (in brackets) and a key of the file (without the hyphens in front).
Flags win over variables, variables over the file, the file over defaults.

Examples:
  A cluster of one, for a first look:
  $ chora-manifest serve

  The first of three members:
  $ chora-manifest serve --node-id node-1 --host 10.0.0.1 --data-dir /var/lib/manifest \\
      --peers node-1=10.0.0.1:8503,node-2=10.0.0.2:8503,node-3=10.0.0.3:8503

  From a file, with the token from the environment:
  $ MANIFEST_AUTH_TOKEN=… chora-manifest serve --config manifest.json

Exit codes:
  0 stopped as told   1 could not start or go on   2 the options cannot be used
  137 ended at once: told twice, or not stopped within --shutdown-grace-ms`,
    )
    .action((flags: ServeFlags) => serve(flags));
}

/** The schema in the table checks the value, so that flags, variables and the file get the same errors. */
function flagOf({ name, placeholder, description, fallback }: OptionSpec): Option {
  const standard = fallback === '' ? '' : `; default ${fallback}`;
  const isSwitch = placeholder === 'true|false';
  const value = isSwitch ? `[${placeholder}]` : `<${placeholder}>`;
  return new Option(`--${name} ${value}`, `${description}${standard} [${variableOf(name)}]`);
}

async function serve(flags: ServeFlags): Promise<void> {
  const options = memberOptionsFrom(flags);
  const logger = createLogger(options.logLevel, { node: options.nodeId });
  logger.info({ version, pid: process.pid, options: describeOptions(options) }, 'starting');
  for (const warning of warningsOf(options)) logger.warn(warning);

  const signals = watchStopSignals();
  void signals.again.then((signal) => endAtOnce(`told again, by ${signal}`));
  const told = Promise.race(flags.exitWithParent ? [signals.first, parentEnded()] : [signals.first]);
  const starting = start(options, logger).then((member) => {
    logger.info({ rest: options.restAddress, grpc: options.grpcAddress }, 'serving');
    return member;
  });

  const ended = await Promise.race([told, starting.then(({ failed }) => failed)]);
  if (ended instanceof Error) throw new CommandError(`this member cannot go on: ${ended.message}`);
  logger.info({ because: ended }, 'stopping; a second signal ends at once');
  const inTime = await within(
    starting.then((member) => member.stop()).then(() => true),
    options.shutdownGraceMs,
    false,
  );
  if (inTime) return logger.info('stopped');
  endAtOnce(`not stopped within shutdown-grace-ms (${options.shutdownGraceMs} ms)`);
}

/** @throws CommandError with every problem */
export function memberOptionsFrom(
  flags: ServeFlags,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): MemberOptions {
  const given: Record<string, string> = {};
  for (const { name } of specs) {
    const value = flags[name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase())];
    if (value !== undefined) given[name] = String(value);
  }
  try {
    return readOptions({ flags: given, environment, configFile: flags.config });
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    throw new CommandError(`these options cannot be used:\n  ${error.problems.join('\n  ')}`, exitCodes.usage);
  }
}

/** That no variable is mistaken, before members are started that would all refuse it. @throws CommandError */
export function checkEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  memberOptionsFrom({}, environment);
}

async function start(options: MemberOptions, logger: Logger): Promise<RunningMember> {
  const ports = [
    { port: options.restPort, option: '--rest-port' },
    { port: options.grpcPort, option: '--grpc-port' },
    { port: options.peerPort, option: '--peer-port' },
  ];
  await checkPorts(ports, options.host);
  // Loaded only here: the commands that ask a registry start the faster.
  const { serveMember } = await import('../serve-member.ts');
  try {
    return await serveMember(options, logger);
  } catch (error) {
    logger.debug({ err: error }, 'could not start');
    throw explainStartFailure(error, ports, options.host);
  }
}
