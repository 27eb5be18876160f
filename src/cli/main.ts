#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { addDevCommand } from './commands/dev.ts';
import { addServeCommand } from './commands/serve.ts';
import { addServiceCommands } from './commands/services.ts';
import { addStatusCommand } from './commands/status.ts';
import { CommandError, exitCodes, exitCodesHelp } from './exit-codes.ts';
import { version } from './version.ts';

const program = new Command('chora-manifest')
  .description('A strongly consistent service registry: run it, and look into it.')
  .version(version, '-V, --version')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    'after',
    `
Examples:
  $ chora-manifest dev                      a cluster of three on this machine
  $ chora-manifest status                   who leads it
  $ chora-manifest list --tag core          what is registered
${exitCodesHelp}`,
  );

addDevCommand(program);
addServeCommand(program);
addServiceCommands(program);
addStatusCommand(program);
for (const command of program.commands) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
  // A member that failed may still hold sockets and timers: the process ends now.
  process.exit();
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof CommandError) {
    process.stderr.write(`error: ${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return exitCodes.failure;
}
